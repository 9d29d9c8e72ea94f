//! The stores' own counts, read from `/metrics`.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use watertight::HttpClient;

use super::figures::StoreFigures;
use crate::{report::round, services::Service, stage::Stage};

/// Sums over one store's series since its process started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct StoreCounts {
    commands: f64,
    commits: f64,
    commit_s: f64,
}

/// The counts of every service that has a store.
pub(super) async fn scrape(stage: &Stage) -> BTreeMap<&'static str, StoreCounts> {
    let client = HttpClient::new("metrics");
    let mut counts = BTreeMap::new();
    for service in Service::ALL {
        let url = format!("{}/metrics", stage.supervisor.plan().admin_url(service));
        let Ok(request) = http::Request::get(url).body(Bytes::new()) else {
            continue;
        };
        if let Ok(answer) = client.send(request).await {
            counts.insert(
                service.name(),
                parse(&String::from_utf8_lossy(answer.body())),
            );
        }
    }
    counts
}

fn parse(text: &str) -> StoreCounts {
    let mut counts = StoreCounts::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let value: f64 = value.parse().unwrap_or(0.0);
        match series.split('{').next() {
            Some("watertight_store_commands_total") => counts.commands += value,
            Some("watertight_store_commit_seconds_count") => counts.commits += value,
            Some("watertight_store_commit_seconds_sum") => counts.commit_s += value,
            _ => {}
        }
    }
    counts
}

/// What the stores did between two looks.
pub(super) fn between(
    before: &BTreeMap<&'static str, StoreCounts>,
    after: &BTreeMap<&'static str, StoreCounts>,
    orders: u64,
    time: Duration,
) -> BTreeMap<&'static str, StoreFigures> {
    let share = |part: f64, whole: f64| {
        if whole > 0.0 {
            round(part / whole)
        } else {
            0.0
        }
    };
    let figures = |(name, after): (&&'static str, &StoreCounts)| {
        let before = before.get(name)?;
        let commits = after.commits - before.commits;
        let commands = after.commands - before.commands;
        let figures = StoreFigures {
            commands_per_order: share(commands, orders as f64),
            commands_per_commit: share(commands, commits),
            commits_per_s: share(commits, time.as_secs_f64()),
            commit_ms: share((after.commit_s - before.commit_s) * 1e3, commits),
        };
        (commits > 0.0).then_some((*name, figures))
    };
    after.iter().filter_map(figures).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_over_their_labels() {
        let text = "# TYPE watertight_store_commands_total counter\n\
            watertight_store_commands_total{store=\"a\",outcome=\"done\"} 40\n\
            watertight_store_commands_total{store=\"a\",outcome=\"retry\"} 2\n\
            watertight_store_commit_seconds_bucket{le=\"1\"} 9\n\
            watertight_store_commit_seconds_count{store=\"a\"} 21\n\
            watertight_store_commit_seconds_sum{store=\"a\"} 0.042\n";
        let after = BTreeMap::from([("orders", parse(text))]);
        let before = BTreeMap::from([("orders", StoreCounts::default())]);
        let figures = between(&before, &after, 6, Duration::from_secs(3));
        let orders = figures["orders"];
        assert_eq!(orders.commands_per_order, 7.0);
        assert_eq!(orders.commands_per_commit, 2.0);
        assert_eq!(orders.commits_per_s, 7.0);
        assert_eq!(orders.commit_ms, 2.0);
        assert!(between(&after, &after, 6, Duration::from_secs(3)).is_empty());
    }
}
