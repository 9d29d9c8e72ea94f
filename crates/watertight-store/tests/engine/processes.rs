//! Child processes: this test binary again, told by the environment what to do.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;

use watertight_core::Faults;
use watertight_store::Options;

use crate::support::*;

const ROLE: &str = "WATERTIGHT_ENGINE_CHILD";

/// Starts this binary as a child that runs [`child`] alone.
pub(crate) fn start(role: &str, dir: &Path) -> Child {
    Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture"])
        .env(ROLE, role)
        .env("WATERTIGHT_ENGINE_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what a child process runs. Does nothing otherwise.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let dir = std::path::PathBuf::from(std::env::var_os("WATERTIGHT_ENGINE_DIR").unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(write_forever(&dir, &role));
}

/// Sixteen writers; each acknowledged id goes to an append-only file at once.
/// Ends only by being killed, or at a crash point.
async fn write_forever(dir: &Path, role: &str) {
    let faults = match role.strip_prefix("crash:") {
        Some(point) => Faults::crash_at(point, 5, Arc::new(kill_self)),
        None => Faults::none(),
    };
    let store = open_with(Options {
        faults,
        ..Options::new(dir)
    });
    let acks = OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("acks"))
        .unwrap();
    let first = ids(&store).await.last().map_or(0, |id| id + 1);
    let writers = (0..16).map(|lane| write_lane(&store, &acks, first + lane));
    futures_all(writers).await;
}

async fn write_lane(store: &watertight_store::Store, mut acks: &File, first: i64) {
    let mut id = first;
    loop {
        store.write(soon(), put(id)).await.unwrap();
        acks.write_all(format!("{id}\n").as_bytes()).unwrap();
        id += 16;
    }
}

/// Polls all futures in turn; none of them ends.
async fn futures_all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        for future in &mut futures {
            assert!(future.as_mut().poll(cx).is_pending());
        }
        std::task::Poll::<()>::Pending
    })
    .await;
}

fn kill_self() {
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
    std::thread::park();
}

#[watertight::test]
async fn a_second_process_is_kept_out_until_the_first_is_dead() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start("write", dir.path());
    let acks = dir.path().join("acks");
    wait_until("child writes", || {
        std::fs::metadata(&acks).is_ok_and(|m| m.len() > 0)
    })
    .await;
    let error =
        watertight_store::Store::open("engine", Options::new(dir.path()), MIGRATIONS).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("another process holds {}", dir.path().display())
    );
    child.kill().unwrap();
    child.wait().unwrap();
    open(dir.path()).close().await;
}
