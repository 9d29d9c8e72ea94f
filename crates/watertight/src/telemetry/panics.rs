//! Panics as JSON log lines.

use std::backtrace::Backtrace;
use std::sync::Once;

static INSTALL: Once = Once::new();

/// Replaces the default hook, which writes plain text to stderr, by one that
/// logs message, place and thread, and the stack if `RUST_BACKTRACE` asks for it.
pub(super) fn install() {
    INSTALL.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let message = info.payload_as_str().unwrap_or("(no message)");
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let thread = std::thread::current();
            let backtrace = Backtrace::capture();
            tracing::error!(
                message,
                location,
                thread = thread.name().unwrap_or("?"),
                %backtrace,
                "panic"
            );
            metrics::counter!("panics_total").increment(1);
        }));
    });
}
