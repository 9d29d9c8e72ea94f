//! What the service counts.

watertight::catalogue! {
    /// Streams of events that are open.
    pub EVENT_STREAMS: Gauges("gateway_event_streams", Count);
    /// Rows of imports: imported, already_imported or rejected.
    pub IMPORT_ROWS: Counters("gateway_import_rows_total", Count, [outcome]);
}
