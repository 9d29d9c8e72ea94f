//! The service as a process: killed, kept out, without space.

use std::path::Path;
use std::process::{Command, Stdio};

use shop_proto::inventory::*;
use testkit::{ChildGuard, LIVENESS};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::*;

fn command(dir: &Path, ready: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inventory"));
    command
        .args(["--listen", "127.0.0.1:0", "--log", "error", "--data"])
        .arg(dir)
        .arg("--ready-file")
        .arg(ready)
        .stdout(Stdio::null());
    command
}

/// Starts a process and returns it with a client once it listens.
fn start(dir: &Path, ready: &Path, flags: &[&str]) -> (ChildGuard, Client) {
    drop(std::fs::remove_file(ready));
    let mut child = ChildGuard::spawn(command(dir, ready).args(flags));
    testkit::wait_until(LIVENESS, || {
        assert!(
            child.try_wait().unwrap().is_none(),
            "ended before it was ready"
        );
        ready.exists()
    });
    let text = std::fs::read_to_string(ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
    let url = format!("http://{}", ready["listen"].as_str().unwrap());
    (child, client(&url))
}

#[watertight::test]
async fn killed_between_the_step_and_the_answer_it_repeats_the_answer() {
    let home = testkit::temp_dir();
    let (dir, ready) = (home.path().join("data"), home.path().join("ready"));
    let (mut child, mut client) = start(&dir, &ready, &[]);
    stocked(&mut client, "tea", 10).await;
    child.kill().unwrap();

    let (mut child, mut client) = start(&dir, &ready, &["--crash-at", "inventory.reserved"]);
    let cut = client.reserve(reserve(1, vec![line("tea", 4)])).await;
    assert!(cut.is_err(), "it died before it answered");
    child.wait(LIVENESS);

    let (mut child, mut client) = start(&dir, &ready, &["--crash-at", "inventory.committed"]);
    assert_eq!(
        pieces(&mut client, "tea").await,
        (6, 4, 0),
        "the step is there, once"
    );
    let again = client
        .reserve(reserve(1, vec![line("tea", 4)]))
        .await
        .unwrap();
    assert_eq!(again.into_inner().total.unwrap().amount, 1_000);
    assert_eq!(pieces(&mut client, "tea").await, (6, 4, 0));
    let order_id = order(1);
    assert!(client.commit(CommitRequest { order_id }).await.is_err());
    child.wait(LIVENESS);

    let (_child, mut client) = start(&dir, &ready, &[]);
    let order_id = order(1);
    client.commit(CommitRequest { order_id }).await.unwrap();
    assert_eq!(pieces(&mut client, "tea").await, (6, 0, 4), "sold once");
}

#[test]
fn a_second_process_on_the_directory_says_so() {
    let home = testkit::temp_dir();
    let (dir, ready) = (home.path().join("data"), home.path().join("ready"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let (_child, _client) = start(&dir, &ready, &[]);
    let second = command(&dir, &home.path().join("other")).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        said.contains(&format!("another process holds {}", dir.display())),
        "{said}"
    );
}

#[test]
fn a_file_in_place_of_the_directory_is_a_clear_error() {
    let home = testkit::temp_dir();
    let dir = home.path().join("data");
    std::fs::write(&dir, "no directory").unwrap();
    let output = command(&dir, &home.path().join("ready")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is not writable"), "{said}");
}

#[watertight::test]
async fn a_full_disk_makes_it_unready_until_there_is_space() {
    let home = testkit::temp_dir();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |options: &str| {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&disk);
        mount.output().is_ok_and(|output| output.status.success())
    };
    if !mount("size=4m") {
        println!("skipped: mounting a tmpfs is not allowed here");
        return;
    }
    let _unmount = Unmount(&disk);
    let mut service = Service::start(&disk, &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 10).await;
    let refused = fill(client).await;
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.get_details_retry_info().is_some());
    let failing = service.running.readiness().failing();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].0, "store");
    assert_eq!(pieces(client, "tea").await, (10, 0, 0), "reads go on");

    assert!(mount("remount,size=32m"));
    let readiness = service.running.readiness().clone();
    until("ready again by itself", || async {
        readiness.failing().is_empty()
    })
    .await;
    client
        .reserve(reserve(1, vec![line("tea", 1)]))
        .await
        .unwrap();
    service.stop().await;
}

/// Imports until the service refuses.
async fn fill(client: &mut Client) -> tonic::Status {
    for n in 0..1_000 {
        let rows = (0..200).map(|i| CatalogItem {
            name: "x".repeat(200),
            ..item(&format!("sku-{n}-{i}"), 1, "EUR", 1)
        });
        let rows: Vec<_> = rows.collect();
        if let Err(status) = import(client, &format!("fill {n}"), vec![rows]).await {
            return status;
        }
    }
    panic!("never full");
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}
