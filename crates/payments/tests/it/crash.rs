//! SIGKILL between two steps, in a process of its own, and what is found after.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use shop_proto::payments::{PaymentState as State, payments_service_client::PaymentsServiceClient};
use shop_types::OrderId;
use testkit::{ChildGuard, LIVENESS, wait_until};
use watertight::{GrpcChannel, HttpClient};

use crate::shop::{self, Client, Stub, figures, insist};

/// Where the provider's arguments are handed to [`child_provider`].
const PROVIDER_ARGS: &str = "TEST_PROVIDER_ARGS";

/// A service in a process of its own.
struct Process {
    child: ChildGuard,
    ready: Value,
}

impl Process {
    fn start(command: &mut Command, ready_file: &Path) -> Self {
        Self::start_with(command, ready_file, Stdio::null(), Stdio::null())
    }

    fn start_with(command: &mut Command, ready_file: &Path, out: Stdio, err: Stdio) -> Self {
        // What a killed predecessor wrote is no sign of life.
        drop(std::fs::remove_file(ready_file));
        let command = command.stdout(out).stderr(err);
        let mut child = ChildGuard::spawn(command.stdin(Stdio::null()));
        wait_until(LIVENESS, || {
            assert_eq!(
                child.try_wait().unwrap(),
                None,
                "it ended before it was ready"
            );
            ready_file.exists()
        });
        let ready = std::fs::read(ready_file).unwrap();
        Self {
            child,
            ready: serde_json::from_slice(&ready).unwrap(),
        }
    }

    fn url(&self, pointer: &str) -> String {
        let addr = self.ready.pointer(pointer).and_then(Value::as_str);
        format!("http://{}", addr.unwrap())
    }

    /// Waits for the end, which must be the crash point's doing.
    fn crashed(mut self) {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait(LIVENESS);
        assert_eq!(status.signal(), Some(9), "{status}");
    }
}

fn flags<'a>(fixed: &[&'a str], crash_at: Option<&'a str>) -> Vec<&'a str> {
    let crash = crash_at.into_iter().flat_map(|point| ["--crash-at", point]);
    fixed.iter().copied().chain(crash).collect()
}

fn payments(dir: &Path, endpoints: &[String], crash_at: Option<&str>) -> (Process, Client) {
    let ready = dir.join("payments.ready");
    let mut fixed = vec!["--admin", "127.0.0.1:0", "--ready-file"];
    fixed.push(ready.to_str().unwrap());
    fixed.extend(endpoints.iter().flat_map(|url| ["--provider", url]));
    let args = shop::args("payments", &dir.join("payments"), flags(&fixed, crash_at));
    let mut command = Command::new(env!("CARGO_BIN_EXE_payments"));
    let process = Process::start(command.args(&args[1..]), &ready);
    let channel = GrpcChannel::connect_lazy("payments", &process.url("/listen")).unwrap();
    (process, PaymentsServiceClient::new(channel))
}

/// Kills payments at `point`, starts it again and asks for the same.
async fn crash_and_resume(point: &str, order: OrderId) {
    let dir = testkit::temp_dir();
    let stub = Stub::start(&dir.path().join("provider")).await;
    let endpoints = stub.endpoints();
    let (process, client) = payments(dir.path(), &endpoints, Some(point));
    let held = shop::authorize(&client, order, 500, "EUR", "pm_card_ok").await;
    let cut_off = match held {
        Ok(_) => shop::capture(&client, order).await,
        Err(_) => held,
    };
    assert!(cut_off.is_err(), "{point} was not passed: {cut_off:?}");
    process.crashed();
    let (_process, client) = payments(dir.path(), &endpoints, None);
    let held = insist(|| shop::authorize(&client, order, 500, "EUR", "pm_card_ok")).await;
    assert!(held.is_ok(), "{held:?}");
    let taken = insist(|| shop::capture(&client, order)).await.unwrap();
    assert_eq!((taken.state(), taken.discrepancies), (State::Captured, 0));
    let theirs = stub.referee(order).await.unwrap();
    assert_eq!(
        figures(&theirs),
        json!(["captured", 500, 0, 1, 0]),
        "{point}"
    );
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_killed_between_intent_and_result_goes_on_with_one_effect() {
    for (n, point) in [
        (1, "payments.authorize.intent"),
        (2, "payments.authorize.replied"),
        (3, "payments.capture.intent"),
        (4, "payments.capture.replied"),
    ] {
        crash_and_resume(point, OrderId::at(n)).await;
    }
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweeper_resumes_what_a_crash_left() {
    let dir = testkit::temp_dir();
    let stub = Stub::start(&dir.path().join("provider")).await;
    let order = OrderId::at(1);
    let point = Some("payments.authorize.replied");
    let (process, client) = payments(dir.path(), &stub.endpoints(), point);
    assert!(
        shop::authorize(&client, order, 500, "EUR", "pm_card_ok")
            .await
            .is_err()
    );
    process.crashed();
    let flags = ["--sweep", "20ms", "--intent-age-min", "0s"];
    let data = dir.path().join("payments");
    let (_running, client) = shop::serve(&data, &stub.endpoints(), &flags).await;
    let client = &client;
    testkit::wait_until_async(LIVENESS, || async move {
        let request = shop_proto::payments::GetPaymentRequest {
            order_id: order.to_string(),
        };
        let got = client.clone().get_payment(request).await;
        let payment = got.unwrap().into_inner().payment.unwrap();
        payment.state() == State::Authorized
    })
    .await;
    let theirs = stub.referee(order).await.unwrap();
    assert_eq!(figures(&theirs), json!(["authorized", 0, 0, 0, 0]));
}

/// The provider as a child process: cargo builds no binary of another package
/// for these tests, so this test's own executable becomes one.
#[test]
#[ignore = "not a test: what the crash tests start as the provider"]
fn child_provider() {
    let Ok(args) = std::env::var(PROVIDER_ARGS) else {
        return;
    };
    let _ended = provider::run(args.lines().map(Into::into).collect());
}

fn provider(dir: &Path, listen: [&str; 2], crash_at: Option<&str>) -> Process {
    let ready = dir.join("provider.ready");
    let [main, endpoint] = listen;
    let fixed = [
        "--listen",
        main,
        "--endpoint",
        endpoint,
        "--admin",
        "127.0.0.1:0",
        "--ready-file",
    ];
    let data = dir.join("provider");
    let mut args = vec!["provider", "--data", data.to_str().unwrap()];
    args.extend(fixed);
    args.push(ready.to_str().unwrap());
    args.extend(flags(&[], crash_at));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "crash::child_provider",
            "--ignored",
            "--nocapture",
        ])
        .env(PROVIDER_ARGS, args.join("\n"));
    Process::start(&mut command, &ready)
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_killed_after_the_work_has_done_it_once() {
    for point in ["provider.authorized", "provider.captured"] {
        let dir = testkit::temp_dir();
        let order = OrderId::at(1);
        let process = provider(dir.path(), ["127.0.0.1:0"; 2], Some(point));
        let (main, endpoint) = (process.url("/listen"), process.url("/also/endpoint-1"));
        let endpoints = [endpoint.clone()];
        let (_payments, client) = shop::serve(&dir.path().join("payments"), &endpoints, &[]).await;
        let held = shop::authorize(&client, order, 500, "EUR", "pm_card_ok").await;
        let cut_off = match held {
            Ok(_) => shop::capture(&client, order).await,
            Err(_) => held,
        };
        shop::assert_unknown(&cut_off);
        process.crashed();
        let bare = |url: &str| url.trim_start_matches("http://").to_owned();
        let _again = provider(dir.path(), [&bare(&main), &bare(&endpoint)], None);
        let held = insist(|| shop::authorize(&client, order, 500, "EUR", "pm_card_ok")).await;
        assert!(held.is_ok(), "{held:?}");
        insist(|| shop::capture(&client, order)).await.unwrap();
        let http = HttpClient::new("referee");
        let theirs = shop::referee(&http, &main, order).await.unwrap();
        assert_eq!(
            figures(&theirs),
            json!(["captured", 500, 0, 1, 0]),
            "{point}"
        );
    }
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_payment_method_is_in_no_log() {
    let dir = testkit::temp_dir();
    let stub = Stub::start(&dir.path().join("provider")).await;
    let log = dir.path().join("log");
    let ready = dir.path().join("payments.ready");
    let mut command = Command::new(env!("CARGO_BIN_EXE_payments"));
    let data = dir.path().join("payments");
    let mut args = vec!["--log", "trace", "--ready-file", ready.to_str().unwrap()];
    let endpoints = stub.endpoints();
    args.extend(endpoints.iter().flat_map(|url| ["--provider", url]));
    command.args(&shop::args("payments", &data, args)[1..]);
    let (out, err) = (
        File::create(&log).unwrap(),
        File::options().append(true).open(&log),
    );
    let process = Process::start_with(&mut command, &ready, out.into(), err.unwrap().into());
    let channel = GrpcChannel::connect_lazy("payments", &process.url("/listen")).unwrap();
    let client = PaymentsServiceClient::new(channel);
    let secret = "pm_card_hush";
    stub.faults(json!({"misreport_rate": 0.5, "error_rate": 0.5}))
        .await;
    for n in 1..=20 {
        let asked = shop::authorize(&client, OrderId::at(n), 500, "EUR", secret).await;
        drop(asked);
    }
    stub.faults(json!({})).await;
    let order = OrderId::at(99);
    let held = shop::authorize(&client, order, 500, "EUR", secret).await;
    assert_eq!(held.unwrap().state(), State::Authorized);
    process.child.signal("TERM");
    let mut child = process.child;
    assert!(child.wait(LIVENESS).success());
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(
        log.contains("looking again"),
        "nothing worth a look was logged"
    );
    assert!(!log.contains(secret), "the log tells the secret");
}

#[watertight::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_kept_out_of_the_directory() {
    let dir = testkit::temp_dir();
    let endpoints = [String::from("http://127.0.0.1:9")];
    let (_first, _client) = payments(dir.path(), &endpoints, None);
    let data = dir.path().join("payments");
    let args = shop::args("payments", &data, ["--provider", &endpoints[0]]);
    let mut second = Command::new(env!("CARGO_BIN_EXE_payments"));
    let output = second.args(&args[1..]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another process holds"), "{said}");
}
