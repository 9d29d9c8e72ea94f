//! Signals that end the demo.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stage::DemoError;

/// SIGINT, SIGTERM and SIGHUP, from the moment this exists.
#[derive(Debug)]
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`DemoError::Signals`] if the system refuses.
    pub(crate) fn new() -> Result<Self, DemoError> {
        let listen = |kind| signal(kind).map_err(DemoError::Signals);
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    /// The next signal.
    ///
    /// # Cancel safety
    ///
    /// Safe: a signal that comes meanwhile is kept.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
