//! The chassis as a real process: the hello example, started, asked and ended.

use crate::common::LIVENESS;
use serde_json::Value;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::{ChildGuard, example, temp_dir, wait_until};
use tonic::Request;
use watertight::GrpcChannel;

struct Hello {
    child: ChildGuard,
    listen: SocketAddr,
    admin: SocketAddr,
    dir: testkit::TempDir,
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(example("hello"));
    command
        .args(["--listen", "127.0.0.1:0"])
        .arg("--ready-file")
        .arg(dir.join("ready.json"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(dir.join("log")).unwrap());
    command
}

fn start(args: &[&str]) -> Hello {
    let dir = temp_dir();
    let mut child = ChildGuard::spawn(&mut command(dir.path(), args));
    let path = dir.path().join("ready.json");
    wait_until(LIVENESS, || {
        path.exists() || child.try_wait().unwrap().is_some()
    });
    let ready: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(ready["pid"], child.pid());
    let addr = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
    Hello {
        listen: addr("listen"),
        admin: addr("admin"),
        child,
        dir,
    }
}

fn log(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("log")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

async fn greet(addr: SocketAddr) -> String {
    let channel = GrpcChannel::connect_lazy("hello", &format!("http://{addr}")).unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let path = "/hello.v1.Greeter/Hello".parse().unwrap();
    client
        .unary(Request::new("you".to_owned()), path, codec)
        .await
        .unwrap()
        .into_inner()
}

#[watertight::test]
async fn hello_serves_and_ends_in_order() {
    let mut hello = start(&["--report", "20ms", "--unready", "0s"]);
    assert_eq!(greet(hello.listen).await, "hello you");
    assert!(
        crate::common::get(hello.listen, "/count", "")
            .await
            .ends_with("\r\n1")
    );
    assert!(
        crate::common::get(hello.listen, "/nowhere", "")
            .await
            .starts_with("HTTP/1.1 404")
    );

    assert!(
        crate::common::get(hello.admin, "/livez", "")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let ready = crate::common::get(hello.admin, "/readyz", "").await;
    assert!(
        ready.starts_with("HTTP/1.1 200") && ready.contains(r#""ready":true"#),
        "{ready}"
    );
    let metrics = crate::common::get(hello.admin, "/metrics", "").await;
    for series in [
        r#"rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="hello.v1.Greeter/Hello",rpc_response_status_code="OK",error_type=""} 1"#,
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_route="/count",http_response_status_code="200",error_type=""} 1"#,
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_route="unmatched",http_response_status_code="404",error_type=""} 1"#,
        "# HELP rpc_server_call_duration_seconds Time from",
        "# TYPE process_cpu_seconds_total counter",
        "rpc_server_call_duration_seconds_bucket{",
        "build_info{service=\"hello\",version=\"",
        "process_resident_memory_bytes ",
        "process_virtual_memory_bytes ",
        "process_max_fds ",
        "machine_memory_bytes ",
        "runtime_worker_busy_seconds_total{runtime=\"work\",worker=\"0\"} ",
        "runtime_workers{runtime=\"ops\"} 1\n",
        "server_requests_in_flight 0\n",
        "server_connections_max 4096\n",
        "blocking_threads_max 16\n",
        "process_threads ",
        "log_lines_dropped_total{reason=\"full\"} 0",
    ] {
        assert!(
            metrics.contains(series),
            "{series} is missing in\n{metrics}"
        );
    }
    assert!(!metrics.contains("/readyz"), "the admin port counts itself");

    let dir = hello.dir.path().to_owned();
    // The last line may be half written; the rest tells.
    let text = || std::fs::read_to_string(dir.join("log")).unwrap();
    wait_until(LIVENESS, || text().contains(r#""greetings":1"#));
    hello.child.signal("TERM");
    assert_eq!(hello.child.wait(LIVENESS).code(), Some(0));
    let log = log(hello.dir.path());
    let has = |message: &str| log.iter().any(|line| line["message"] == message);
    assert!(
        has("ready") && has("shutting down") && has("stopped"),
        "{log:?}"
    );
}

#[watertight::test]
async fn an_absent_collector_costs_traces_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let url = format!("http://{}", nobody.unwrap());
    let mut hello = start(&["--otlp", &url, "--trace-ratio", "100%", "--unready", "0s"]);
    assert_eq!(greet(hello.listen).await, "hello you");
    let dropped = r#"traces_dropped_total{reason="unavailable"} 1"#;
    let metrics = async || crate::common::get(hello.admin, "/metrics", "").await;
    let counted = async || metrics().await.contains(dropped);
    testkit::wait_until_async(LIVENESS, counted).await;
    assert_eq!(greet(hello.listen).await, "hello you");
    hello.child.signal("TERM");
    assert_eq!(hello.child.wait(LIVENESS).code(), Some(0));
    let log = log(hello.dir.path());
    let told = |line: &&Value| line["message"] == "traces are dropped";
    assert_eq!(log.iter().filter(told).count(), 1, "{log:?}");
}

#[watertight::test]
async fn at_the_end_a_process_sends_what_it_has() {
    let sink = testkit::otlp::OtlpSink::start();
    let flags = [
        "--otlp",
        &sink.url(),
        "--trace-ratio",
        "100%",
        "--unready",
        "0s",
    ];
    let mut hello = start(&flags);
    assert_eq!(greet(hello.listen).await, "hello you");
    hello.child.signal("TERM");
    assert_eq!(hello.child.wait(LIVENESS).code(), Some(0));
    let spans = sink.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0].name, "hello.v1.Greeter/Hello");
    assert_eq!(
        spans[0].resource["process.pid"],
        hello.child.pid().to_string()
    );
}

#[watertight::test]
async fn a_second_signal_ends_it_at_once() {
    let mut hello = start(&["--unready", "600000ms"]);
    hello.child.signal("INT");
    let draining = async || {
        crate::common::get(hello.admin, "/readyz", "")
            .await
            .starts_with("HTTP/1.1 503")
    };
    testkit::wait_until_async(LIVENESS, draining).await;
    // Still served: balancers may not have noticed yet.
    assert_eq!(greet(hello.listen).await, "hello you");
    hello.child.signal("TERM");
    assert_eq!(hello.child.wait(LIVENESS).code(), Some(143));
}

#[test]
fn a_taken_port_is_said_clearly() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for flags in [
        ["--listen", &addr, "--admin", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--admin", &addr],
    ] {
        let dir = temp_dir();
        let mut command = Command::new(example("hello"));
        command.args(flags);
        let mut child = ChildGuard::spawn(command_quiet(&mut command, dir.path()));
        assert_eq!(child.wait(LIVENESS).code(), Some(1));
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(
            log.contains(&format!("cannot listen on {addr}: the port is taken")),
            "{log}"
        );
    }
}

#[test]
fn bad_flags_and_help() {
    let dir = temp_dir();
    let mut child =
        ChildGuard::spawn(command(dir.path(), &["--no-such-flag"]).stdout(Stdio::null()));
    assert_eq!(child.wait(LIVENESS).code(), Some(2));
    let mut help = command(dir.path(), &["--help"]);
    let mut child = ChildGuard::spawn(help.stdout(Stdio::piped()));
    let mut text = String::new();
    child
        .child()
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait(LIVENESS).code(), Some(0));
    assert!(
        text.contains("--report") && text.contains("--drain"),
        "{text}"
    );
}

fn command_quiet<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    command.stderr(std::fs::File::create(dir.join("log")).unwrap())
}

#[test]
fn the_hello_example_fits_forty_lines() {
    let lines = include_str!("../../examples/hello.rs").lines().count();
    assert!(lines <= 40, "{lines} lines");
}
