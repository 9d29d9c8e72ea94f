//! What the admin port of a real process tells of its tasks.

use crate::children::{Child, args};
use crate::common::{LIVENESS, app, get, http1};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use testkit::wait_until_async;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use watertight::axum::Router;
use watertight::axum::body::Body;
use watertight::axum::extract::Path as Part;
use watertight::axum::routing::get as on_get;
use watertight::{App, DetachedLimits, Scope, run_from};

/// How many tasks a page has to cope with.
const MANY: usize = 120_000;

/// A service that does with its tasks what it should not.
pub(crate) fn service(dir: &Path) -> ExitCode {
    let release = dir.join("release");
    let flags = [
        ["--workers", "2"],
        ["--blocking-threads", "1"],
        ["--blocking-queue", "0"],
    ];
    run_from(
        "tasks",
        args(dir, flags.as_flattened()),
        async |app: App| {
            let scope = app.scope().clone();
            Ok(app.http(routes(scope, release.into())))
        },
    )
}

fn routes(scope: Scope, release: Arc<Path>) -> Router {
    let (forget, stall, stubborn) = (scope.clone(), scope.clone(), scope.clone());
    let (released, let_go) = (Arc::clone(&release), release);
    let never = Arc::new(Notify::new());
    Router::new()
        .route(
            "/forget",
            on_get(async move || drop(forget.spawn("forgotten <b>", std::future::pending::<()>()))),
        )
        .route(
            "/stall",
            on_get(async move || {
                drop(stall.spawn("glutton", async move { wait_for(&released) }));
            }),
        )
        .route(
            "/stubborn",
            on_get(async move || {
                let own = stubborn.child("stubborn scope");
                let (begun, begins) = oneshot::channel();
                drop(own.spawn_blocking("stubborn", move |_| {
                    drop(begun);
                    wait_for(&let_go);
                }));
                let _begun: Result<(), _> = begins.await;
                own.cancel();
            }),
        )
        .route(
            "/many/{count}",
            on_get(async move |Part(count): Part<usize>| {
                for _ in 0..count {
                    let never = Arc::clone(&never);
                    drop(scope.spawn("waiting", async move { never.notified().await }));
                }
            }),
        )
        .route("/orphan", on_get(orphan))
        .route("/hang", on_get(std::future::pending::<()>))
        .route(
            "/stream",
            on_get(async || {
                let first =
                    futures_util::stream::once(async { Ok::<_, watertight::BoxError>("x") });
                let rest = futures_util::stream::pending();
                Body::from_stream(futures_util::StreamExt::chain(first, rest))
            }),
        )
}

#[expect(clippy::disallowed_methods, reason = "what must be found")]
async fn orphan() {
    drop(tokio::spawn(std::future::pending::<()>()));
}

/// Keeps the thread until the test says so.
fn wait_for(file: &Path) {
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A request to the admin port under the name of its address.
async fn ask(addr: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n{headers}\r\n");
    http1(addr, &request).await
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

async fn json(admin: SocketAddr, query: &str) -> Value {
    let answer = ask(
        admin,
        "GET",
        &format!("/debug/tasks?format=json{query}"),
        "",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body(&answer)).unwrap()
}

async fn metric(admin: SocketAddr, series: &str) -> Option<f64> {
    let metrics = get(admin, "/metrics", "").await;
    let name = format!("{series} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value?.parse().ok()
}

async fn do_it(listen: SocketAddr, path: &str) {
    let answer = get(listen, path, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[watertight::test]
async fn a_dead_task_is_listed_counted_and_named_once() {
    let mut child = Child::start("tasks");
    let (listen, admin) = child.ready();
    assert_eq!(json(admin, "&dead").await["tasks"], 0);
    for found in 1..=3 {
        do_it(listen, "/forget").await;
        wait_until_async(LIVENESS, async || {
            metric(admin, "tasks_dead_found_total").await == Some(f64::from(found))
        })
        .await;
    }
    // Three surveys at least have seen the first of them.
    let told = || child.read("log").matches("can never run again").count();
    wait_until_async(LIVENESS, async || told() >= 3).await;
    assert_eq!(told(), 3, "{}", child.read("log"));
    let log = child.read("log");
    let line = log.lines().find(|line| line.contains("can never")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["level"], &line["fields"]["task"]),
        (&"WARN".into(), &"forgotten <b>".into())
    );
    assert!(
        line["fields"]["spawned_at"]
            .as_str()
            .unwrap()
            .contains("tasks.rs:"),
        "{line}"
    );
    assert_eq!(line["scope"], "task survey");

    let dead = json(admin, "&dead").await;
    assert_eq!((&dead["tasks"], &dead["dead"]), (&3.into(), &3.into()));
    let group = &dead["groups"][0];
    assert_eq!(
        (&group["task"], &group["parked"]),
        (&"forgotten <b>".into(), &3.into())
    );
    assert_eq!(dead["groups"].as_array().unwrap().len(), 1, "{dead}");
    assert_eq!(metric(admin, "tasks_dead").await, Some(3.0));
    assert_eq!(
        metric(admin, r#"tasks{task="forgotten <b>"}"#).await,
        Some(3.0)
    );
    assert!(metric(admin, r#"tasks_oldest_seconds{task="forgotten <b>"}"#).await > Some(0.0));
    let page = ask(admin, "GET", "/debug/tasks?dead", "accept: text/html\r\n").await;
    assert!(page.contains("content-type: text/html"), "{page}");
    assert!(
        page.contains("forgotten &lt;b&gt;") && !page.contains("<b>"),
        "{page}"
    );
}

#[watertight::test]
async fn a_task_that_keeps_its_worker_is_seen_while_it_does() {
    let mut child = Child::start("tasks");
    let (listen, admin) = child.ready();
    do_it(listen, "/stall").await;
    wait_until_async(LIVENESS, async || {
        json(admin, "&stalled").await["tasks"] == 1
    })
    .await;
    let stalled = json(admin, "&stalled").await;
    let stall = &stalled["stalled"][0];
    assert_eq!(stall["task"], "glutton", "{stalled}");
    assert!(
        stall["thread"].as_str().unwrap().contains("work"),
        "{stall}"
    );
    assert!(
        stall["spawned_at"].as_str().unwrap().contains("tasks.rs:"),
        "{stall}"
    );
    assert!(stall["polling_seconds"].as_f64() >= Some(0.1), "{stall}");
    // Everything that says how the process is doing goes on.
    do_it(admin, "/livez").await;
    do_it(admin, "/readyz").await;
    wait_until_async(LIVENESS, async || {
        metric(admin, "workers_stalled").await == Some(1.0)
    })
    .await;
    let series = r#"worker_stalls_total{task="glutton"}"#;
    assert_eq!(metric(admin, series).await, Some(1.0));
    let told = |what: &str| {
        let log = child.read("log");
        log.matches(&format!(r#""message":"{what}""#)).count()
    };
    wait_until_async(LIVENESS, async || {
        told("a task does not give its worker back") == 1
    })
    .await;
    assert_eq!(told("a task gave its worker back"), 0);

    std::fs::write(child.path("release"), "").unwrap();
    wait_until_async(LIVENESS, async || told("a task gave its worker back") == 1).await;
    wait_until_async(LIVENESS, async || {
        metric(admin, "workers_stalled").await == Some(0.0)
    })
    .await;
    assert_eq!(json(admin, "&stalled").await["tasks"], 0);
    assert_eq!(metric(admin, series).await, Some(1.0));
    assert_eq!(told("a task does not give its worker back"), 1);
}

#[watertight::test]
async fn what_does_not_go_when_it_is_cancelled_is_a_straggler() {
    let mut child = Child::start("tasks");
    let (listen, admin) = child.ready();
    do_it(listen, "/stubborn").await;
    wait_until_async(LIVENESS, async || {
        json(admin, "&stragglers").await["tasks"] == 1
    })
    .await;
    let found = json(admin, "&stragglers").await;
    let task = &found["oldest"][0];
    assert_eq!(
        (&task["task"], &task["kind"]),
        (&"stubborn".into(), &"blocking".into())
    );
    assert_eq!(task["cancelled"], true);
    // The only thread is taken, and nobody may wait for it: as the settings say.
    do_it(listen, "/stubborn").await;
    let refused = metric(admin, r#"blocking_refused_total{task="stubborn"}"#).await;
    assert_eq!(refused, Some(1.0));
    wait_until_async(LIVENESS, async || {
        metric(admin, "task_stragglers_total").await == Some(1.0)
    })
    .await;
    assert_eq!(metric(admin, "tasks_stragglers").await, Some(1.0));
    let told = "still there though its scope was cancelled";
    wait_until_async(LIVENESS, async || child.read("log").contains(told)).await;
    std::fs::write(child.path("release"), "").unwrap();
    wait_until_async(LIVENESS, async || {
        metric(admin, "tasks_stragglers").await == Some(0.0)
    })
    .await;
}

#[watertight::test]
async fn work_after_the_response_is_done_before_the_service_ends() {
    let (sent, mut seen) = mpsc::channel(1);
    let app = app(&[]);
    let audit = app.detached("audit", sent, DetachedLimits::default());
    let handler = on_get(async move || {
        let scope = watertight::current().unwrap();
        let taken = audit.detach(&scope, LIVENESS, |sent, snapshot| async move {
            sent.send(snapshot.trace()).await.unwrap();
        });
        assert_eq!(taken, Ok(()));
    });
    let running = app.http(Router::new().route("/", handler)).start().await;
    let running = running.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = get(running.addr(), "/", &format!("traceparent: {trace}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stragglers = running.shutdown().await;
    assert!(stragglers.is_empty(), "{stragglers}");
    let of = seen.try_recv().unwrap().unwrap();
    assert_eq!(of.trace_id().to_string(), trace[3..35]);
}

#[watertight::test]
async fn every_task_of_the_runtimes_has_an_owner_but_for_orphans() {
    let mut child = Child::start("tasks");
    let (listen, admin) = child.ready();
    let mut open = Vec::new();
    for path in ["/hang", "/stream"].repeat(16) {
        let mut tcp = TcpStream::connect(listen).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        if path == "/stream" {
            tcp.read_u8().await.unwrap();
        }
        open.push(tcp);
    }
    // Tasks come and go meanwhile.
    let churn = testkit::at_once((0..8).map(|_| async {
        for _ in 0..25 {
            do_it(listen, "/many/10").await;
        }
    }));
    let watch = async {
        for _ in 0..20 {
            let report = json(admin, "").await;
            assert_eq!(report["orphans"], 0, "{report}");
            assert!(
                report["runtime_alive"].as_u64() >= Some(open.len() as u64),
                "{report}"
            );
            assert_eq!(metric(admin, "tasks_orphans").await.unwrap_or(0.0), 0.0);
        }
    };
    watertight::join(churn, watch).await;
    do_it(listen, "/orphan").await;
    wait_until_async(LIVENESS, async || json(admin, "").await["orphans"] == 1).await;
    wait_until_async(LIVENESS, async || {
        metric(admin, "tasks_orphans").await == Some(1.0)
    })
    .await;
}

#[watertight::test]
async fn a_page_of_very_many_tasks_is_bounded_and_holds_nobody_up() {
    let mut child = Child::start("tasks");
    let (listen, admin) = child.ready();
    do_it(listen, &format!("/many/{MANY}")).await;
    let (report, answers) = watertight::join(json(admin, "&top=3"), async {
        for _ in 0..10 {
            do_it(admin, "/livez").await;
        }
    })
    .await;
    let () = answers;
    let count = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let tasks = count(&report["tasks"]);
    assert!(tasks >= MANY && count(&report["live"]) >= MANY, "{report}");
    let first = &report["groups"][0];
    assert_eq!(
        (&first["task"], &first["tasks"]),
        (&"waiting".into(), &MANY.into())
    );
    let oldest = report["oldest"].as_array().unwrap().len();
    assert_eq!((oldest, count(&report["more_tasks"])), (3, tasks - 3));
    let groups = report["groups"].as_array().unwrap();
    let grouped: usize = groups.iter().map(|group| count(&group["tasks"])).sum();
    assert_eq!(grouped + count(&report["more_groups"]["tasks"]), tasks);
    for query in ["?top=1000", "?top=1000&format=json"] {
        let page = ask(admin, "GET", &format!("/debug/tasks{query}"), "").await;
        assert!(page.len() < 1_000_000, "{} bytes", page.len());
        assert!(page.matches("waiting").count() > 900);
    }
    wait_until_async(LIVENESS, async || {
        metric(admin, r#"tasks{task="waiting"}"#).await == Some(MANY as f64)
    })
    .await;
    assert_eq!(json(admin, "&dead").await["tasks"], 0);
}

#[watertight::test]
async fn bad_questions_are_refused_and_the_page_is_not_for_everybody() {
    let mut child = Child::start("tasks");
    let (_, admin) = child.ready();
    for (query, field) in [
        ("top=0", "top"),
        ("top=1001", "top"),
        ("top=-1", "top"),
        ("top=many", "top"),
        ("top=99999999999999999999999", "top"),
        ("top=", "top"),
        ("top=1&top=2", "top"),
        ("format=xml", "format"),
        ("dead=1", "dead"),
        ("alive", "alive"),
        ("dead&stalled", "stalled"),
    ] {
        let answer = ask(admin, "GET", &format!("/debug/tasks?{query}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{query}: {answer}");
        let problem: Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    for query in ["top=1", "top=1000", "dead&top=7&format=html"] {
        let answer = ask(admin, "GET", &format!("/debug/tasks?{query}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{query}: {answer}");
    }
    // A name that was made to point to this machine.
    for path in ["/", "/debug/tasks", "/debug/purge"] {
        let strange = get(admin, path, "").await;
        assert!(strange.starts_with("HTTP/1.1 403"), "{path}: {strange}");
    }
    let plain = "accept: application/json\r\n";
    let answer = ask(admin, "GET", "/debug/tasks", plain).await;
    assert!(
        answer.contains("content-type: application/json"),
        "{answer}"
    );
}

#[watertight::test]
async fn the_first_page_leads_everywhere() {
    let mut child = Child::start("tasks");
    let (_, admin) = child.ready();
    let index = ask(admin, "GET", "/", "").await;
    let mut links = 0;
    for link in index.split("href=\"").skip(1) {
        let path = link.split('"').next().unwrap();
        let answer = ask(admin, "GET", path, "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        links += 1;
    }
    assert!(links >= 9 && index.contains("/debug/purge"), "{index}");
    let get = ask(admin, "GET", "/debug/purge", "").await;
    assert!(get.starts_with("HTTP/1.1 405"), "{get}");
    for filter in ["", "?suspects&top=5"] {
        let page = ask(admin, "GET", &format!("/debug/tasks{filter}"), "").await;
        for link in page.split("href=\"").skip(1) {
            let path = link.split('"').next().unwrap().replace("&amp;", "&");
            let answer = ask(admin, "GET", &path, "").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        }
    }
}

#[watertight::test]
async fn a_purge_gives_memory_back_and_pages_of_others_cannot_ask_for_it() {
    let mut child = Child::start("tasks");
    let (_, admin) = child.ready();
    let answer = ask(admin, "POST", "/debug/purge", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let figures: Value = serde_json::from_str(body(&answer)).unwrap();
    for when in ["before", "after"] {
        let bytes = |what: &str| figures[when][what].as_u64().unwrap();
        assert!(bytes("allocated_bytes") > 0);
        assert!(bytes("allocated_bytes") <= bytes("active_bytes"));
        assert!(bytes("active_bytes") <= bytes("resident_bytes"));
    }
    assert!(metric(admin, "allocator_allocated_bytes").await > Some(0.0));
    assert!(metric(admin, "allocator_active_bytes").await > Some(0.0));
    assert!(metric(admin, "allocator_resident_bytes").await > Some(0.0));
    let elsewhere = "origin: http://evil.example\r\n";
    let refused = ask(admin, "POST", "/debug/purge", elsewhere).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
}
