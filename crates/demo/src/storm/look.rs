//! A look at all processes: whose tasks there are, and how much memory.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::admin::{Admin, Group, Tasks};
use crate::{
    services::Service,
    stage::{DemoError, Stage},
    supervise::Supervisor,
};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(20);

/// Jobs of the services themselves and connections between them: they come and
/// go with the work, and belong to no request. At the gateway, connections are
/// those of clients, and over HTTP/1 they are the requests.
const NOT_OF_REQUESTS: [&str; 6] = [
    "saga",
    "audit",
    "audit line",
    "accept",
    "connection",
    "client connection",
];

/// Those of them that end when the shop has nothing to do.
const JOBS: [&str; 3] = ["saga", "audit", "audit line"];

/// Either end of the connections that payments keeps for its next calls.
const POOLED: [(Service, &str); 2] = [
    (Service::Payments, "client connection"),
    (Service::Provider, "connection"),
];

/// The tasks of all processes, by process.
pub(super) type AllTasks = BTreeMap<&'static str, Tasks>;

/// Numbers by process.
pub(super) type ByProcess = BTreeMap<&'static str, f64>;

/// Asks all processes.
///
/// # Errors
///
/// As [`Admin::tasks`].
///
/// # Cancel safety
///
/// Safe: it only reads.
pub(super) async fn tasks(admin: &Admin) -> Result<AllTasks, DemoError> {
    let mut all = AllTasks::new();
    for service in Service::ALL {
        all.insert(service.name(), admin.tasks(service).await?);
    }
    Ok(all)
}

/// Tasks of requests: all that are more than at rest, but for jobs and
/// connections.
pub(super) fn of_requests(now: &AllTasks, rest: &AllTasks) -> u64 {
    more(now, rest, is_of_request).map(|(_, more)| more).sum()
}

/// Where they are, with their number, for people.
pub(super) fn names_of_requests(now: &AllTasks, rest: &AllTasks) -> Vec<String> {
    more(now, rest, is_of_request)
        .map(|(name, more)| format!("{name}: {more}"))
        .collect()
}

/// Jobs of the services, beyond those at rest.
pub(super) fn jobs(now: &AllTasks, rest: &AllTasks) -> u64 {
    let of = |_process: &str, name: &str| JOBS.contains(&name);
    more(now, rest, of).map(|(_, more)| more).sum()
}

/// Connections that wait for their next call, beyond those at rest.
pub(super) fn pooled(now: &AllTasks, rest: &AllTasks) -> u64 {
    let of = |process: &str, name: &str| {
        let is = |(service, task): &(Service, &str)| service.name() == process && *task == name;
        POOLED.iter().any(is)
    };
    more(now, rest, of).map(|(_, more)| more).sum()
}

fn is_of_request(process: &str, name: &str) -> bool {
    let of_client = process == Service::Gateway.name() && name == "connection";
    of_client || !NOT_OF_REQUESTS.contains(&name)
}

/// Groups that have more tasks than at rest: where, and how many more.
fn more(
    now: &AllTasks,
    rest: &AllTasks,
    counts: impl Fn(&str, &str) -> bool,
) -> impl Iterator<Item = (String, u64)> {
    let each = now.iter().flat_map(|(process, tasks)| {
        let groups = tasks.groups.iter();
        groups.map(move |group| (*process, group))
    });
    each.filter_map(move |(process, group)| {
        let same =
            |other: &&Group| (&other.task, &other.spawned_at) == (&group.task, &group.spawned_at);
        let before = rest
            .get(process)
            .and_then(|tasks| tasks.groups.iter().find(same));
        let more = group
            .tasks
            .saturating_sub(before.map_or(0, |group| group.tasks));
        let name = format!("{process} {} at {}", group.task, group.spawned_at);
        (more > 0 && counts(process, &group.task)).then_some((name, more))
    })
}

/// What can be said of all tasks together.
pub(super) fn sum(tasks: &AllTasks, count: fn(&Tasks) -> u64) -> u64 {
    tasks.values().map(count).sum()
}

/// Looks until `done` or until `limit` has passed; gives the last look and how
/// long it took to get there.
///
/// # Errors
///
/// As [`tasks`].
///
/// # Cancel safety
///
/// Safe: it only reads.
pub(super) async fn until(
    stage: &Stage,
    admin: &Admin,
    limit: Duration,
    done: impl Fn(&AllTasks) -> bool,
) -> Result<(AllTasks, Duration), DemoError> {
    let begin = Instant::now();
    loop {
        let now = tasks(admin).await?;
        let took = begin.elapsed();
        if done(&now) || took >= limit {
            return Ok((now, took));
        }
        rest(stage, PERIOD).await?;
    }
}

/// Waits.
///
/// # Errors
///
/// [`DemoError::Interrupted`] if the demo ends meanwhile.
///
/// # Cancel safety
///
/// Safe.
pub(super) async fn rest(stage: &Stage, time: Duration) -> Result<(), DemoError> {
    let paused = stage.scope.pause(time).await;
    paused.map_err(|_closed| DemoError::Interrupted)
}

/// Memory of all processes: allocated bytes, and resident ones after a purge.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(super) struct Memory {
    pub(super) allocated: ByProcess,
    pub(super) rss: ByProcess,
}

impl Memory {
    /// Purges all processes and looks.
    ///
    /// # Errors
    ///
    /// As [`Admin::tasks`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, some have been purged.
    pub(super) async fn look(supervisor: &Supervisor, admin: &Admin) -> Result<Self, DemoError> {
        let mut memory = Self::default();
        for service in Service::ALL {
            admin.purge(service).await?;
        }
        for service in Service::ALL {
            let gauges = admin.gauges(service).await?;
            if let Some(&bytes) = gauges.get("allocator_allocated_bytes") {
                memory.allocated.insert(service.name(), bytes);
            }
        }
        let rss = supervisor.rss_bytes();
        let services = Service::ALL.map(Service::name);
        let of = |name: &'static str| Some((name, (*rss.get(name)?)? as f64));
        memory.rss = services.into_iter().filter_map(of).collect();
        Ok(memory)
    }

    /// The smaller of two looks, process by process.
    pub(super) fn least(mut self, other: &Self) -> Self {
        let pairs = [
            (&mut self.allocated, &other.allocated),
            (&mut self.rss, &other.rss),
        ];
        for (mine, others) in pairs {
            for (name, &bytes) in others {
                let least = mine.entry(name).or_insert(bytes);
                *least = least.min(bytes);
            }
        }
        self
    }

    /// The process that has grown most since `before`: allocated bytes, in
    /// parts of what there was. `None` if nobody knows.
    pub(super) fn allocated_ratio(&self, before: &Self) -> Option<f64> {
        let of = |(name, bytes): (&&'static str, &f64)| Some(bytes / before.allocated.get(name)?);
        self.allocated.iter().filter_map(of).max_by(f64::total_cmp)
    }

    /// Resident bytes of all processes together.
    pub(super) fn rss_sum(&self) -> f64 {
        self.rss.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(groups: &[(&str, u64)]) -> AllTasks {
        let group = |(name, count): &(&str, u64)| Group {
            task: (*name).to_owned(),
            spawned_at: "x.rs:1:1".to_owned(),
            tasks: *count,
        };
        let tasks = Tasks {
            groups: groups.iter().map(group).collect(),
            ..Tasks::default()
        };
        AllTasks::from([("orders", tasks)])
    }

    #[test]
    fn what_is_there_at_rest_and_what_serves_no_request_does_not_count() {
        let rest = with(&[("tend", 1), ("connection", 3)]);
        let now = with(&[
            ("tend", 1),
            ("connection", 9),
            ("saga", 4),
            ("http2 stream", 2),
        ]);
        assert_eq!((of_requests(&now, &rest), jobs(&now, &rest)), (2, 4));
        let more = with(&[("tend", 3)]);
        assert_eq!(of_requests(&more, &rest), 2, "two more of what there was");
        assert_eq!(of_requests(&AllTasks::new(), &rest), 0);
        let at_gateway =
            |count| AllTasks::from([("gateway", with(&[("connection", count)])["orders"].clone())]);
        assert_eq!(of_requests(&at_gateway(3), &at_gateway(1)), 2);
    }

    #[test]
    fn connections_that_are_kept_for_the_next_call_are_known_at_either_end() {
        let at = |process, name| AllTasks::from([(process, with(&[(name, 3)])["orders"].clone())]);
        let none = AllTasks::new();
        assert_eq!(pooled(&at("payments", "client connection"), &none), 3);
        assert_eq!(pooled(&at("provider", "connection"), &none), 3);
        let payments = at("payments", "client connection");
        assert_eq!(pooled(&payments, &payments), 0, "there at rest");
        // Those between the services stay, and clients of payments are services.
        assert_eq!(pooled(&at("orders", "client connection"), &none), 0);
        assert_eq!(pooled(&at("payments", "connection"), &none), 0);
    }

    #[test]
    fn the_process_that_grew_most_counts() {
        let memory = |orders, payments| Memory {
            allocated: ByProcess::from([("orders", orders), ("payments", payments)]),
            rss: ByProcess::from([("orders", 3.0), ("payments", 4.0)]),
        };
        let ratio = memory(100.0, 220.0).allocated_ratio(&memory(100.0, 200.0));
        assert_eq!(ratio, Some(1.1));
        assert_eq!(Memory::default().allocated_ratio(&memory(1.0, 1.0)), None);
        assert_eq!(memory(1.0, 1.0).rss_sum(), 7.0);
        let least = memory(3.0, 2.0).least(&memory(1.0, 5.0));
        assert_eq!(least.allocated, memory(1.0, 2.0).allocated);
        assert_eq!(Memory::default().least(&least).allocated, least.allocated);
    }
}
