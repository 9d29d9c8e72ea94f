//! The log of a real process: what stands in it, who waits for it, what it costs.

use crate::common::{LIVENESS, get, http1};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;
use testkit::{ChildGuard, TempDir, example, temp_dir, wait_until, wait_until_async};

const ADMIN_TOKEN: &str = "t0ken-of-the-admin";
/// As no service issues it.
const KEY: &str = "sk_live_c4n4ryC4N4RYc4n4ry";
const PASSWORD: &str = "c4n4ry-p4ssw0rd";
const CARD: &str = "4111111111111111";

struct Chatter {
    child: ChildGuard,
    listen: SocketAddr,
    admin: SocketAddr,
    dir: TempDir,
}

impl Chatter {
    fn start(stdout: Option<Stdio>, args: &[&str]) -> Self {
        let dir = temp_dir();
        let stdout = stdout.unwrap_or_else(|| File::create(dir.path().join("log")).unwrap().into());
        let path = dir.path().join("ready.json");
        let mut command = Command::new(example("chatter"));
        command
            .args(["--listen", "127.0.0.1:0", "--unready", "0s", "--ready-file"])
            .arg(&path)
            .args(args)
            .env("WATERTIGHT_ADMIN_TOKEN", ADMIN_TOKEN)
            .stdin(Stdio::null())
            .stdout(stdout);
        let mut child = ChildGuard::spawn(&mut command);
        wait_until(LIVENESS, || {
            path.exists() || child.try_wait().unwrap().is_some()
        });
        let ready: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let addr = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        Self {
            listen: addr("listen"),
            admin: addr("admin"),
            child,
            dir,
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// The lines that are there whole.
    fn lines(&self) -> Vec<Value> {
        let log = self.log();
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let parsed = whole.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        parsed.collect()
    }

    async fn metric(&self, series: &str) -> f64 {
        let metrics = get(self.admin, "/metrics", "").await;
        let name = format!("{series} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        let missing = || panic!("{series} is missing in\n{metrics}");
        value.unwrap_or_else(missing).parse().unwrap()
    }

    async fn ping(&self) {
        let answer = get(self.listen, "/ping", "").await;
        assert!(answer.ends_with("pong"), "{answer}");
    }

    /// A line of `/proc/PID/status`, in bytes.
    fn memory(&self, what: &str) -> u64 {
        let status = format!("/proc/{}/status", self.child.pid());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() * 1_024
    }

    fn ends_in_order(&mut self) {
        self.child.signal("TERM");
        assert_eq!(self.child.wait(LIVENESS).code(), Some(0));
    }

    async fn admin(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.admin,
            body.len(),
        );
        http1(self.admin, &request).await
    }
}

const FULL: &str = r#"log_lines_dropped_total{reason="full"}"#;
const CLOSED: &str = r#"log_lines_dropped_total{reason="closed"}"#;
const FAILED: &str = r#"log_lines_dropped_total{reason="failed"}"#;

#[watertight::test]
async fn a_stdout_that_nobody_reads_costs_lines_not_memory_and_no_request_waits() {
    let flags = [
        "--lines-per-s",
        "20000",
        "--log-site-lines-per-s-max",
        "1000000",
    ];
    for level in ["info", "error"] {
        let flags = [&flags[..], &["--level", level]].concat();
        let mut chatter = Chatter::start(Some(Stdio::piped()), &flags);
        let before = chatter.memory("VmRSS");
        // About a second of what it says, on a machine with nothing else to do.
        wait_until_async(LIVENESS, async || {
            chatter.ping().await;
            chatter.metric(FULL).await > 20_000.0
        })
        .await;
        let grown = chatter.memory("VmHWM").saturating_sub(before);
        assert!(grown <= 8 << 20, "{level}: grown by {} KiB", grown >> 10);
        assert!(
            chatter.metric("log_buffer_bytes").await
                <= chatter.metric("log_buffer_bytes_max").await + 8_192.0
        );

        // Somebody reads again: whole lines, and what was lost is told.
        let mut stdout = BufReader::new(chatter.child.child().stdout.take().unwrap());
        let (mut line, begun) = (String::new(), Instant::now());
        // Reading must be faster than what it says, or there is never room to tell.
        while !line.contains("\"log lines were dropped\"") {
            assert!(begun.elapsed() < LIVENESS, "nobody told of the losses");
            line.clear();
            stdout.read_line(&mut line).unwrap();
            assert!(
                line.starts_with("{\"ts\":") && line.ends_with("}\n"),
                "{line}"
            );
        }
        let told: Value = serde_json::from_str(&line).unwrap();
        assert!(told["fields"]["lines"].as_u64() > Some(20_000), "{told}");
        // And nobody again: it ends all the same.
        chatter.ends_in_order();
    }
}

#[watertight::test]
async fn a_stdout_that_is_closed_ends_nothing_but_the_log() {
    let mut chatter = Chatter::start(Some(Stdio::piped()), &["--lines-per-s", "1000"]);
    drop(chatter.child.child().stdout.take());
    wait_until_async(LIVENESS, async || chatter.metric(CLOSED).await > 100.0).await;
    chatter.ping().await;
    chatter.ends_in_order();
}

#[watertight::test]
async fn neither_does_a_full_disk() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut chatter = Chatter::start(Some(full.into()), &["--lines-per-s", "1000"]);
    wait_until_async(LIVENESS, async || chatter.metric(FAILED).await > 100.0).await;
    chatter.ping().await;
    chatter.ends_in_order();
}

#[watertight::test]
async fn a_loud_place_is_heard_in_part_and_errors_in_full() {
    let flags = ["--lines-per-s", "1000", "--log-site-lines-per-s-max", "10"];
    let chatter = Chatter::start(None, &flags);
    let skipped = async || chatter.metric("log_lines_sampled_total").await;
    wait_until_async(LIVENESS, async || skipped().await > 3_000.0).await;
    wait_until(LIVENESS, || chatter.log().contains("\"stands_for\""));
    let lines = chatter.lines();
    let loud: Vec<_> = lines.iter().filter(|l| l["message"] == "chatter").collect();
    let said = |line: &&&Value| line["stands_for"].as_u64().unwrap_or(1);
    assert!(
        loud.iter().map(|line| said(&line)).max() >= Some(10),
        "{loud:?}"
    );
    assert!(lines.iter().any(|line| line["message"] == "ready"));

    let flags = [&flags[..], &["--level", "error"]].concat();
    let chatter = Chatter::start(None, &flags);
    wait_until(LIVENESS, || chatter.log().lines().count() > 1_000);
    assert!(chatter.metric("log_lines_sampled_total").await < 100.0);
}

#[watertight::test]
async fn canaries_get_into_no_line_no_metric_and_no_answer() {
    let mut chatter = Chatter::start(None, &[]);
    let body = format!("{{\"user\":\"me\",\"password\":\"{PASSWORD}\",\"card\":\"{CARD}\"}}");
    let leak = format!(
        "POST /leak?api_key={KEY}&card={CARD}&db=postgres://me:{PASSWORD}@db/x HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\
         authorization: Bearer {KEY}\r\ncookie: sid={PASSWORD}\r\nx-api-key: {KEY}\r\nx-note: {KEY}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answers = http1(chatter.listen, &leak).await;
    assert!(answers.starts_with("HTTP/1.1 204"), "{answers}");
    let panic = format!("/panic?password={PASSWORD}&note={KEY}&card={CARD}");
    answers += &get(chatter.listen, &panic, "").await;
    assert!(answers.contains("HTTP/1.1 500"), "{answers}");
    let bad = format!("token={KEY}\r\n");
    answers += &get(
        chatter.listen,
        &format!("/{KEY}?{PASSWORD}"),
        &format!("x-request-timeout: {bad}"),
    )
    .await;
    answers += &get(
        chatter.admin,
        "/debug/log",
        &format!("authorization: Bearer {KEY}\r\n"),
    )
    .await;
    let metrics = get(chatter.admin, "/metrics", "").await;
    chatter.ends_in_order();
    let log = chatter.log();
    assert!(
        log.contains("\"panic\":\"cannot go on with password=[redacted:password]"),
        "{log}"
    );
    for canary in [KEY, &KEY[8..], PASSWORD, &PASSWORD[7..], CARD, ADMIN_TOKEN] {
        for (what, text) in [("log", &log), ("metrics", &metrics), ("answers", &answers)] {
            assert!(!text.contains(canary), "{canary} in the {what}:\n{text}");
        }
    }
    // What is no secret is still told.
    assert!(
        log.contains("user") && log.contains("postgres://me:[redacted:password]@db/x"),
        "{log}"
    );
    for kind in ["api_key", "password", "card", "cookie", "authorization"] {
        let series = format!("log_secrets_redacted_total{{kind=\"{kind}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
        assert!(line.unwrap().parse::<u64>().unwrap() > 0, "{series}");
    }
}

#[watertight::test]
async fn the_filter_changes_on_the_admin_port_for_a_while() {
    let chatter = Chatter::start(None, &["--log", "warn"]);
    let token = format!("authorization: Bearer {ADMIN_TOKEN}\r\n");
    let ask = async |method: &str, query: &str, body: &str| {
        let path = format!("/debug/log{query}");
        let answer = chatter.admin(method, &path, &token, body).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().to_owned();
        (status, serde_json::from_str::<Value>(body).unwrap())
    };
    let (status, shown) = ask("GET", "", "").await;
    assert_eq!((status.as_str(), &shown["filter"]), ("200", &"warn".into()));

    for (query, body, fault) in [
        ("", "chatter=loud", "chatter=loud"),
        ("", "inof", "inof"),
        ("", "", "empty"),
        ("?for=10", "debug", "unit"),
        ("?for=2d", "debug", "1d at most"),
        ("?until=10s", "debug", "until"),
    ] {
        let (status, problem) = ask("PUT", query, body).await;
        assert_eq!(status, "400", "{problem}");
        assert!(problem.to_string().contains(fault), "{fault}: {problem}");
    }
    assert_eq!(ask("PUT", "", &"x".repeat(5_000)).await.0, "413");
    let change = async |headers: &str| chatter.admin("POST", "/debug/log", headers, "debug").await;
    assert!(change("").await.starts_with("HTTP/1.1 401"));
    let page = format!("{token}origin: http://evil.example\r\n");
    assert!(change(&page).await.starts_with("HTTP/1.1 403"));
    assert_eq!(ask("GET", "", "").await.1["filter"], "warn");

    let (status, shown) = ask("PUT", "?for=2s", "chatter=debug,info\n").await;
    assert_eq!(
        (status.as_str(), &shown["filter"]),
        ("200", &"chatter=debug,info".into())
    );
    assert_eq!(shown["configured"], "warn");
    assert!(shown["lasts_seconds"].as_f64().unwrap() <= 2.0, "{shown}");
    wait_until_async(LIVENESS, async || {
        ask("GET", "", "").await.1["filter"] == "warn"
    })
    .await;

    assert_eq!(ask("POST", "", "off").await.0, "200");
    assert_eq!(ask("DELETE", "", "").await.1["filter"], "warn");
    // Each change is told, also under a filter that lets nothing else through.
    wait_until(LIVENESS, || {
        chatter.log().matches("watertight::audit").count() >= 4
    });
    let lines = chatter.lines();
    let audit: Vec<_> = lines
        .iter()
        .filter(|line| line["target"] == "watertight::audit")
        .collect();
    let to = |line: &&Value| line["fields"]["to"].clone();
    assert_eq!(to(&audit[0]), "chatter=debug,info");
    assert_eq!(audit[1]["fields"]["filter"], "warn");
    assert_eq!(
        (to(&audit[2]), to(&audit[3])),
        ("off".into(), "warn".into())
    );
    assert!(
        audit[0]["fields"]["peer"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
}

#[test]
fn a_panic_that_ends_the_process_is_in_the_log() {
    let mut command = Command::new(example("chatter"));
    command.args(["--listen", "127.0.0.1:0", "--panic-first", "true"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(101));
    let log = String::from_utf8(output.stdout).unwrap();
    let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&line["level"], &line["fields"]["panic"]),
        (&"ERROR".into(), &"as told".into())
    );
}

#[test]
fn what_keeps_a_service_from_starting_is_said_once_and_to_people() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let run = |args: &[&str]| {
        let output = Command::new(example("chatter"))
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, log, told) = run(&["--listen", &addr]);
    assert_eq!(
        (code, told.matches("cannot listen on").count()),
        (Some(1), 1),
        "{told}"
    );
    assert!(!log.contains("cannot listen on"), "{log}");
    let (code, log, told) = run(&["--no-such-flag"]);
    assert_eq!((code, log.as_str()), (Some(2), ""));
    assert_eq!(told.matches("--no-such-flag").count(), 1, "{told}");
    let version = format!("chatter {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (Some(0), version, String::new()));
}

#[test]
fn nothing_is_waiting_when_a_process_has_ended() {
    let mut chatter = Chatter::start(Some(Stdio::piped()), &["--lines-per-s", "2000"]);
    chatter.child.signal("TERM");
    let mut log = String::new();
    let mut stdout = chatter.child.child().stdout.take().unwrap();
    stdout.read_to_string(&mut log).unwrap();
    assert_eq!(chatter.child.wait(LIVENESS).code(), Some(0));
    assert!(log.ends_with('\n'));
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["message"], "stopped");
}
