//! The owner of the owners.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use watertight::HttpClient;
use watertight_core::{Deadline, Either, Scope, TaskHandle, race, race_all, try_join_all};

use super::{CrashAt, Plan, Watcher, child::Owner, logs, probe, procfs, shared::Shared};
use crate::{console::Console, services::Service};

/// All of them are waited for at once.
const AT_A_TIME: NonZeroUsize = NonZeroUsize::new(Service::ALL.len()).unwrap();

/// How long a service may take to become ready.
const READY_MAX: Duration = Duration::from_secs(30);

/// How long it may take to end before it is killed: above its own drain time.
const STOP_MAX: Duration = Duration::from_secs(15);

/// Why the shop isn't up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{service} can't be started: it {why} (log: {log})")]
    GaveUp {
        service: &'static str,
        why: String,
        log: String,
    },
    #[error("{service} is not ready after {} s; its last words: {last} (log: {log})", READY_MAX.as_secs())]
    NotReady {
        service: &'static str,
        last: String,
        log: String,
    },
}

/// Runs the processes of a shop, restarts those that die, and ends them.
///
/// # Limits
///
/// Ten deaths of one process within a minute: then it stays down. Logs are cut
/// at 16 MiB. At the end each process has 15 s before it is killed.
#[derive(Debug)]
pub(crate) struct Supervisor {
    scope: Scope,
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    owners: Vec<(Service, CancellationToken, TaskHandle<bool>)>,
    probe: HttpClient,
}

impl Supervisor {
    /// Starts all processes; [`Supervisor::ready`] waits for them.
    pub(crate) fn start(scope: &Scope, plan: Plan, console: &Console) -> Self {
        let (plan, shared) = (Arc::new(plan), Arc::new(Shared::new()));
        let own = |service: Service| {
            let stop = CancellationToken::new();
            let owner = Owner {
                service,
                plan: plan.clone(),
                shared: shared.clone(),
                console: console.clone(),
                stop: stop.clone(),
                stop_max: STOP_MAX,
            };
            (service, stop, scope.spawn("own a process", owner.keep()))
        };
        let owners = Service::ALL.into_iter().map(own).collect();
        let logs_of = plan.clone();
        scope.every("cap logs", Duration::from_secs(1), move |_scope| {
            let plan = logs_of.clone();
            async move {
                for service in Service::ALL {
                    // A log that can't be cut now can be cut in a second.
                    logs::cap(&plan.dir.log(service)).unwrap_or_default();
                }
            }
        });
        let (scope, probe) = (scope.clone(), HttpClient::new("probe"));
        Self {
            scope,
            plan,
            shared,
            owners,
            probe,
        }
    }

    /// Waits until all processes say that they are ready.
    ///
    /// # Errors
    ///
    /// [`StartError`] with the last words of the one that isn't.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn ready(&self) -> Result<(), StartError> {
        let all = Service::ALL.map(|service| self.service_ready(service));
        // Boxed: the wait for five processes would sit in every future above it.
        Box::pin(try_join_all(AT_A_TIME, all)).await.map(drop)
    }

    /// Waits until one process says that it is ready.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::ready`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn service_ready(&self, service: Service) -> Result<(), StartError> {
        let url = self.plan.admin_url(service);
        let log = self.plan.dir.log(service);
        let ready = async {
            let is_ready = probe::ready(&self.scope, &self.probe, &url);
            let gave_up = self.shared.wait(service, |slot| slot.gave_up.is_some());
            match race(is_ready, gave_up).await {
                Either::Left(()) => None,
                Either::Right(()) => self.shared.look(service, |slot| slot.gave_up.clone()),
            }
        };
        let name = service.name();
        let shown = || log.display().to_string();
        match Deadline::after(READY_MAX).run(ready).await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(StartError::GaveUp {
                service: name,
                why,
                log: shown(),
            }),
            Err(_passed) => {
                let last = logs::last_words(&log);
                Err(StartError::NotReady {
                    service: name,
                    last,
                    log: shown(),
                })
            }
        }
    }

    /// Ports, directories and URLs.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A process that won't be started any more, and why.
    pub(crate) fn given_up(&self) -> Option<(Service, String)> {
        let why = |service| self.shared.look(service, |slot| slot.gave_up.clone());
        Service::ALL
            .into_iter()
            .find_map(|service| Some((service, why(service)?)))
    }

    /// Waits until one process won't be started any more.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn gave_up(&self) {
        let waits =
            Service::ALL.map(|service| self.shared.wait(service, |slot| slot.gave_up.is_some()));
        race_all(waits).await;
    }

    /// Kills a process with SIGKILL and lets it start again at once, with a
    /// crash point if one is given. Waits until the new one is there.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the kill still happens.
    pub(crate) async fn kill(&self, service: Service, crash: Option<CrashAt>) {
        let starts = self.shared.change(service, |slot| {
            slot.kill_wanted = true;
            slot.crash_next = crash;
            slot.starts
        });
        self.shared.ask_kill(service);
        self.shared
            .wait(service, |slot| {
                slot.starts > starts || slot.gave_up.is_some()
            })
            .await;
    }

    /// Waits until a process that was started with a crash point has died of it.
    /// `false` if it didn't get there in time.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn crashed(&self, service: Service, limit: Duration) -> bool {
        let crashed = self
            .shared
            .wait(service, |slot| slot.armed.is_none() && slot.pid.is_some());
        Deadline::after(limit).run(crashed).await.is_ok()
    }

    /// How often processes were killed by plan.
    pub(crate) fn kills(&self) -> u64 {
        Service::ALL
            .iter()
            .map(|&service| self.shared.look(service, |slot| slot.kills))
            .sum()
    }

    /// How often processes died though nobody wanted it.
    pub(crate) fn deaths(&self) -> u64 {
        Service::ALL
            .iter()
            .map(|&service| self.shared.look(service, |slot| slot.deaths))
            .sum()
    }

    /// A look at the processes that may outlive this value.
    pub(crate) fn watcher(&self) -> Watcher {
        Watcher(self.shared.clone())
    }

    /// Resident bytes by process, and of the demo itself; `None` where nobody
    /// knows.
    pub(crate) fn rss_bytes(&self) -> BTreeMap<&'static str, Option<u64>> {
        self.each_pid(procfs::rss_bytes)
    }

    /// Processor time by process, and of the demo itself.
    pub(crate) fn cpu_time(&self) -> BTreeMap<&'static str, Option<Duration>> {
        self.each_pid(procfs::cpu_time)
    }

    fn each_pid<T>(&self, ask: impl Fn(u32) -> Option<T>) -> BTreeMap<&'static str, Option<T>> {
        let of = |service: Service| {
            let pid = self.shared.look(service, |slot| slot.pid);
            (service.name(), pid.and_then(&ask))
        };
        let own = ("demo", ask(std::process::id()));
        Service::ALL.into_iter().map(of).chain([own]).collect()
    }

    /// Ends the processes: the gateway first, so that nothing asks those that
    /// are gone, the provider last. Gives those that had to be killed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the processes that are left are killed.
    pub(crate) async fn stop(mut self) -> Vec<Service> {
        let mut killed = Vec::new();
        while let Some((service, stop, owner)) = self.owners.pop() {
            stop.cancel();
            if !owner.await.unwrap_or(false) {
                killed.push(service);
            }
        }
        killed
    }
}
