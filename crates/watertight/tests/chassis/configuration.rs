//! Settings of a real process: checked, changed while it runs, and who may see them.

use crate::common::{LIVENESS, http1};
use serde_json::Value;
use std::fs::Permissions;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use testkit::{ChildGuard, TempDir, example, temp_dir, wait_until, wait_until_async};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::unix::pipe::{OpenOptions, Sender};

/// Of the admin port.
const TOKEN: &str = "s3cret-of-hello!";

/// The hello example with a file of settings.
struct Hello {
    child: ChildGuard,
    dir: TempDir,
    listen: SocketAddr,
    admin: SocketAddr,
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(example("hello"));
    command.args(["--config", "hello.toml"]).current_dir(dir);
    command.stdin(Stdio::null());
    command
}

impl Hello {
    fn start(dir: TempDir, flags: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = command(dir.path());
        command
            .args(["--listen", "127.0.0.1:0", "--unready", "0s"])
            .args(["--ready-file", "ready.json"])
            .args(flags)
            .envs(env.iter().copied())
            .stdout(std::fs::File::create(dir.path().join("log")).unwrap());
        let mut child = ChildGuard::spawn(&mut command);
        let path = dir.path().join("ready.json");
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

    /// A request to the admin port under the name of its address.
    async fn admin(&self, path: &str, headers: &str) -> String {
        ask(self.admin, path, &self.admin.to_string(), headers).await
    }

    async fn metric(&self, line: &str) -> bool {
        self.admin("/metrics", "").await.lines().any(|l| l == line)
    }

    /// The value and the origin of a setting.
    async fn setting(&self, name: &str) -> (String, String) {
        let answer = self.admin("/config", "").await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let json: Value = serde_json::from_str(body).unwrap();
        let settings = json["settings"].as_array().unwrap();
        let one = settings.iter().find(|one| one["setting"] == name).unwrap();
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        (text("value"), text("origin"))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

async fn ask(addr: SocketAddr, path: &str, host: &str, headers: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    http1(addr, &request).await
}

fn with_file(text: &str) -> TempDir {
    let dir = temp_dir();
    write(&dir, text);
    dir
}

/// Written aside and renamed: a reload never reads half of it.
fn write(dir: &TempDir, text: &str) {
    let aside = dir.path().join("aside");
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, dir.path().join("hello.toml")).unwrap();
}

fn checked(dir: &TempDir, flags: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = command(dir.path());
    command.arg("--check-config").args(flags);
    let output: Output = command.envs(env.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn check_config_prints_what_holds_and_why() {
    let dir = with_file("[hello]\nreport = \"5s\"\n");
    let env = [("WATERTIGHT_ADMIN_TOKEN", TOKEN)];
    let (code, table, errors) = checked(&dir, &["--drain", "7s"], &env);
    assert_eq!(code, Some(0), "{errors}");
    let has = |words: &[&str]| {
        let same = |line: &str| line.split_whitespace().eq(words.iter().copied());
        assert!(table.lines().any(same), "{words:?} in {table}");
    };
    has(&["[hello]", "report", "5s", "hello.toml:2"]);
    has(&["[watertight]", "drain", "7s", "--drain"]);
    has(&["[watertight]", "unready", "1s", "default"]);
    has(&[
        "[watertight]",
        "admin_token",
        "(set)",
        "WATERTIGHT_ADMIN_TOKEN",
    ]);
    assert!(!format!("{table}{errors}").contains("s3cret"));
}

#[test]
fn check_config_names_everything_that_is_wrong() {
    let dir = with_file("[hello]\nreport = 5\n[wat]\n");
    let env = [("HELLO_REPORTS", "1s")];
    let flags = [
        "--tls-cert",
        "cert.pem",
        "--admin-token-file",
        "none",
        "--drain",
        "1",
    ];
    let (code, table, errors) = checked(&dir, &flags, &env);
    assert_eq!((code, table.as_str()), (Some(2), ""));
    for place in [
        "error: hello.toml:2: [hello] report: ",
        "error: hello.toml:3: [wat] is not a section",
        "error: HELLO_REPORTS: is not a setting; did you mean HELLO_REPORT?",
        "error: --drain: \"1\" needs a unit",
    ] {
        assert!(errors.contains(place), "{place} in {errors}");
    }
    // What no single value can tell is told once the values are right.
    let dir = with_file("");
    let (code, _, errors) = checked(&dir, &flags[..4], &[]);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("--tls-cert: needs tls_key beside it"),
        "{errors}"
    );
    assert!(
        errors.contains("--admin-token-file: none cannot be read"),
        "{errors}"
    );
}

/// As it would start, without `--check-config`: what is looked at first must
/// not fall over it either.
fn refused(flags: &[&str], env: &[(&str, &str)]) -> String {
    let dir = with_file("");
    let mut command = command(dir.path());
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    let stderr = std::fs::File::create(dir.path().join("log")).unwrap();
    command.envs(env.iter().copied()).stderr(stderr);
    let mut child = ChildGuard::spawn(&mut command);
    assert_eq!(child.wait(LIVENESS).code(), Some(2), "{flags:?} {env:?}");
    std::fs::read_to_string(dir.path().join("log")).unwrap()
}

#[test]
fn the_name_of_an_environment_is_no_path() {
    for name in ["../../x", "a/b"] {
        let what = "may have letters, digits, - and _ alone";
        let errors = refused(&["--environment", name], &[]);
        assert!(errors.contains(what), "{errors}");
        let errors = refused(&[], &[("WATERTIGHT_ENVIRONMENT", name)]);
        assert!(errors.contains(what), "{errors}");
    }
}

#[test]
fn nothing_starts_with_a_token_that_keeps_nobody_out() {
    for token in ["", "  ", "s3cret"] {
        let errors = refused(&[], &[("WATERTIGHT_ADMIN_TOKEN", token)]);
        assert!(errors.contains("WATERTIGHT_ADMIN_TOKEN: "), "{errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}

#[watertight::test]
async fn a_hangup_reloads_what_is_right_and_refuses_what_is_not() {
    let dir = with_file("[watertight]\nrequests_max = 100\n");
    let mut hello = Hello::start(dir, &[], &[]);
    let setting = "[watertight] requests_max";
    let origin = |line: u32| format!("hello.toml:{line}");
    assert_eq!(hello.setting(setting).await, ("100".to_owned(), origin(2)));
    assert!(hello.metric("config_last_reload_ok 1").await);

    write(
        &hello.dir,
        "[hello]\nreport = \"2s\"\n[watertight]\nrequests_max = 50\n",
    );
    hello.child.signal("HUP");
    let reloaded = async || hello.setting(setting).await == ("50".to_owned(), origin(4));
    wait_until_async(LIVENESS, reloaded).await;
    // What can't change is named and stays as it was.
    assert_eq!(hello.setting("[hello] report").await.0, "1s");
    wait_until(LIVENESS, || {
        hello.log().contains(r#""settings":"[hello] report""#)
    });

    write(
        &hello.dir,
        "[watertight]\nrequests_max = 7\ndrain = 1\nlisten = \"x\"\n",
    );
    hello.child.signal("HUP");
    let refused = async || hello.metric("config_last_reload_ok 0").await;
    wait_until_async(LIVENESS, refused).await;
    assert_eq!(hello.setting(setting).await.0, "50");
    for place in [
        "hello.toml:3: [watertight] drain: ",
        "hello.toml:4: [watertight] listen: ",
    ] {
        wait_until(LIVENESS, || hello.log().contains(place));
    }
    assert!(
        hello
            .metric(r#"config_reloads_total{result="refused"} 1"#)
            .await
    );

    hello.child.signal("TERM");
    assert_eq!(hello.child.wait(LIVENESS).code(), Some(0));
}

/// Nobody says anything: the file is looked at every two seconds.
#[watertight::test]
async fn the_server_takes_over_new_limits_and_the_log_a_new_filter() {
    let dir = with_file("watertight.log = \"info\"\n");
    let hello = Hello::start(dir, &[], &[]);
    wait_until(LIVENESS, || {
        hello.log().contains(r#""message":"configuration""#)
    });
    write(
        &hello.dir,
        "[watertight]\nconnections_max = 1\nlog = \"error\"\n",
    );
    let reloaded = async || hello.setting("[watertight] connections_max").await.0 == "1";
    wait_until_async(LIVENESS, reloaded).await;
    let _holds_the_only_place = TcpStream::connect(hello.listen).await.unwrap();
    let mut second = TcpStream::connect(hello.listen).await.unwrap();
    let mut byte = [0; 1];
    let closed = second.read(&mut byte);
    let closed = testkit::within(LIVENESS, closed).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    // Because of the limit, not because it said nothing for too long.
    let refused = r#"server_connections_refused_total{listener="main",reason="connections_max"} 1"#;
    assert!(hello.metric(refused).await);
    // The filter lets no reload be told any more, only that one is refused.
    write(
        &hello.dir,
        "[watertight]\nconnections_max = 2\nlog = \"error\"\n",
    );
    let reloaded = async || hello.setting("[watertight] connections_max").await.0 == "2";
    wait_until_async(LIVENESS, reloaded).await;
    write(&hello.dir, "watertight.listen = \"x\"\n");
    wait_until(LIVENESS, || hello.log().contains("reload refused"));
    let told = hello.log().matches("configuration reloaded").count();
    assert_eq!(told, 1, "{}", hello.log());
}

fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or_default()
}

#[watertight::test]
async fn a_token_guards_all_but_metrics_and_health() {
    let dir = with_file("watertight.admin_token_file = \"token\"\n");
    std::fs::write(dir.path().join("token"), TOKEN).unwrap();
    let hello = Hello::start(dir, &[], &[]);
    let right = "authorization: Bearer s3cret-of-hello!\r\n";
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(status(&hello.admin(path, "").await), "200", "{path}");
    }
    for path in ["/config", "/debug/anything", "/debug/tasks", "/"] {
        for headers in [
            "",
            "authorization: Bearer s3cret-of-hello\r\n",
            "authorization: Basic s3cret-of-hello!\r\n",
        ] {
            let answer = hello.admin(path, headers).await;
            assert_eq!(status(&answer), "401", "{path} {headers}");
            assert!(answer.contains("www-authenticate: Bearer\r\n"), "{answer}");
        }
    }
    let answer = hello.admin("/config", right).await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(!answer.contains("s3cret"), "{answer}");
    assert_eq!(status(&hello.admin("/debug/anything", right).await), "404");
    assert!(
        hello
            .metric(r#"admin_refused_total{reason="wrong_token"} 8"#)
            .await
    );
    for second in [right, "authorization: Bearer another-s3cret!\r\n"] {
        let answer = hello.admin("/config", &format!("{right}{second}")).await;
        assert_eq!(status(&answer), "401", "{answer}");
    }

    // A new token in the file is taken over, and the old one is worth nothing.
    std::fs::write(hello.dir.path().join("token"), "renewed-for-hello\n").unwrap();
    let renewed = "authorization: Bearer renewed-for-hello\r\n";
    wait_until_async(LIVENESS, async || {
        status(&hello.admin("/config", renewed).await) == "200"
    })
    .await;
    assert_eq!(status(&hello.admin("/config", right).await), "401");
    assert!(!hello.log().contains("s3cret"), "{}", hello.log());

    // One that is none leaves the old one in use; to have none is said aloud.
    std::fs::write(hello.dir.path().join("token"), "\n").unwrap();
    let refused = async || hello.metric("config_last_reload_ok 0").await;
    wait_until_async(LIVENESS, refused).await;
    assert_eq!(status(&hello.admin("/config", "").await), "401");
    assert_eq!(status(&hello.admin("/config", renewed).await), "200");
    let open = "there is no admin token any more";
    assert!(!hello.log().contains(open), "{}", hello.log());
    write(&hello.dir, "");
    wait_until(LIVENESS, || hello.log().contains(open));
    assert_eq!(status(&hello.admin("/config", "").await), "200");
}

#[test]
fn secrets_that_others_may_read_are_named() {
    let dir = with_file("watertight.admin_token_file = \"token\"\n");
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = [
        ("token", TOKEN.to_owned(), 0o604),
        ("cert.pem", pair.cert.pem(), 0o644),
        ("key.pem", pair.signing_key.serialize_pem(), 0o600),
    ];
    for (name, text, mode) in files {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let flags = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let hello = Hello::start(dir, &flags, &[]);
    wait_until(LIVENESS, || hello.log().contains(r#""message":"ready""#));
    let log = hello.log();
    let told = log
        .lines()
        .filter(|line| line.contains("others than its owner"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("admin_token_file"), "{told:?}");
}

#[watertight::test]
async fn a_token_of_the_environment_is_in_no_log() {
    let env = [("WATERTIGHT_ADMIN_TOKEN", TOKEN)];
    let hello = Hello::start(with_file(""), &[], &env);
    assert_eq!(status(&hello.admin("/config", "").await), "401");
    let answer = hello
        .admin("/config", "authorization: Bearer s3cret-of-hello!\r\n")
        .await;
    assert!(answer.contains(r#""value":"(set)""#), "{answer}");
    assert!(!answer.contains("s3cret"), "{answer}");
    assert!(!hello.log().contains("s3cret"), "{}", hello.log());
}

/// An address of this machine that isn't loopback, if it has one. Connecting a
/// datagram socket sends nothing; it only asks the routing table.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[watertight::test]
async fn without_a_token_only_callers_on_this_machine_see_more() {
    let hello = Hello::start(with_file(""), &["--admin", "0.0.0.0:0"], &[]);
    let port = hello.admin.port();
    let local = SocketAddr::from(([127, 0, 0, 1], port));
    for host in ["127.0.0.1", "localhost", "[::1]:80"] {
        assert_eq!(
            status(&ask(local, "/config", host, "").await),
            "200",
            "{host}"
        );
    }
    for host in ["evil.example", "localhost.evil.example"] {
        let answer = ask(local, "/config", host, "").await;
        assert_eq!(status(&answer), "403", "{answer}");
        assert_eq!(status(&ask(local, "/metrics", host, "").await), "200");
    }
    let Some(outer) = outer_address() else {
        eprintln!("skipped in part: this machine has no address but loopback");
        return;
    };
    let outer = SocketAddr::new(outer, port);
    let answer = ask(outer, "/config", &outer.to_string(), "").await;
    assert_eq!(status(&answer), "403", "{answer}");
    assert_eq!(
        status(&ask(outer, "/readyz", "any.example", "").await),
        "200"
    );
    // Nobody gets in with a token that isn't set.
    let answer = ask(outer, "/config", "127.0.0.1", "authorization: Bearer \r\n").await;
    assert_eq!(status(&answer), "403", "{answer}");
}

/// A file whose reader waits until somebody writes: what a network file system
/// looks like when its server is gone.
fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// The other end of the file, as soon as somebody reads it.
fn opened(path: &Path) -> Sender {
    let mut sender = None;
    wait_until(LIVENESS, || {
        sender = OpenOptions::new().open_sender(path).ok();
        sender.is_some()
    });
    sender.unwrap()
}

#[watertight::test]
async fn a_file_system_that_hangs_holds_up_neither_admin_port_nor_end() {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for name in ["hello.toml", "token", "cert.pem"] {
        let dir = with_file("watertight.admin_token_file = \"token\"\n");
        std::fs::write(dir.path().join("token"), TOKEN).unwrap();
        std::fs::write(dir.path().join("cert.pem"), pair.cert.pem()).unwrap();
        std::fs::write(dir.path().join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
        let flags = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
        let mut hello = Hello::start(dir, &flags, &[]);
        let fifo = hello.dir.path().join("fifo");
        make_fifo(&fifo);
        std::fs::rename(&fifo, hello.dir.path().join(name)).unwrap();
        hello.child.signal("HUP");
        let _never_writes = opened(&hello.dir.path().join(name));
        for path in ["/livez", "/metrics"] {
            let answer = testkit::within(LIVENESS, hello.admin(path, "")).await;
            assert_eq!(status(&answer), "200", "{name} {path}");
        }
        hello.child.signal("TERM");
        assert_eq!(hello.child.wait(LIVENESS).code(), Some(0), "{name}");
        assert!(hello.log().contains("a file is still being read"), "{name}");
    }
}

/// Whoever tells a process to reload may be early.
#[watertight::test]
async fn a_hangup_while_it_starts_ends_nothing() {
    let dir = temp_dir();
    let path = dir.path().join("hello.toml");
    make_fifo(&path);
    let mut command = command(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--check-config"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = ChildGuard::spawn(&mut command);
    drop(opened(&path));
    child.signal("HUP");
    // Each look at the file ends at once, with nothing in it.
    wait_until(LIVENESS, || {
        let _reader_is_there = OpenOptions::new().open_sender(&path);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait(LIVENESS).code(), Some(0));
}
