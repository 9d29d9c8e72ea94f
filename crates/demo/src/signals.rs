//! Signals that end the demo, and the keys that stand for them.

use std::sync::Arc;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use watertight_core::race;

use crate::stage::DemoError;

/// SIGINT, SIGTERM and SIGHUP, from the moment this exists; and the keys of a
/// screen, if there is one.
#[derive(Debug)]
pub(crate) struct Signals {
    signals: [Signal; 3],
    keys: Arc<Notify>,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`DemoError::Signals`] if the system refuses.
    pub(crate) fn new() -> Result<Self, DemoError> {
        let listen = |kind| signal(kind).map_err(DemoError::Signals);
        let signals = [
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ];
        Ok(Self {
            signals,
            keys: Arc::default(),
        })
    }

    /// What a screen notifies when a key says what Ctrl-C says without one: in
    /// raw mode it makes no signal.
    pub(crate) fn keys(&self) -> Arc<Notify> {
        self.keys.clone()
    }

    /// The next signal.
    ///
    /// # Cancel safety
    ///
    /// Safe: a signal that comes meanwhile is kept.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let ends = race(terminate.recv(), hangup.recv());
        race(race(interrupt.recv(), ends), self.keys.notified()).await;
    }
}
