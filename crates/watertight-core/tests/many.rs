//! A million tasks: what is shown stays bounded, and afterwards nothing is left.

mod common;

use common::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use watertight_core::{Query, Scope, Warden, census, live_tasks};

const TASKS: usize = 1_000_000;
const TOP: usize = 20;
/// What the process may take with all of them, in bytes.
const MEMORY_MAX: usize = 2 << 30;

/// Bytes of this process in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(usize::MAX).saturating_mul(4096)
}

/// Alone in its file: it counts all tasks of the process.
#[tokio::test]
async fn a_million_tasks_are_counted_shown_in_part_and_all_gone_afterwards() {
    let scope = Scope::root("many");
    let (held, begin) = (Arc::new(()), Instant::now());
    let begun = Arc::new(AtomicUsize::new(0));
    for n in 0..TASKS {
        let (held, begun) = (Arc::clone(&held), Arc::clone(&begun));
        let wait = async move {
            let _held = held;
            begun.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        let name = if n % 4 == 0 { "one in four" } else { "many" };
        drop(scope.child("request").spawn(name, wait));
    }
    until("begun", || begun.load(Ordering::Relaxed) == TASKS).await;
    let took = resident();
    assert!(took < MEMORY_MAX, "{took} bytes");
    assert_eq!((live_tasks(), scope.tasks()), (TASKS, TASKS));

    let all = census(Query::All, TOP);
    assert_eq!((all.tasks, all.states), (TASKS, [TASKS, 0, 0]));
    assert_eq!(all.oldest.len(), TOP);
    let groups: Vec<_> = all
        .groups
        .iter()
        .map(|group| (group.site.name, group.tasks))
        .collect();
    assert_eq!(
        groups,
        [("many", TASKS / 4 * 3), ("one in four", TASKS / 4)]
    );
    let one = census(Query::All, 1);
    assert_eq!((one.groups.len(), one.oldest.len()), (1, 1));
    assert_eq!(one.more_groups, (1, TASKS / 4));
    let found = Warden::default().look();
    assert_eq!((found.live, found.dead), (TASKS, TASKS));
    assert!(
        found.newly_dead.len() <= 32 * 64,
        "{}",
        found.newly_dead.len()
    );

    let left = scope.close(Duration::ZERO).await;
    until("gone", || scope.tasks() == 0).await;
    // So many may take longer to drop than closing waits: all of them are counted.
    assert!(left.iter().count() <= 1024 && left.len() <= TASKS);
    assert!(left.to_string().len() < 10_000);
    assert_eq!((live_tasks(), census(Query::All, TOP).tasks), (0, 0));
    assert_eq!(Arc::strong_count(&held), 1);
    println!(
        "{TASKS} tasks: {} MiB, {:.1} s",
        took >> 20,
        begin.elapsed().as_secs_f64()
    );
}
