//! The thread that looks at files again: settings, the admin token, certificates.
//!
//! Reading a file may take for ever, on a network file system whose server is
//! gone. So there is one thread for it, on which nothing else waits: a look
//! that hangs holds up the looks after it, and neither requests nor probes nor
//! signals.

use crate::config::{Reloader, Why};
use crate::server::Tls;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use watertight_core::Deadline;

/// How long the end of a process waits for a look under way.
const END_MAX: Duration = Duration::from_millis(500);

/// The settings may have changed.
const CHANGE: u8 = 1;
/// Somebody asked for a reload.
const HANGUP: u8 = 2;
/// It is time to look at the certificates.
const TLS: u8 = 4;
/// The process ends.
const END: u8 = 8;

/// The handle of the thread.
#[derive(Debug)]
pub(crate) struct FileThread {
    asks: Asks,
    thread: JoinHandle<()>,
}

/// Asks for looks. Never waits: what is asked again before the thread comes to
/// it is done once. The thread ends when the last of these is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    asked: Arc<AtomicU8>,
    /// One place: a wake-up that waits will see everything asked by then.
    wake: SyncSender<()>,
    /// Counts the looks that are over; closed when the thread ends.
    looked: watch::Receiver<u64>,
}

impl FileThread {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// What the system says if there can't be one more.
    #[expect(clippy::disallowed_methods, reason = "FileThread::end joins it")]
    pub(crate) fn start(reloader: Arc<Reloader>, tls: Option<Tls>) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let (ended, looked) = watch::channel(0);
        let asked = Arc::new(AtomicU8::new(0));
        let asks = Asks {
            asked: Arc::clone(&asked),
            wake,
            looked,
        };
        let thread = std::thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || {
                run(&woken, &asked, &ended, |asked| {
                    look(asked, &reloader, tls.as_ref());
                });
            })?;
        Ok(Self { asks, thread })
    }

    pub(crate) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// Ends the thread and waits for it, but not for a file that can't be read:
    /// that one is left to the end of the process.
    ///
    /// # Cancel safety
    ///
    /// Safe; then the thread ends by itself.
    pub(crate) async fn end(self) {
        self.asks.ask(END);
        let mut looked = self.asks.looked.clone();
        let ended = async { while looked.changed().await.is_ok() {} };
        if Deadline::after(END_MAX).run(ended).await.is_err() {
            tracing::warn!("a file is still being read, not waiting for it");
        } else if self.thread.join().is_err() {
            tracing::error!("thread of the files panicked");
        }
    }
}

impl Asks {
    /// Asks for the settings, because they may have changed, and waits until a
    /// look is over.
    ///
    /// # Cancel safety
    ///
    /// Safe; the look happens all the same.
    pub(crate) async fn change(&self) {
        let mut looked = self.looked.clone();
        looked.mark_unchanged();
        self.ask(CHANGE);
        if looked.changed().await.is_err() {
            // The process ends: there is nothing more to look for.
            std::future::pending::<()>().await;
        }
    }

    /// Asks for everything, as somebody said so.
    pub(crate) fn hangup(&self) {
        self.ask(HANGUP);
    }

    /// Asks for the certificates.
    pub(crate) fn tls(&self) {
        self.ask(TLS);
    }

    fn ask(&self, what: u8) {
        self.asked.fetch_or(what, Ordering::AcqRel);
        // Full: it is about to be woken anyway. Closed: it has ended.
        let _woken = self.wake.try_send(());
    }
}

fn run(woken: &Receiver<()>, asked: &AtomicU8, ended: &watch::Sender<u64>, look: impl Fn(u8)) {
    while woken.recv().is_ok() {
        let asked = asked.swap(0, Ordering::AcqRel);
        if asked & END != 0 {
            return;
        }
        // A source that panics must not be the last look. The hook has told of it.
        let _panicked = catch_unwind(AssertUnwindSafe(|| look(asked)));
        ended.send_modify(|looks| *looks += 1);
    }
}

fn look(asked: u8, reloader: &Reloader, tls: Option<&Tls>) {
    if asked & HANGUP != 0 {
        reloader.look(Why::Hangup);
    } else if asked & CHANGE != 0 {
        reloader.look(Why::Change);
    }
    if asked & (HANGUP | TLS) != 0
        && let Some(tls) = tls
    {
        // Logged and counted there; there is nobody else to tell.
        let _refused = tls.reload();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[watertight::test]
    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    async fn what_is_asked_during_a_look_is_done_once_after_it() {
        let (wake, woken) = sync_channel(1);
        let (ended, looked) = watch::channel(0);
        let asked = Arc::new(AtomicU8::new(0));
        let asks = Asks {
            asked: Arc::clone(&asked),
            wake,
            looked,
        };
        let (begun, begins) = sync_channel(8);
        let (go, may_go) = sync_channel(8);
        let thread = std::thread::Builder::new().spawn(move || {
            run(&woken, &asked, &ended, |asked| {
                begun.send(asked).unwrap();
                may_go.recv().unwrap();
                assert_ne!(asked, TLS, "a panic ends no thread");
            });
        });
        asks.tls();
        assert_eq!(begins.recv(), Ok(TLS));
        for _ in 0..100 {
            asks.hangup();
            asks.tls();
        }
        go.send(()).unwrap();
        assert_eq!(begins.recv(), Ok(HANGUP | TLS));
        go.send(()).unwrap();
        go.send(()).unwrap();
        asks.change().await;
        assert_eq!(begins.recv(), Ok(CHANGE));
        asks.ask(END);
        thread.unwrap().join().unwrap();
        assert!(begins.recv().is_err(), "no look of its own");
    }
}
