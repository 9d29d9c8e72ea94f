//! The signals that end a service, and the end it comes to if it won't go.

use crate::telemetry;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use watertight_core::{Deadline, Either, race};

/// What an orderly shutdown may take beyond its own sum of limits.
const OVERTIME: Duration = Duration::from_secs(2);

/// The signals that end a service.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on: before anybody is told that the service is ready,
    /// or a signal sent right then would still end the process the hard way.
    /// In the context of a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self {
            interrupt,
            terminate,
        })
    }

    /// First signal: ask for shutdown. Second, or a shutdown that overstays
    /// its limits: end the process, whatever the work runtime is doing.
    pub(super) async fn serve(
        &mut self,
        asked: &watch::Sender<&'static str>,
        shutdown_max: &(dyn Fn() -> Duration + Send),
    ) {
        let (first, _) = self.next().await;
        asked.send_replace(first);
        let end = Deadline::after(shutdown_max() + OVERTIME);
        match end.run(self.next()).await {
            Ok((name, code)) => {
                tracing::warn!(signal = name, "second signal, ending at once");
                end_process(code);
            }
            Err(_passed) => {
                tracing::error!("shutdown did not end in time, ending the process");
                end_process(1);
            }
        }
    }

    async fn next(&mut self) -> (&'static str, i32) {
        match race(self.interrupt.recv(), self.terminate.recv()).await {
            Either::Left(_) => ("SIGINT", 130),
            Either::Right(_) => ("SIGTERM", 143),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the work runtime is stuck: no destructor would run"
)]
fn end_process(code: i32) -> ! {
    telemetry::flush();
    std::process::exit(code)
}
