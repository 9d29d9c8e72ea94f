//! What attacks cost the server in memory, seen from outside: as a process of its own.

use crate::common::{Edge, LIVENESS, fetch, ms};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::attack::{Flood, header_bomb};
use testkit::{ChildGuard, wait_until_async};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use watertight::ServerConfig;

const CHILD: &str = "WATERTIGHT_TEST_EDGE";
const SILENT: usize = 9_000;

/// The server, in the child process; ends with its standard input.
#[test]
#[ignore = "runs as a child process"]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let edge = Edge::start(ServerConfig {
            connections_max: 20_000,
            connections_per_ip_max: 20_000,
            // Long enough to open them all first.
            first_byte_timeout: Duration::from_secs(6),
            header_timeout: Duration::from_secs(6),
            write_stall_timeout: Duration::from_secs(4),
            ..ServerConfig::default()
        });
        println!("addr {}", edge.addr);
        loop {
            testkit::let_pass(ms(50), "between two looks").await;
            println!(
                "connections {} {}",
                edge.server.connections(),
                edge.server.in_flight()
            );
            if std::os::unix::process::parent_id() == 1 {
                return;
            }
        }
    });
}

struct Child {
    child: ChildGuard,
    addr: SocketAddr,
    connections: std::sync::Arc<std::sync::Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Child {
    #[expect(
        clippy::disallowed_methods,
        reason = "joined when the child is dropped"
    )]
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "memory::child", "--ignored", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = ChildGuard::spawn(&mut command);
        let mut lines = BufReader::new(child.child().stdout.take().unwrap());
        let addr = loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the child is gone");
            if let Some((_, addr)) = line.split_once("addr ") {
                break addr.trim().parse().unwrap();
            }
        };
        let connections: std::sync::Arc<std::sync::Mutex<String>> = std::sync::Arc::default();
        let seen = std::sync::Arc::clone(&connections);
        let reader = std::thread::Builder::new()
            .name("child".to_owned())
            .spawn(move || {
                for line in lines.lines().map_while(Result::ok) {
                    *seen.lock().unwrap() = line;
                }
            })
            .unwrap();
        Self {
            child,
            addr,
            connections,
            reader: Some(reader),
        }
    }

    /// Resident memory in KiB.
    fn rss_kib(&self) -> u64 {
        let mut status = String::new();
        std::fs::File::open(format!("/proc/{}/status", self.child.pid()))
            .unwrap()
            .read_to_string(&mut status)
            .unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse().unwrap()
    }

    /// Waits until the server has that many connections and no request.
    async fn has(&self, connections: usize) {
        let wanted = format!("connections {connections} 0");
        wait_until_async(LIVENESS, async || {
            *self.connections.lock().unwrap() == wanted
        })
        .await;
    }

    async fn answers(&self) {
        assert!(fetch(self.addr, "/", "").await.ends_with("home"));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        if let Some(reader) = self.reader.take() {
            let _done = reader.join();
        }
    }
}

#[expect(clippy::print_stdout, reason = "says what it leaves out")]
/// How many sockets this process may have, less some for others.
fn sockets() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    let soft: usize = soft.unwrap().parse().unwrap_or(usize::MAX);
    let sockets = SILENT.min(soft.saturating_sub(300));
    if sockets < SILENT {
        println!(
            "SKIPPED in part: {sockets} sockets instead of {SILENT}, for RLIMIT_NOFILE is {soft}"
        );
    }
    sockets
}

#[watertight::test]
async fn nine_thousand_silent_sockets_cost_little_and_go() {
    let many = sockets();
    let child = Child::start();
    child.answers().await;
    let before = child.rss_kib();
    let mut open = Vec::with_capacity(many);
    for i in 0..many {
        let mut tcp = TcpStream::connect(child.addr).await.unwrap();
        // Some say nothing at all, others a little of HTTP/1 or HTTP/2.
        let said: &[u8] = [&b""[..], b"GET / HTTP/1.1\r\nx: ", b"PRI * HTTP/2"][i % 3];
        tcp.write_all(said).await.unwrap();
        open.push(tcp);
    }
    child.has(many).await;
    let grown = child.rss_kib().saturating_sub(before);
    child.answers().await;
    let each = grown * 1024 / u64::try_from(many).unwrap();
    println!("{many} silent sockets: {grown} KiB, {each} bytes each");
    assert!(each < 16 * 1024, "{each} bytes for each silent socket");
    // All of them, without a word from us.
    child.has(0).await;
    child.answers().await;
    drop(open);
}

#[watertight::test]
async fn header_bombs_are_bounded() {
    let child = Child::start();
    child.answers().await;
    let before = child.rss_kib();
    // Just under the limit for a header list, and a thousand times beyond it.
    let mut held = Vec::new();
    for times in [3, 12_000] {
        held.push(header_bomb(child.addr, 200, times).await);
    }
    child.answers().await;
    let grown = child.rss_kib().saturating_sub(before);
    println!("header bombs: {grown} KiB");
    assert!(grown < 48 * 1024, "{grown} KiB");
    drop(held);
    child.has(0).await;
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_leave_nothing_behind() {
    let child = Child::start();
    child.answers().await;
    // The first round fills pools and caches.
    for flood in Flood::ALL {
        flood.run(child.addr, 400_000).await.unwrap();
    }
    child.has(0).await;
    let before = child.rss_kib();
    for flood in Flood::ALL {
        let rounds = flood.run(child.addr, 400_000).await.unwrap();
        let grown = child.rss_kib().saturating_sub(before);
        println!("{flood:?}: hung up after {rounds} rounds, {grown} KiB");
        assert!(grown < 32 * 1024, "{flood:?}: {grown} KiB");
        child.answers().await;
    }
    child.has(0).await;
}
