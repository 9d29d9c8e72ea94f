//! What decides whether a trace is kept, and bounds what is held of all.

use super::ids::random;
use super::recording::{Promotion, Recording, RootSpan};
use super::sampler::{Adaptive, PerSecond, Threshold};
use super::{Sampling, SpanEvent, SpanRecord, TraceContext, TraceId, TraceState, Traced};
use crate::series::TRACES_DROPPED;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What traces may take, in the process and each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLimits {
    /// Spans of one local root; more are dropped.
    pub spans: usize,
    /// Events of one local root; more are dropped.
    pub events: usize,
    /// How long a local root collects. What it has by then is handed on, if it is
    /// sampled, or dropped; what comes later is dropped, but for the root itself.
    pub age: Duration,
    /// Bytes of all spans that are held, under way and queued. Beyond it a
    /// request isn't recorded, and a span is dropped.
    pub bytes: usize,
    /// Bytes of those that wait for their export, so that a collector that hangs
    /// leaves room for what is under way. Beyond it a finished trace is dropped.
    pub queued_bytes: usize,
    /// Traces that wait for their export; one more is dropped.
    pub queued: usize,
    /// Traces that are kept in a second for how they ended; more are dropped.
    /// When everything fails, the first hundred tell as much as all.
    pub promoted_per_s: u32,
}

impl Default for TraceLimits {
    fn default() -> Self {
        Self {
            spans: 64,
            events: 128,
            age: Duration::from_secs(30),
            bytes: 4 * 1024 * 1024,
            queued_bytes: 2 * 1024 * 1024,
            queued: 2_048,
            promoted_per_s: 100,
        }
    }
}

/// Makes the traces of a service; clones share everything.
///
/// Each request and each job, a *local root*, collects its spans in a buffer of
/// its own. Whether they are kept is decided when it ends: because the trace was
/// sampled at its beginning, by the caller or by [`Sampling`], or because the
/// root failed or was slow. So a trace is never given up before it is known how
/// it ends. The caller isn't told of a promotion; each process keeps its own part.
///
/// # Limits
///
/// [`TraceLimits`]; what they drop is counted.
///
/// # Metrics
///
/// `traces_promoted_total{reason}`, `traces_dropped_total{reason}`,
/// `trace_spans_dropped_total{reason}`.
#[derive(Clone)]
pub struct Tracer {
    shared: Arc<Shared>,
}

struct Shared {
    /// Of the ratio; what passes it is looked at more closely.
    ceiling: AtomicU64,
    slow_ns: AtomicU64,
    adaptive: Mutex<Adaptive>,
    promoted: Mutex<PerSecond>,
    limits: TraceLimits,
    held: AtomicUsize,
    queued: AtomicUsize,
    queue: mpsc::Sender<FinishedTrace>,
}

/// The traces that are kept, for whoever exports them.
#[derive(Debug)]
pub struct FinishedTraces {
    queue: mpsc::Receiver<FinishedTrace>,
}

impl FinishedTraces {
    /// Waits for the next one; `None` when its tracer is gone.
    ///
    /// # Cancel safety
    ///
    /// Safe: none is lost.
    pub async fn next(&mut self) -> Option<FinishedTrace> {
        self.queue.recv().await
    }

    /// One that is there already.
    pub fn try_next(&mut self) -> Option<FinishedTrace> {
        self.queue.try_recv().ok()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// What a local root and all under it did. Counts as held until it is dropped.
#[derive(Debug)]
pub struct FinishedTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// What other vendors say about it.
    pub state: Option<TraceState>,
    /// Whether it was sampled from its beginning.
    pub sampled: bool,
    /// Why it is kept though it wasn't.
    pub promoted: Option<Promotion>,
    /// The spans, in the order in which they ended; the root is the last, unless
    /// it goes on.
    pub spans: Vec<SpanRecord>,
    /// What happened during them.
    pub events: Vec<SpanEvent>,
    /// Spans that there was no room for.
    pub spans_lost: u32,
    /// Events that there was no room for.
    pub events_lost: u32,
    pub(super) held: Held,
}

impl FinishedTrace {
    /// What it takes of memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held.bytes
    }
}

/// Where a request comes from, and random numbers for what it brings no id for.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) caller: Option<TraceContext>,
    pub(crate) state: Option<TraceState>,
    pub(crate) trace: u128,
    pub(crate) span: u64,
}

impl Tracer {
    /// A tracer, and where what it keeps comes out.
    #[must_use]
    pub fn new(sampling: Sampling, slow: Duration) -> (Self, FinishedTraces) {
        Self::with_limits(sampling, slow, TraceLimits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(
        sampling: Sampling,
        slow: Duration,
        limits: TraceLimits,
    ) -> (Self, FinishedTraces) {
        let (sender, queue) = mpsc::channel(limits.queued.max(1));
        let shared = Shared {
            ceiling: AtomicU64::new(Threshold::of(sampling.ratio).0),
            slow_ns: AtomicU64::new(nanos(slow)),
            adaptive: Mutex::new(Adaptive::new(sampling)),
            promoted: Mutex::default(),
            limits,
            held: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            queue: sender,
        };
        let shared = Arc::new(shared);
        (Self { shared }, FinishedTraces { queue })
    }

    /// From now on samples like this, and takes what takes so long as slow.
    pub fn set(&self, sampling: Sampling, slow: Duration) {
        let ceiling = Threshold::of(sampling.ratio).0;
        *self.lock_adaptive() = Adaptive::new(sampling);
        self.shared.ceiling.store(ceiling, Ordering::Relaxed);
        self.shared.slow_ns.store(nanos(slow), Ordering::Relaxed);
    }

    /// From which duration on a local root is kept for being slow.
    #[must_use]
    pub fn slow(&self) -> Duration {
        Duration::from_nanos(self.shared.slow_ns.load(Ordering::Relaxed))
    }

    /// Bytes that are held now, queued ones included.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Traces that can still be queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        let queue = &self.shared.queue;
        queue.max_capacity() - queue.capacity()
    }

    /// A request came: its place in the caller's trace, or in a new one, from
    /// random numbers. It isn't recorded when there is no room.
    #[must_use]
    pub fn receive(
        &self,
        caller: Option<TraceContext>,
        state: Option<TraceState>,
        (trace, span): (u128, u64),
        started: Instant,
    ) -> (Traced, Option<RootSpan>) {
        let origin = Origin {
            caller,
            state,
            trace,
            span,
        };
        self.begin(origin, started)
    }

    pub(crate) fn begin(&self, origin: Origin, started: Instant) -> (Traced, Option<RootSpan>) {
        let context = match origin.caller {
            Some(caller) => caller.hop(origin.span),
            None => {
                let fresh = TraceContext::new(origin.trace, origin.span);
                fresh.with_sampled(self.samples(fresh.trace_id(), started))
            }
        };
        let parent = origin.caller.map(TraceContext::span_id);
        let base = size_of::<Recording>() + origin.state.as_ref().map_or(0, TraceState::bytes);
        let Some(held) = self.hold(base) else {
            dropped_trace("memory");
            return (Traced::new(context, origin.state, None), None);
        };
        let recording = Recording::new(self.clone(), context, origin.state.clone(), started, held);
        let recording = Arc::new(recording);
        let traced = Traced::new(context, origin.state, Some(Arc::clone(&recording)));
        (traced, Some(RootSpan::new(recording, parent)))
    }

    /// A job of the service's own, in `origin`'s trace or in a new one.
    pub(super) fn begin_job(
        &self,
        origin: Option<TraceContext>,
        state: Option<TraceState>,
        now: Instant,
    ) -> (Traced, Option<RootSpan>) {
        let trace = match origin {
            Some(_) => 0,
            None => u128::from(random()) << 64 | u128::from(random()),
        };
        let origin = Origin {
            caller: origin,
            state,
            trace,
            span: random(),
        };
        self.begin(origin, now)
    }

    fn samples(&self, trace: TraceId, now: Instant) -> bool {
        let ceiling = Threshold(self.shared.ceiling.load(Ordering::Relaxed));
        ceiling.keeps(trace) && self.lock_adaptive().keeps(trace, now)
    }

    fn lock_adaptive(&self) -> std::sync::MutexGuard<'_, Adaptive> {
        let adaptive = &self.shared.adaptive;
        adaptive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for one more trace that wasn't sampled.
    pub(super) fn may_promote(&self, now: Instant) -> bool {
        let promoted = &self.shared.promoted;
        let mut promoted = promoted.lock().unwrap_or_else(PoisonError::into_inner);
        let may = promoted.one_more(self.shared.limits.promoted_per_s, now);
        drop(promoted);
        if !may {
            dropped_trace("promotions");
        }
        may
    }

    pub(super) fn limits(&self) -> &TraceLimits {
        &self.shared.limits
    }

    /// Room for so many bytes, if there is any.
    fn hold(&self, bytes: usize) -> Option<Held> {
        let mut held = Held {
            tracer: self.clone(),
            bytes: 0,
            queued: 0,
        };
        held.grow(bytes).then_some(held)
    }

    /// Queues a trace for its export.
    pub(super) fn hand_over(&self, mut trace: FinishedTrace) {
        if !trace.held.queue() {
            dropped_trace("queue_full");
            return;
        }
        match self.shared.queue.try_send(trace) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => dropped_trace("queue_full"),
            Err(mpsc::error::TrySendError::Closed(_)) => dropped_trace("shutdown"),
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("held_bytes", &self.held_bytes())
            .field("slow", &self.slow())
            .finish_non_exhaustive()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn dropped_trace(reason: &'static str) {
    TRACES_DROPPED.with([reason]).increment(1);
}

/// Room that is given back on drop.
#[derive(Debug)]
pub(super) struct Held {
    tracer: Tracer,
    bytes: usize,
    /// How much of it counts as queued.
    queued: usize,
}

impl Held {
    /// Takes more, if there is as much.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let shared = &self.tracer.shared;
        let fits = take(&shared.held, bytes, shared.limits.bytes);
        self.bytes += if fits { bytes } else { 0 };
        fits
    }

    /// Hands on all of it, and keeps nothing.
    pub(super) fn split(&mut self) -> Self {
        Self {
            tracer: self.tracer.clone(),
            bytes: std::mem::take(&mut self.bytes),
            queued: std::mem::take(&mut self.queued),
        }
    }

    fn queue(&mut self) -> bool {
        let shared = &self.tracer.shared;
        let fits = take(&shared.queued, self.bytes, shared.limits.queued_bytes);
        self.queued = if fits { self.bytes } else { 0 };
        fits
    }
}

/// Adds unless that would be more than may be.
fn take(count: &AtomicUsize, bytes: usize, max: usize) -> bool {
    let before = count.fetch_add(bytes, Ordering::Relaxed);
    let fits = before.saturating_add(bytes) <= max;
    if !fits {
        count.fetch_sub(bytes, Ordering::Relaxed);
    }
    fits
}

impl Drop for Held {
    fn drop(&mut self) {
        let shared = &self.tracer.shared;
        shared.held.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.queued > 0 {
            shared.queued.fetch_sub(self.queued, Ordering::Relaxed);
        }
    }
}
