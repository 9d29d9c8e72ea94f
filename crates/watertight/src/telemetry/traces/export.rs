//! Batches to the collector, one after the other.

use super::batch::Batch;
use super::encode::{self, Anchor};
use crate::config::Url;
use crate::series::core::{SPANS_DROPPED, TRACES_DROPPED};
use crate::series::{SPANS_EXPORTED, TRACE_BUFFER, TRACE_EXPORT, TRACE_QUEUE, TRACES_EXPORTED};
use crate::{GrpcChannel, Scope, TaskHandle};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use watertight_core::{Deadline, Either, FinishedTraces, Tracer, pause, race};

/// How long the collector has for a batch.
const EXPORT_MAX: Duration = Duration::from_secs(5);
/// A batch is sent again once, if that may help.
const TRIES: u32 = 2;
/// How long to wait before that, and after a batch that was given up.
const BACKOFF: Duration = Duration::from_millis(500);
/// How long the end of the process waits for what is left.
pub(crate) const FLUSH_MAX: Duration = Duration::from_secs(2);
/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(5);

/// Sends what a tracer keeps to a collector.
///
/// # Limits
///
/// One batch at a time, of about 512 spans or 512 KiB; 5 s for each, tried twice.
/// What comes meanwhile waits in the tracer's queue, which is bounded.
///
/// # Metrics
///
/// `traces_exported_total`, `trace_spans_exported_total`, `trace_export_seconds`,
/// `trace_buffer_bytes`, `trace_queue_length`, `traces_dropped_total{reason}`:
/// `memory`, `queue_full`, `promotions`, `timeout`, `unavailable`, `refused`,
/// `shutdown`.
#[derive(Debug)]
pub(crate) struct Exporter {
    url: String,
    resource: Resource,
    tracer: Tracer,
    finished: FinishedTraces,
    batch: Batch,
    /// Traces that are being sent.
    under_way: usize,
    /// The last batch was given up.
    failing: bool,
}

/// An exporter at work.
#[derive(Debug)]
pub(crate) struct Exporting {
    stop: CancellationToken,
    task: TaskHandle<()>,
}

impl Exporting {
    /// Sends what is left, for [`FLUSH_MAX`] at most.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        // Cancelled, it counted what was left.
        let _ended = self.task.await;
    }
}

impl Exporter {
    pub(super) fn new(
        url: &Url,
        resource: Resource,
        tracer: Tracer,
        finished: FinishedTraces,
    ) -> Self {
        Self {
            url: url.as_str().to_owned(),
            resource,
            tracer,
            finished,
            batch: Batch::default(),
            under_way: 0,
            failing: false,
        }
    }

    /// Sends from now on; the task and its connection belong to `scope`. On the
    /// runtime that shall do the work.
    pub(crate) fn start(self, scope: &Scope) -> Exporting {
        let stop = CancellationToken::new();
        let tracer = self.tracer.clone();
        scope.every("trace gauges", GAUGES, move |_| {
            note_load(&tracer);
            async {}
        });
        let channel = GrpcChannel::builder("otlp", &self.url)
            .scope(scope.clone())
            .connect_lazy();
        let until = stop.clone();
        let task = scope.spawn("trace export", async move {
            match channel {
                Ok(channel) => self.run(TraceServiceClient::new(channel), until).await,
                Err(error) => tracing::error!(%error, "traces are not exported"),
            }
        });
        Exporting { stop, task }
    }

    async fn run(mut self, mut client: Client, stop: CancellationToken) {
        {
            let mut work = std::pin::pin!(self.work(&mut client, &stop));
            if let Either::Right(()) = race(work.as_mut(), stop.cancelled()).await {
                // Late or not, what is left is counted.
                let _in_time = Deadline::after(FLUSH_MAX).run(work).await;
            }
        }
        let mut left = self.under_way + self.batch.len();
        while self.finished.try_next().is_some() {
            left += 1;
        }
        dropped("shutdown", left);
        note_load(&self.tracer);
    }

    async fn work(&mut self, client: &mut Client, stop: &CancellationToken) {
        loop {
            self.gather(stop).await;
            if self.batch.is_empty() {
                return;
            }
            let sent = self.send(client).await;
            if !sent && !stop.is_cancelled() {
                let _either = race(pause(BACKOFF), stop.cancelled()).await;
            }
        }
    }

    /// Waits until a batch is full or due; once told to stop, takes what is there.
    async fn gather(&mut self, stop: &CancellationToken) {
        while !self.batch.is_full() {
            let next = if stop.is_cancelled() {
                self.finished.try_next()
            } else {
                let due = self.batch.due().map(|due| Deadline::at(due.into()));
                let next = async {
                    match due {
                        Some(due) => due.run(self.finished.next()).await.unwrap_or(None),
                        None => self.finished.next().await,
                    }
                };
                match race(next, stop.cancelled()).await {
                    Either::Left(next) => next,
                    Either::Right(()) => continue,
                }
            };
            match next {
                Some(trace) => self.batch.add(trace, Instant::now()),
                None => return,
            }
        }
    }

    /// Sends the batch, and gives it up if that doesn't work. False if so.
    async fn send(&mut self, client: &mut Client) -> bool {
        let traces = self.batch.take();
        let (count, spans) = (
            traces.len(),
            traces.iter().map(|trace| trace.spans.len()).sum(),
        );
        let request = encode::request(&self.resource, traces, anchor());
        let started = Instant::now();
        self.under_way = count;
        let sent = try_send(client, request).await;
        self.under_way = 0;
        TRACE_EXPORT.get().record(started.elapsed().as_secs_f64());
        match sent {
            Ok(answer) => {
                self.works_again();
                accepted(count, spans, &answer);
                true
            }
            Err(status) => {
                self.fails(&status);
                dropped(reason(&status), count);
                false
            }
        }
    }

    fn works_again(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!(collector = self.url, "traces are exported again");
        }
    }

    /// Says so when it begins; the counter tells the rest.
    fn fails(&mut self, status: &Status) {
        if !std::mem::replace(&mut self.failing, true) {
            let (code, error) = (status.code(), status.message());
            tracing::warn!(collector = self.url, ?code, error, "traces are dropped");
        }
    }
}

type Client = TraceServiceClient<GrpcChannel>;

async fn try_send(
    client: &mut Client,
    message: ExportTraceServiceRequest,
) -> Result<ExportTraceServiceResponse, Status> {
    let mut tries = 1;
    loop {
        let mut request = Request::new(message.clone());
        request.set_timeout(EXPORT_MAX);
        match client.export(request).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if tries < TRIES && is_transient(status.code()) => {
                tries += 1;
                let _over = pause(BACKOFF).await;
            }
            Err(status) => return Err(status),
        }
    }
}

/// Whether OTLP asks to send it again. Not after a timeout: a collector that is
/// slow gets slower by being sent everything twice.
fn is_transient(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Aborted | Code::Cancelled | Code::OutOfRange | Code::DataLoss
    )
}

fn reason(status: &Status) -> &'static str {
    let code = status.code();
    if code == Code::DeadlineExceeded {
        "timeout"
    } else if is_transient(code) {
        "unavailable"
    } else {
        "refused"
    }
}

fn accepted(traces: usize, spans: usize, answer: &ExportTraceServiceResponse) {
    TRACES_EXPORTED.get().increment(whole(traces));
    let rejected = answer.partial_success.as_ref();
    let rejected = rejected.map_or(0, |partial| partial.rejected_spans);
    let rejected = u64::try_from(rejected).unwrap_or(0).min(whole(spans));
    SPANS_EXPORTED.get().increment(whole(spans) - rejected);
    if rejected > 0 {
        SPANS_DROPPED.with(["refused"]).increment(rejected);
    }
}

fn dropped(reason: &'static str, traces: usize) {
    if traces > 0 {
        TRACES_DROPPED.with([reason]).increment(whole(traces));
    }
}

fn note_load(tracer: &Tracer) {
    TRACE_BUFFER.get().set(tracer.held_bytes() as f64);
    TRACE_QUEUE.get().set(tracer.queued() as f64);
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans are compared with those of other machines, so theirs is the time of day; nothing is decided by it"
)]
fn anchor() -> Anchor {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    Anchor {
        instant: Instant::now(),
        since_1970: since_1970.unwrap_or_default(),
    }
}
