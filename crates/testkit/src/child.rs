//! Child processes that don't outlive their test.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// A child process, killed by its pid and reaped on drop.
#[derive(Debug)]
pub struct ChildGuard(Child);

impl ChildGuard {
    /// Starts `command`.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    #[must_use]
    #[expect(clippy::panic, reason = "a test can't go on without its process")]
    pub fn spawn(command: &mut Command) -> Self {
        match command.spawn() {
            Ok(child) => Self(child),
            Err(error) => panic!("cannot start {command:?}: {error}"),
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The process itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Kills it with SIGKILL and reaps it. Harmless if it has gone already.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.0.kill()?;
        self.0.wait()
    }

    /// Sends the signal `name` ("TERM", "INT", …) through `kill(1)`.
    ///
    /// # Panics
    ///
    /// If it can't be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "cannot send SIG{name}"
        );
    }

    /// Whether it has ended, without waiting.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    ///
    /// If it is still there after `liveness`.
    #[expect(clippy::panic, reason = "a process that never ends fails the test")]
    pub fn wait(&mut self, liveness: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return status,
                Ok(None) if started.elapsed() < liveness => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                other => panic!("process {} did not end: {other:?}", self.pid()),
            }
        }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ended = self.kill();
    }
}
