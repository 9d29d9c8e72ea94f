//! One process and its owner: starts it, waits for its death, starts it again.

use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use watertight_core::{Deadline, Either, race};

use super::{
    Plan, endpoints, logs,
    restart::{Decision, RestartPolicy},
    shared::Shared,
};
use crate::{console::Console, rest::rest, services::Service};

/// What the owner of a process needs.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) service: Service,
    pub(super) plan: Arc<Plan>,
    pub(super) shared: Arc<Shared>,
    pub(super) console: Console,
    /// Cancelled when the process shall end.
    pub(super) stop: CancellationToken,
    /// How long it may take to end before it is killed.
    pub(super) stop_max: Duration,
}

/// Why the owner stopped looking at a process.
enum End {
    Died(ExitStatus),
    Stop,
}

impl Owner {
    /// Keeps the process running until it is told to stop. `true` if the process
    /// ended by itself then, `false` if it had to be killed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it kills the process: nothing outlives its owner.
    pub(super) async fn keep(self) -> bool {
        let mut policy = RestartPolicy::default();
        while !self.stop.is_cancelled() {
            let mut child = match self.start() {
                Ok(child) => child,
                Err(error) => {
                    self.give_up(format!("can't be started: {error}"));
                    break;
                }
            };
            // Held while the process lives: its end is how a process notices that
            // this one is gone. `Child::wait` would close it at once.
            let _lifeline = child.stdin.take();
            let born = Instant::now();
            let end = self.watch(&mut child).await;
            match end {
                Ok(End::Stop) => return self.end(child).await,
                Ok(End::Died(status)) => self.died(status, born, &mut policy).await,
                Err(error) => self.give_up(format!("can't be waited for: {error}")),
            }
            if self
                .shared
                .look(self.service, |slot| slot.gave_up.is_some())
            {
                break;
            }
        }
        true
    }

    fn start(&self) -> std::io::Result<Child> {
        let log = logs::open(&self.plan.dir.log(self.service))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--exit-with-stdin", self.service.name()]);
        command.args(self.plan.args(self.service));
        let crash = self.shared.look(self.service, |slot| slot.crash_next);
        if let Some(crash) = crash {
            command.args(["--crash-at", &crash.to_string()]);
        }
        let child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C in a terminal is for the demo, which
            // verifies first and stops the services then.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        self.shared.change(self.service, |slot| {
            slot.pid = child.id();
            slot.starts += 1;
            slot.kill_wanted = false;
            slot.armed = slot.crash_next.take();
        });
        self.write_endpoints();
        Ok(child)
    }

    async fn watch(&self, child: &mut Child) -> std::io::Result<End> {
        let asked = race(self.stop.cancelled(), self.shared.kill_asked(self.service));
        match race(child.wait(), asked).await {
            Either::Left(status) => return Ok(End::Died(status?)),
            Either::Right(Either::Left(())) => return Ok(End::Stop),
            Either::Right(Either::Right(())) => {}
        }
        child.start_kill()?;
        Ok(End::Died(child.wait().await?))
    }

    async fn died(&self, status: ExitStatus, born: Instant, policy: &mut RestartPolicy) {
        let wanted = self.shared.change(self.service, |slot| {
            let crashed = slot.armed.take().is_some() && status.signal() == Some(9);
            let wanted = slot.kill_wanted || crashed;
            slot.pid = None;
            if wanted {
                slot.kills += 1
            } else {
                slot.deaths += 1
            }
            wanted
        });
        // Nobody must find a pid there that is somebody else's by now.
        self.write_endpoints();
        if wanted {
            return;
        }
        let name = self.service.name();
        let last = logs::last_words(&self.plan.dir.log(self.service));
        match policy.died(Instant::now(), born.elapsed()) {
            Decision::Restart(wait) => {
                let ms = wait.as_millis();
                self.console.warn(format_args!(
                    "{name} died ({status}), starts again in {ms} ms: {last}"
                ));
                // A stop meanwhile ends the wait, and the loop with it.
                self.stop
                    .run_until_cancelled(rest(wait))
                    .await
                    .unwrap_or_default();
            }
            Decision::GiveUp => self.give_up(format!("died ten times in a minute: {last}")),
        }
    }

    fn give_up(&self, why: String) {
        self.console
            .warn(format_args!("{} {why}", self.service.name()));
        self.shared.change(self.service, |slot| {
            slot.pid = None;
            slot.gave_up = Some(why);
        });
        self.write_endpoints();
    }

    /// SIGTERM, a bounded wait, SIGKILL.
    async fn end(&self, mut child: Child) -> bool {
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // The child isn't reaped yet, so the pid is still its own.
            kill_process(pid, Signal::TERM).unwrap_or_default();
        }
        let ended = Deadline::after(self.stop_max)
            .run(child.wait())
            .await
            .is_ok();
        if !ended {
            // An error means that it ended at the last moment.
            child.kill().await.unwrap_or_default();
        }
        self.shared.change(self.service, |slot| slot.pid = None);
        self.write_endpoints();
        ended
    }

    fn write_endpoints(&self) {
        let _alone = self
            .shared
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let pid = |service| self.shared.look(service, |slot| slot.pid);
        if let Err(error) = endpoints::write(&self.plan, pid) {
            self.console
                .warn(format_args!("endpoints.json can't be written: {error}"));
        }
    }
}
