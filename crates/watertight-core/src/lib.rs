//! Mechanisms every Watertight service is built from: deadlines, scopes, clocks, crash points.
//!
//! This crate knows nothing of sockets, files, HTTP or gRPC. It needs a tokio
//! runtime for tasks and timers, and nothing else from the outside world.
//!
//! - [`Deadline`]: the instant after which nobody waits any more.
//! - [`Scope`]: the owner of tasks; carries deadline and cancellation.
//! - [`current`]: the ambient scope, for code that can't be handed one.
//! - [`TraceContext`]: which request a piece of work belongs to.
//! - [`Clock`]: a wall clock that never goes back.
//! - [`Faults`]: named points at which a test lets the process die.

mod ambient;
mod clock;
mod deadline;
mod every;
mod faults;
mod grpc_timeout;
mod run;
mod scope;
mod spawn;
mod tasks;
mod trace;

pub use ambient::{Ambient, current, current_trace};
pub use clock::Clock;
pub use deadline::{Deadline, DeadlinePassed};
pub use faults::Faults;
pub use grpc_timeout::{BadTimeout, format_grpc_timeout, parse_grpc_timeout};
pub use run::{Closed, Run};
pub use scope::Scope;
pub use spawn::{TaskError, TaskHandle};
pub use tasks::{Straggler, Stragglers};
pub use trace::{SpanId, TraceContext, TraceId};
