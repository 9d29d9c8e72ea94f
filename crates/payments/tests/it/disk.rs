//! Disks that are full or read-only, and directories that are none.

use std::{path::Path, process::Command};

use shop_proto::payments::PaymentState as State;
use shop_types::OrderId;
use testkit::{LIVENESS, TempDir, wait_until_async};
use tonic::Code;
use watertight::App;

use crate::shop::{Client, Stub, args, assert_refused, authorize, capture, serve};

/// A small disk of its own; unmounted when it goes.
struct Disk(TempDir);

impl Disk {
    /// `None`, said aloud, where mounting isn't allowed.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    fn mount(options: &str) -> Option<Self> {
        let dir = testkit::temp_dir();
        if mount(&["-t", "tmpfs", "-o", options, "tmpfs"], dir.path()) {
            return Some(Self(dir));
        }
        println!("skipped: mounting a tmpfs is not allowed here");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(mount(&["-o", &options], self.path()), "{options}");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

fn mount(options: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(options).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

/// Authorises one order after another until the service refuses; answers how
/// many it took.
async fn fill(client: &Client) -> i64 {
    for n in 1..100_000 {
        let asked = authorize(client, OrderId::at(n), n, "EUR", "pm_card_ok").await;
        if asked.is_err() {
            assert_refused(&asked, Code::Unavailable, "STORE_UNAVAILABLE");
            return n - 1;
        }
    }
    panic!("never full");
}

#[watertight::test]
async fn a_full_disk_is_refused_until_there_is_space() {
    let Some(disk) = Disk::mount("size=1m") else {
        return;
    };
    let dir = testkit::temp_dir();
    let stub = Stub::start(dir.path()).await;
    let (running, client) = serve(disk.path(), &stub.endpoints(), &[]).await;
    let taken = fill(&client).await;
    assert!(taken > 0, "it took none");
    let failing = running.readiness().failing();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].0, "store");

    disk.remount("size=64m");
    let readiness = running.readiness();
    wait_until_async(LIVENESS, || async { readiness.failing().is_empty() }).await;
    // What was refused is done now, what was taken is there; each once.
    for n in [1, taken, taken + 1] {
        let order = OrderId::at(n);
        let held = authorize(&client, order, n, "EUR", "pm_card_ok").await;
        assert_eq!(held.unwrap().state(), State::Authorized);
        assert_eq!(capture(&client, order).await.unwrap().captured, n);
    }
    let stragglers = running.shutdown().await;
    assert!(stragglers.is_empty(), "{stragglers}");
}

/// Why the service doesn't start on `data`.
async fn start_error(data: &Path) -> String {
    let args = args("payments", data, ["--provider", "http://127.0.0.1:1"]);
    let app = payments::build(App::new("payments", args)).await;
    let Err(error) = app else {
        panic!("it starts on {}", data.display());
    };
    error.to_string()
}

#[watertight::test]
async fn a_read_only_disk_is_a_clear_error() {
    let Some(disk) = Disk::mount("size=8m") else {
        return;
    };
    disk.remount("ro");
    let said = start_error(&disk.path().join("data")).await;
    assert!(said.contains("is not writable"), "{said}");
    let said = start_error(disk.path()).await;
    assert!(said.contains("is not writable"), "{said}");
}

#[watertight::test]
async fn a_file_in_place_of_the_directory_is_a_clear_error() {
    let home = testkit::temp_dir();
    let data = home.path().join("data");
    std::fs::write(&data, "no directory").unwrap();
    let said = start_error(&data).await;
    assert!(said.contains("is not writable"), "{said}");
}
