//! Mechanisms every Watertight service is built from: deadlines, scopes, clocks, crash points.
//!
//! This crate knows nothing of sockets, files, HTTP or gRPC. It needs a tokio
//! runtime for tasks and timers, and nothing else from the outside world.
//!
//! - [`Deadline`]: the instant after which nobody waits any more.
//! - [`Scope`]: the owner of tasks; carries deadline and cancellation.
//! - [`current`]: the ambient scope, for code that can't be handed one.
//! - [`Detached`]: work after the response that can't hold on to the request.
//! - [`race`], [`join`], [`join_all`]: several futures in one task, each visible.
//! - [`census`], [`Warden`], [`stalls`]: which tasks there are, and which are dead,
//!   suspect, or don't give their worker back.
//! - [`TraceContext`]: which request a piece of work belongs to.
//! - [`Tracer`], [`Span`]: what was done for it, and whether that is kept.
//! - [`mod@catalogue`]: metrics, declared once and known to documents and dashboards.
//! - [`Clock`]: a wall clock that never goes back.
//! - [`Faults`]: named points at which a test lets the process die.

mod ambient;
mod blocking;
pub mod catalogue;
mod clock;
mod combine;
mod deadline;
mod detached;
mod every;
mod faults;
mod grpc_timeout;
mod hook;
mod label;
mod pause;
mod registry;
mod run;
mod scope;
pub mod series;
mod shield;
mod task;
mod ticks;
mod trace;

pub use ambient::{Ambient, current, current_trace, current_traced};
pub use blocking::BlockingLimits;
pub use clock::Clock;
pub use combine::{Branch, Either, branch, join, join_all, race, race_all, try_join, try_join_all};
pub use deadline::{Deadline, DeadlinePassed};
pub use detached::{Detached, DetachedLimits, Full, Refused, Snapshot};
pub use faults::Faults;
pub use grpc_timeout::{BadTimeout, format_grpc_timeout, parse_grpc_timeout};
pub use hook::{PollHook, set_poll_hook};
pub use label::Label;
pub use pause::pause;
pub use registry::{
    Census, CensusTaker, Found, Group, LeftBehind, Query, Stall, TASKS_LISTED_MAX, TaskView,
    Warden, census, live_tasks, stalls,
};
pub use run::{Closed, Run};
pub use scope::{CancelReason, Priority, RootId, Scope, ScopeGuard, Straggler, Stragglers};
pub use shield::ShieldError;
pub use task::{SpawnSite, TaskError, TaskHandle, TaskState};
pub use trace::{
    ATTRIBUTES_MAX, Attribute, ClientSpan, EndedAs, FinishedTrace, FinishedTraces, Promotion,
    RootSpan, Sampling, Span, SpanEvent, SpanId, SpanKind, SpanRecord, TEXT_BYTES_MAX,
    TraceContext, TraceId, TraceLimits, TraceState, Traced, Tracer, Value,
};
