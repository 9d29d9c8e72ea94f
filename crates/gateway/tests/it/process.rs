//! The settings of a gateway process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use testkit::{ChildGuard, LIVENESS, TempDir, wait_until, wait_until_async};

use crate::fake::{self, ORDER};
use crate::http::{Answer, Conn, request};
use crate::shop::{ask, row};

const NOWHERE: &str = "http://127.0.0.1:1";

fn with_file(text: &str) -> TempDir {
    let dir = testkit::temp_dir();
    write(dir.path(), text);
    dir
}

fn write(dir: &Path, text: &str) {
    let new = dir.join("new.toml");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, dir.join("gateway.toml")).unwrap();
}

fn command(dir: &Path, orders: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .args(["--config", "gateway.toml", "--listen", "127.0.0.1:0"])
        .args(["--orders", orders, "--inventory", NOWHERE])
        .current_dir(dir);
    command
}

fn checked(text: &str) -> (Option<i32>, String) {
    let dir = with_file(text);
    let Output { status, stderr, .. } = command(dir.path(), NOWHERE)
        .arg("--check-config")
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn origins_are_checked_before_the_start() {
    let good = "gateway.cors_origin = [\"https://shop.example\", \"http://localhost:3000\"]\n";
    assert_eq!(checked(good).0, Some(0));
    assert_eq!(checked("gateway.cors_origin = [\"*\"]\n").0, Some(0));
    for (origins, why) in [
        ("\"https://shop.example/\"", "is not http://HOST[:PORT]"),
        ("\"shop.example\"", "is not http://HOST[:PORT]"),
        ("\"*\", \"https://shop.example\"", "must be * alone"),
    ] {
        let (code, errors) = checked(&format!("[gateway]\ncors_origin = [{origins}]\n"));
        assert_eq!(code, Some(2), "{origins}");
        let place = "gateway.toml:2: [gateway] cors_origin: ";
        assert!(errors.contains(place) && errors.contains(why), "{errors}");
    }
}

struct Process {
    child: ChildGuard,
    dir: TempDir,
    addr: SocketAddr,
}

impl Process {
    fn start(text: &str, orders: &str) -> Self {
        let dir = with_file(text);
        let ready = dir.path().join("ready.json");
        let mut command = command(dir.path(), orders);
        command.args(["--log", "warn", "--ready-file", "ready.json"]);
        let child = ChildGuard::spawn(&mut command);
        wait_until(LIVENESS, || ready.exists());
        let told: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        let addr = told["listen"].as_str().unwrap().parse().unwrap();
        Self { child, dir, addr }
    }

    fn reload(&self, text: &str) {
        write(self.dir.path(), text);
        self.child.signal("HUP");
    }

    /// A stream of events, held open, if there is a place for it.
    async fn stream(&self) -> Option<Conn> {
        let mut conn = Conn::open(self.addr).await;
        let path = format!("/v1/orders/{ORDER}/events");
        conn.send(request("GET", &path, &[], b"")).await;
        let head = conn.read.head().await;
        assert!([200, 429].contains(&head.status), "{head:?}");
        (head.status == 200).then_some(conn)
    }

    /// An import whose body doesn't come.
    async fn import(&self) -> Conn {
        let mut conn = Conn::open(self.addr).await;
        let headers = [
            ("content-type", "application/x-ndjson"),
            ("import-id", "i"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
        ];
        conn.send(request("POST", "/v1/catalog:import", &headers, b""))
            .await;
        // It is asked for once the import has its place.
        assert_eq!(conn.read.one_head().await.status, 100);
        conn
    }

    async fn short_import(&self) -> Answer {
        crate::shop::import(self.addr, "short", row("tea", 1).as_bytes()).await
    }
}

#[watertight::test]
async fn a_reload_changes_how_many_streams_and_imports_there_may_be() {
    let fake = fake::start().await;
    let gateway = Process::start("[gateway]\nevents_max = 1\nimports_max = 1\n", &fake.url());
    let stream = gateway.stream().await.unwrap();
    assert!(gateway.stream().await.is_none());
    let import = gateway.import().await;
    gateway
        .short_import()
        .await
        .problem(429, "too-many-imports");

    gateway.reload("[gateway]\nevents_max = 2\nimports_max = 2\n");
    let more = async || gateway.stream().await.is_some();
    wait_until_async(LIVENESS, more).await;
    // There is a place; what it would import into is not there.
    gateway.short_import().await.problem(503, "outcome-unknown");

    // With fewer places those who have one keep it, and nobody gets another.
    gateway.reload("[gateway]\nevents_max = 1\nimports_max = 1\n");
    let refused = async || gateway.short_import().await.status() == 429;
    wait_until_async(LIVENESS, refused).await;
    assert!(gateway.stream().await.is_none());
    drop((stream, import));
    let free = async || gateway.stream().await.is_some();
    wait_until_async(LIVENESS, free).await;
    let index = ask(gateway.addr, &request("GET", "/", &[], b"")).await;
    assert_eq!(index.status(), 200);
}
