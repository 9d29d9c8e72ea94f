//! A large import through a gateway process of its own.

use std::process::Command;

use serde_json::json;
use testkit::{ChildGuard, LIVENESS, wait_until};

use crate::rows::Rows;
use crate::send::import;
use crate::shop::Shop;

const MIB: u64 = 1024 * 1024;
/// What an import may add to the gateway's memory.
const GROWTH_MAX: u64 = 16 * MIB;

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_import_needs_no_more_memory_than_a_small_one() {
    let shop = Shop::start().await;
    let dir = testkit::temp_dir();
    let ready = dir.path().join("ready");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .args(["--listen", "127.0.0.1:0", "--orders", &shop.orders.url()])
        .args(["--inventory", &shop.inventory.url(), "--log", "warn"])
        .arg("--ready-file")
        .arg(&ready);
    let gateway = ChildGuard::spawn(&mut command);
    wait_until(LIVENESS, || ready.exists());
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    let addr = told["listen"].as_str().unwrap().parse().unwrap();
    // What the first import allocates for good is no growth.
    let mut warm = Rows::of_bytes(4 * MIB, 4 * 1024, 100);
    let before = import(addr, "warm", &mut warm, gateway.pid())
        .await
        .unwrap();
    let mut rows = Rows::of_bytes(64 * MIB, 4 * 1024, 100);
    let taken = import(addr, "large", &mut rows, gateway.pid())
        .await
        .unwrap();
    let count = rows.count();
    let summary: serde_json::Value = serde_json::from_str(&taken.summary).unwrap();
    let expected = json!({"done": true, "rows": count, "imported": count, "already_imported": 0, "rejected": 0});
    assert_eq!(summary, expected);
    let grown = taken.rss_most.saturating_sub(before.rss_most);
    assert!(grown <= GROWTH_MAX, "grew by {} KiB", grown / 1024);
    let each = i64::try_from((count + warm.count()) / 100).unwrap();
    let received = shop.received("load-7").await;
    assert!(
        (each..=each + 2).contains(&received),
        "{received} of {each}"
    );
}
