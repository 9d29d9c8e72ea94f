//! Services that no example shows: the test binary starts itself as a child process.

use crate::common::{LIVENESS, get};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use testkit::{ChildGuard, TempDir, temp_dir, wait_until};
use watertight::{App, axum, run_from};

/// Where a child finds what it should be, and where it writes to.
const SERVICE: &str = "TEST_SERVICE";
const DIR: &str = "TEST_DIR";

/// The body of every child process; without the variables it does nothing.
#[test]
#[ignore = "runs as a child process"]
fn child() {
    let (Ok(service), Some(dir)) = (std::env::var(SERVICE), std::env::var_os(DIR)) else {
        return;
    };
    let dir = PathBuf::from(dir);
    let code = match service.as_str() {
        "stuck" => stuck(&dir),
        "hanging" => hanging(&dir),
        "tasks" => crate::tasks::service(&dir),
        _ => twice(),
    };
    // libtest would end with its own code.
    std::fs::write(dir.join("code"), format!("{code:?}")).unwrap();
}

/// The command line of a child; `more` comes last.
pub(crate) fn args(dir: &Path, more: &[&str]) -> Vec<std::ffi::OsString> {
    let ready = format!("--ready-file={}", dir.join("ready.json").display());
    let fixed = [
        "child",
        "--listen",
        "127.0.0.1:0",
        "--unready",
        "0s",
        &ready,
    ];
    fixed.iter().chain(more).map(Into::into).collect()
}

/// Its only worker never comes back.
fn stuck(dir: &Path) -> ExitCode {
    run_from(
        "stuck",
        args(dir, &["--workers", "1", "--drain", "0s"]),
        async |app: App| {
            Ok(
                app.every("stuck", LIVENESS, |_scope| -> std::future::Ready<()> {
                    loop {
                        std::thread::park();
                    }
                }),
            )
        },
    )
}

/// A request that never ends, and a job that does.
fn hanging(dir: &Path) -> ExitCode {
    let reached = dir.join("reached");
    let hang = axum::routing::get(async move || {
        std::fs::write(&reached, "").unwrap();
        std::future::pending::<&'static str>().await
    });
    run_from(
        "hanging",
        args(dir, &["--drain", "50ms"]),
        async |app: App| {
            let panics = app
                .scope()
                .spawn("doomed", async { panic!("for the test") });
            let _: Result<(), _> = panics.await;
            let panic = async || -> &'static str { panic!("in a handler") };
            let router = axum::Router::new()
                .route("/hang/{id}", hang)
                .route("/panic", axum::routing::get(panic));
            Ok(app.http(router))
        },
    )
}

/// Telemetry is installed once; asking again is harmless.
fn twice() -> ExitCode {
    let bad = || vec!["twice".into(), "--no-such-flag".into()];
    let first = run_from("twice", bad(), async |app: App| Ok(app));
    let second = run_from("twice", bad(), async |app: App| Ok(app));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    second
}

/// This test binary as another process, running one service.
pub(crate) struct Child {
    child: ChildGuard,
    dir: TempDir,
}

impl Child {
    pub(crate) fn start(service: &str) -> Self {
        let dir = temp_dir();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "children::child", "--ignored", "--nocapture"])
            .env(SERVICE, service)
            .env(DIR, dir.path())
            .stdout(std::fs::File::create(dir.path().join("log")).unwrap())
            .stderr(Stdio::null());
        Self {
            child: ChildGuard::spawn(&mut command),
            dir,
        }
    }

    /// The addresses of service and admin port, once it listens.
    pub(crate) fn ready(&mut self) -> (SocketAddr, SocketAddr) {
        let path = self.dir.path().join("ready.json");
        wait_until(LIVENESS, || {
            path.exists() || self.child.try_wait().unwrap().is_some()
        });
        let ready: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let addr = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        (addr("listen"), addr("admin"))
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    /// The code the service ended with.
    fn code(&mut self) -> String {
        assert!(self.child.wait(LIVENESS).success(), "{}", self.read("log"));
        self.read("code")
    }
}

fn shown(code: ExitCode) -> String {
    format!("{code:?}")
}

#[watertight::test]
async fn the_ops_thread_answers_and_ends_a_process_whose_workers_are_stuck() {
    let mut stuck = Child::start("stuck");
    let (_, admin) = stuck.ready();
    assert!(get(admin, "/livez", "").await.starts_with("HTTP/1.1 200"));
    assert!(get(admin, "/metrics", "").await.contains("process_threads"));
    stuck.child.signal("TERM");
    assert_eq!(stuck.child.wait(LIVENESS).code(), Some(1));
    assert!(stuck.read("log").contains("shutdown did not end in time"));
}

#[watertight::test]
async fn shutdown_names_the_requests_it_cut_off() {
    let mut hanging = Child::start("hanging");
    let (listen, admin) = hanging.ready();
    assert!(
        get(admin, "/metrics", "")
            .await
            .contains(r#"task_panics_total{task="doomed"} 1"#)
    );
    let panicked = get(listen, "/panic", "").await;
    let caller = get(listen, "/hang/7", "");
    let end = async {
        let reached = hanging.dir.path().join("reached");
        testkit::wait_until_async(LIVENESS, async || reached.exists()).await;
        hanging.child.signal("TERM");
    };
    let (answer, ()) = watertight::join(caller, end).await;
    assert_eq!(answer, "", "an answer to a request that was cut off");
    assert_eq!(hanging.code(), shown(ExitCode::SUCCESS));
    let log = hanging.read("log");
    assert!(log.contains(r#""request":"GET /hang/{id}""#), "{log}");
    // The hook's line and the scope's: where it happened, and whose task it was.
    assert!(
        log.contains(r#""panic":"for the test","location":"#),
        "{log}"
    );
    assert!(log.contains(r#""task":"doomed""#), "{log}");
    // Whoever quotes the id of an answer leads to both lines of its panic.
    let (_, id) = panicked.split_once("x-trace-id: ").unwrap();
    let id = format!(r#""trace_id":"{}""#, &id[..32]);
    let told: Vec<_> = log.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(told.len(), 2, "{log}");
    assert!(told[0].contains("in a handler"), "{log}");
    assert!(told[1].contains(r#""request":"GET /panic""#), "{log}");
}

#[test]
fn telemetry_is_installed_once() {
    let mut twice = Child::start("twice");
    assert_eq!(twice.code(), shown(ExitCode::from(2)));
}
