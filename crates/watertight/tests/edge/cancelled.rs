//! Requests that end early: counted by why, labelled by route, nothing left behind.

use crate::common::{Edge, LIVENESS, State, counter, fetch, grown, ms, say};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::wait_until_async;
use testkit::wire::{END_HEADERS, END_STREAM, frame, kind, request};
use watertight::{RequestScope, Routes, Scope, ServerConfig, axum};
use watertight_core::{CancelReason, Label, Query, TaskView, census};

/// One route, named by its test: series are the process'.
fn edge(route: &str, config: ServerConfig) -> Edge {
    let state = State::default();
    let hang = state.clone();
    let hanging = async move |request: http::Request<axum::body::Body>| {
        let _alive = hang.enter();
        let child = hang.enter();
        drop(request.scope().spawn("child", async move {
            let _child = child;
            std::future::pending::<()>().await;
        }));
        if request.uri().query() == Some("answer") {
            return "answer";
        }
        std::future::pending().await
    };
    let router = axum::Router::new().route(route, axum::routing::get(hanging));
    Edge::with(config, Routes::http(router), state)
}

/// What a handler owns that asks, when it is dropped, why.
struct Why {
    scope: Scope,
    told: Arc<Mutex<Vec<CancelReason>>>,
}

impl Drop for Why {
    fn drop(&mut self) {
        let ambient = watertight::current().and_then(|scope| scope.cancel_reason());
        assert_eq!(ambient, self.scope.cancel_reason());
        self.told.lock().unwrap().extend(ambient);
    }
}

fn cancelled(route: &str, reason: &str) -> String {
    format!(r#"server_requests_cancelled_total{{route="GET {route}",reason="{reason}"}}"#)
}

fn wasted(route: &str) -> String {
    format!(r#"cancelled_work_seconds_count{{route="GET {route}"}}"#)
}

async fn hanging(edge: &Edge, alive: usize) {
    wait_until_async(LIVENESS, async || edge.state.alive() == alive).await;
}

#[watertight::test]
async fn a_caller_that_leaves() {
    let edge = edge("/leaves", ServerConfig::default());
    let tcp = say(edge.addr, "GET /leaves HTTP/1.1\r\nhost: t\r\n\r\n").await;
    hanging(&edge, 2).await;
    drop(tcp);
    edge.freed().await;
    grown(&cancelled("/leaves", "client"), 0).await;
    // The request itself and its child.
    grown(&wasted("/leaves"), 1).await;
    assert_eq!(counter(&cancelled("/leaves", "deadline")), 0);
    edge.end().await;
}

#[watertight::test]
async fn a_deadline_that_passes() {
    let config = ServerConfig {
        request_timeout: ms(50),
        ..ServerConfig::default()
    };
    let edge = edge("/late", config);
    let answer = fetch(edge.addr, "/late", "").await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    edge.freed().await;
    grown(&cancelled("/late", "deadline"), 0).await;
    grown(&wasted("/late"), 1).await;
    assert_eq!(counter(&cancelled("/late", "client")), 0);
    edge.end().await;
}

#[watertight::test]
async fn a_server_that_shuts_down() {
    let edge = edge("/shut", ServerConfig::default());
    let _tcp = say(edge.addr, "GET /shut HTTP/1.1\r\nhost: t\r\n\r\n").await;
    hanging(&edge, 2).await;
    assert!(edge.server.shutdown(Duration::ZERO).await.is_empty());
    grown(&cancelled("/shut", "shutdown"), 0).await;
    assert_eq!(counter(&wasted("/shut")), 0);
    edge.end().await;
}

/// The handler's own destructors know it, under HTTP/1 and HTTP/2.
#[watertight::test]
async fn a_handler_learns_why_it_is_dropped() {
    let told: Arc<Mutex<Vec<CancelReason>>> = Arc::default();
    let (state, tell) = (State::default(), Arc::clone(&told));
    let hang = state.clone();
    let handler = async move |request: http::Request<axum::body::Body>| {
        let _alive = hang.enter();
        let _why = Why {
            scope: request.scope(),
            told: Arc::clone(&tell),
        };
        std::future::pending::<&'static str>().await
    };
    let router = axum::Router::new().route("/why", axum::routing::get(handler));
    let edge = Edge::with(ServerConfig::default(), Routes::http(router), state);
    let asks = "GET /why HTTP/1.1\r\nhost: t\r\n\r\n";
    let tcp = say(edge.addr, asks).await;
    hanging(&edge, 1).await;
    drop(tcp);
    edge.freed().await;
    let mut client = edge.raw(&[]).await;
    let head = request("GET", "/why", &[]);
    let ask = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &head);
    client.send(&ask).await.unwrap();
    hanging(&edge, 1).await;
    drop(client);
    edge.freed().await;
    let late = fetch(edge.addr, "/why", "x-request-timeout: 50\r\n").await;
    assert!(late.starts_with("HTTP/1.1 504"), "{late}");
    edge.freed().await;
    let (client, deadline) = (CancelReason::Client, CancelReason::Deadline);
    assert_eq!(*told.lock().unwrap(), [client, client, deadline]);
    edge.end().await;
}

#[watertight::test]
async fn an_answer_is_no_cancellation_but_ends_what_is_left() {
    let edge = edge("/normal", ServerConfig::default());
    let answer = fetch(edge.addr, "/normal?answer", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // The child would live for ever.
    edge.freed().await;
    grown(&wasted("/normal"), 0).await;
    for reason in ["client", "deadline", "shutdown"] {
        assert_eq!(counter(&cancelled("/normal", reason)), 0, "{reason}");
    }
    edge.end().await;
}

#[watertight::test]
async fn deadlines_that_nobody_gets_are_counted() {
    let edge = edge("/absurd", ServerConfig::default());
    for (header, outcome) in [
        ("99999999", "clamped"),
        ("-1", "malformed"),
        ("soon", "malformed"),
        ("0", "expired"),
    ] {
        let series = format!(r#"server_request_deadlines_total{{outcome="{outcome}"}}"#);
        let before = counter(&series);
        let header = format!("x-request-timeout: {header}\r\n");
        fetch(edge.addr, "/absurd?answer", &header).await;
        grown(&series, before).await;
    }
    edge.end().await;
}

/// The tasks of a server's requests.
fn streams(edge: &Edge) -> Vec<TaskView> {
    let all = census(Query::Root(edge.scope.root_id()), 100).oldest;
    let is_stream = |task: &TaskView| task.kind == "driver";
    all.into_iter().filter(is_stream).collect()
}

#[watertight::test]
#[expect(
    clippy::disallowed_methods,
    reason = "spawns nothing: asks the runtime how many tasks it has"
)]
async fn streams_are_tasks_with_the_label_of_their_route() {
    let edge = edge("/stream/{id}", ServerConfig::default());
    let mut client = edge.raw(&[]).await;
    for stream in [1, 3, 5] {
        let head = request("GET", "/stream/7", &[]);
        let ask = frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, &head);
        client.send(&ask).await.unwrap();
    }
    hanging(&edge, 6).await;
    let tasks = streams(&edge);
    assert_eq!(tasks.len(), 3);
    for task in tasks {
        assert_eq!((task.site.name, task.scope), ("request", "request"));
        assert_eq!(task.label, Label::of("GET /stream/{id}"));
    }
    // No task but ours, streams open or not.
    let runtime = tokio::runtime::Handle::current().metrics();
    let owned = || census(Query::Root(edge.scope.root_id()), 1).tasks;
    assert_eq!(runtime.num_alive_tasks(), owned());
    drop(client);
    edge.freed().await;
    wait_until_async(LIVENESS, async || streams(&edge).is_empty()).await;
    assert_eq!(runtime.num_alive_tasks(), owned());
    edge.end().await;
}
