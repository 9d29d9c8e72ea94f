//! Killed while it commits: what was acknowledged is there, nothing is half.

use std::collections::HashSet;
use std::path::Path;

use crate::support::*;

#[watertight::test]
async fn killed_at_random_every_acknowledged_command_is_there() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=6 {
        let mut child = crate::processes::start("write", dir.path());
        let enough = acks(dir.path()).len() + 40 * round;
        wait_until("child acknowledges", || acks(dir.path()).len() >= enough).await;
        child.kill().unwrap();
        child.wait().unwrap();
        check(dir.path()).await;
    }
}

#[watertight::test]
async fn killed_before_and_after_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    for point in [
        "store.before_commit",
        "store.after_commit",
        "store.before_commit",
    ] {
        let mut child = crate::processes::start(&format!("crash:{point}"), dir.path());
        let status = child.wait().unwrap();
        assert!(!status.success(), "the crash point was never reached");
        check(dir.path()).await;
    }
}

/// Whole lines only: the last may be cut by the kill.
fn acks(dir: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(dir.join("acks")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().filter_map(|line| line.parse().ok()).collect()
}

async fn check(dir: &Path) {
    let store = open(dir);
    let stored: HashSet<i64> = ids(&store).await.into_iter().collect();
    let lost: Vec<i64> = acks(dir)
        .into_iter()
        .filter(|id| !stored.contains(id))
        .collect();
    assert_eq!(lost, [0; 0], "acknowledged commands are lost");
    assert!(!stored.is_empty());
    assert_whole(&store).await;
    store.close().await;
}
