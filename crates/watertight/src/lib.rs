//! The chassis a Watertight service stands on.
//!
//! A service hands [`run`] an async closure that builds its [`App`]; the
//! chassis brings runtimes, one port for HTTP/1, HTTP/2 and gRPC, deadlines
//! for every request, an admin port, JSON logs, metrics and an orderly end.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use watertight::{App, axum};
//!
//! fn main() -> ExitCode {
//!     watertight::run("greeter", async |app: App| {
//!         Ok(app.http(axum::Router::new().route("/", axum::routing::get(async || "hello\n"))))
//!     })
//! }
//! ```
//!
//! The chassis knows nothing of what a service sells, nor of how it stores it.
//!
//! # Life of a process
//!
//! 1. [`run`] installs logs, metrics and the panic hook, builds the work
//!    runtime and calls the closure.
//! 2. Listeners are bound, jobs start, the *ops thread* (a runtime of its own,
//!    so that it answers when the workers don't) opens the admin port.
//! 3. SIGTERM or SIGINT: not ready → `--unready` → stop accepting, GOAWAY →
//!    drain up to `--drain` → cancel scopes → shutdown hooks → stragglers
//!    are named in the log. A second signal ends the process at once.

// `#[watertight::test]` names the crate as everybody else would.
#[cfg(test)]
extern crate self as watertight;

mod admin;
mod alloc;
mod app;
mod client;
pub mod config;
mod crash;
mod error;
pub mod extract;
mod files;
mod health;
pub mod layer;
mod ops;
mod outcome;
mod problem;
pub mod problems;
mod request;
mod run;
mod running;
pub mod series;
mod server;
mod telemetry;
#[doc(hidden)]
pub mod testing;
mod trace;

pub use app::App;
pub use client::{DeadlineClass, GrpcChannel, GrpcChannelBuilder, HttpClient, HttpError};
pub use crash::CrashAt;
pub use error::{BindError, BoxError, ConfigError, StartError};
pub use health::Readiness;
pub use layer::ScopeLayer;
pub use problem::{Problem, ProblemKind};
pub use request::{ConnInfo, ListenerTag, RequestScope};
pub use run::{run, run_from};
pub use running::Running;
pub use server::{
    Acceptor, PlainTcp, RouteTimeouts, Routes, RustlsAcceptor, Server, ServerConfig, Tls, TlsError,
    TlsFiles, bind,
};

pub use telemetry::MetricsRegistry;
pub use watertight_core::catalogue;
pub use watertight_core::{
    Ambient, BadTimeout, Branch, CancelReason, Clock, Closed, Deadline, DeadlinePassed, Detached,
    DetachedLimits, Either, Faults, Full, Label, Priority, Refused, RootId, Run, Scope, ScopeGuard,
    ShieldError, Snapshot, Span, SpanId, SpawnSite, Straggler, Stragglers, TaskError, TaskHandle,
    TraceContext, TraceId, Traced, Value, branch, current, current_trace, format_grpc_timeout,
    join, join_all, parse_grpc_timeout, pause, race, race_all, try_join, try_join_all,
};

/// What the process is doing: its tasks, counted and by name, and those that should
/// not be there. The admin port shows the same at `/debug/tasks`.
pub mod tasks {
    pub use watertight_core::{
        Census, CensusTaker, Found, Group, LeftBehind, PollHook, Query, Stall, TASKS_LISTED_MAX,
        TaskState, TaskView, Warden, census, live_tasks, set_poll_hook, stalls,
    };
}

/// Marks an async test, and fails it if it leaves a task behind.
pub use watertight_macros::test;

/// The HTTP framework whose `Router` [`App::http`] takes, so that a service
/// uses the same version.
pub use axum;
