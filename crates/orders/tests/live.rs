//! Bounds of a running process that change without a restart.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use shop_proto::orders::WatchOrderRequest;
use shop_proto::orders::orders_service_client::OrdersServiceClient;
use shop_types::OrderId;
use testkit::{ChildGuard, LIVENESS, wait_until, wait_until_async};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Endpoint;

/// Written aside and renamed: a reload never reads half of it.
fn write(dir: &Path, text: &str) {
    let aside = dir.join("aside");
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, dir.join("orders.toml")).unwrap();
}

async fn metrics(admin: SocketAddr) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[watertight::test]
async fn jobs_and_watchers_are_bounded_anew_without_a_restart() {
    let dir = testkit::temp_dir();
    write(dir.path(), "[orders]\njobs_max = 16\nwatchers_max = 0\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    let nowhere = "http://127.0.0.1:1";
    command
        .current_dir(dir.path())
        .args(["--config", "orders.toml", "--data", "data"])
        .args(["--inventory", nowhere, "--payments", nowhere])
        .args(["--listen", "127.0.0.1:0", "--unready", "0s"])
        .args(["--ready-file", "ready.json"]);
    let child = ChildGuard::spawn(&mut command);
    let ready = dir.path().join("ready.json");
    wait_until(LIVENESS, || ready.exists());
    let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(ready).unwrap()).unwrap();
    let addr = |name: &str| ready[name].as_str().unwrap().parse::<SocketAddr>().unwrap();
    let (listen, admin) = (addr("listen"), addr("admin"));

    let shown = async |max: &str| {
        let line = format!("orders_jobs_max {max}");
        metrics(admin).await.lines().any(|shown| shown == line)
    };
    let endpoint = Endpoint::from_shared(format!("http://{listen}")).unwrap();
    let client = OrdersServiceClient::new(endpoint.connect().await.unwrap());
    let watch = async || {
        let order_id = OrderId::at(1).to_string();
        let request = WatchOrderRequest { order_id };
        client
            .clone()
            .watch_order(request)
            .await
            .unwrap_err()
            .code()
    };
    assert!(shown("16").await);
    assert_eq!(watch().await, Code::ResourceExhausted);

    write(dir.path(), "[orders]\njobs_max = 7\nwatchers_max = 1\n");
    child.signal("HUP");
    wait_until_async(LIVENESS, async || shown("7").await).await;
    // There is room now, and nothing to see.
    assert_eq!(watch().await, Code::NotFound);
}
