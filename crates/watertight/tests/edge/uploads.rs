//! Request bodies that stall, trickle or are never finished.

use crate::common::{Edge, State, counter, frame_of, grown, ms, router, say, until, until_closed};
use crate::faults::RawService;
use axum::body::Body;
use axum::routing::post;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use std::convert::Infallible;
use std::sync::Arc;
use testkit::wire::{END_HEADERS, END_STREAM, frame, kind, request};
use tokio::io::AsyncWriteExt;
use watertight::{RouteTimeouts, Routes, Scope, ServerConfig, axum};

const STALLED: &str = "server_uploads_stalled_total";

fn quick() -> ServerConfig {
    ServerConfig {
        body_idle_timeout: ms(150),
        ..ServerConfig::default()
    }
}

fn chunked(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
}

#[watertight::test]
async fn a_body_that_stalls_is_a_408() {
    let before = counter(STALLED);
    let edge = Edge::start(quick());
    let lengths = "POST /read HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\nfirst";
    for text in [&chunked("/read"), lengths] {
        let answer = until_closed(&mut say(edge.addr, text).await).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    grown(STALLED, before + 1).await;
    edge.end().await;
}

#[watertight::test]
async fn over_http2_too_and_the_connection_lives() {
    let edge = Edge::start(quick());
    let mut client = edge.raw(&[]).await;
    let block = request("POST", "/read", &[]);
    let mut open = frame(kind::HEADERS, END_HEADERS, 1, &block);
    open.extend(frame(kind::DATA, 0, 1, b"first"));
    client.send(&open).await.unwrap();
    let answer = frame_of(&mut client, kind::DATA, 1).await.unwrap();
    let text = String::from_utf8(answer.payload).unwrap();
    assert!(text.contains("408"), "{text}");
    let mut whole = frame(kind::HEADERS, END_HEADERS, 3, &block);
    whole.extend(frame(kind::DATA, END_STREAM, 3, b"first"));
    client.send(&whole).await.unwrap();
    let answer = frame_of(&mut client, kind::DATA, 3).await.unwrap();
    assert_eq!(answer.payload, b"5");
    edge.end().await;
}

#[watertight::test]
async fn a_body_that_trickles_ends_at_the_deadline_of_its_request() {
    let edge = Edge::start(ServerConfig {
        request_timeout: ms(400),
        ..quick()
    });
    let tcp = say(edge.addr, &chunked("/read")).await;
    let (mut read, mut write) = tcp.into_split();
    let trickle = async move {
        while write.write_all(b"1\r\na\r\n").await.is_ok() {
            testkit::let_pass(ms(20), "a peer that trickles").await;
        }
    };
    let answer = async {
        let mut answer = Vec::new();
        // Ends with a close or a reset: bytes of ours are still on their way.
        let _end = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    let (answer, ()) = watertight::join(answer, trickle).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    edge.end().await;
}

#[watertight::test]
async fn after_the_answer_has_begun_it_is_cut_off() {
    let before = counter(STALLED);
    let edge = Edge::start(quick());
    let answer = until_closed(&mut say(edge.addr, &chunked("/early")).await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    grown(STALLED, before).await;
    edge.end().await;
}

#[watertight::test]
async fn a_handler_that_works_while_the_body_waits_is_left_alone() {
    let edge = Edge::start(ServerConfig {
        request_timeout: ms(600),
        ..quick()
    });
    // It never asks for the body, so nobody waits for it: the deadline ends it.
    let answer = until_closed(&mut say(edge.addr, &chunked("/hang")).await).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    edge.end().await;
}

#[watertight::test]
async fn a_route_may_take_long_if_bytes_come() {
    let state = State::default();
    let long = RouteTimeouts {
        default: ms(60_000),
        max: ms(60_000),
    };
    let timeouts = [("/read".into(), long)].into_iter().collect();
    let routes = Routes::http(router(&state)).with_timeouts(timeouts);
    let config = ServerConfig {
        request_timeout: ms(200),
        request_timeout_max: ms(200),
        ..quick()
    };
    let edge = Edge::with(config, routes, state);
    let mut tcp = say(edge.addr, &chunked("/read")).await;
    for _ in 0..10 {
        testkit::let_pass(ms(50), "a peer that takes its time").await;
        tcp.write_all(b"1\r\na\r\n").await.unwrap();
    }
    tcp.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = until(&mut tcp, "\r\n\r\n15").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    edge.end().await;
}

#[watertight::test]
async fn the_time_of_a_route_covers_its_response_too() {
    let state = State::default();
    let own = RouteTimeouts {
        default: ms(300),
        max: ms(300),
    };
    let timeouts = [("/events".into(), own)].into_iter().collect();
    let routes = Routes::http(router(&state)).with_timeouts(timeouts);
    let edge = Edge::with(ServerConfig::default(), routes, state);
    let answer = crate::common::fetch(edge.addr, "/events", "").await;
    assert!(answer.contains("one\n"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    edge.end().await;
}

#[watertight::test]
async fn a_grpc_stream_that_has_begun_to_answer_may_be_silent() {
    let state = State::default();
    let service = RawService::flooding(&state);
    let routes = Routes::new(
        tonic::service::Routes::new(service),
        vec!["test.Raw"],
        router(&state),
    );
    let edge = Edge::with(quick(), routes, state);
    let mut client = edge.raw(&[]).await;
    let block = testkit::wire::grpc("/test.Raw/Flood", &[]);
    client
        .send(&frame(kind::HEADERS, END_HEADERS, 1, &block))
        .await
        .unwrap();
    testkit::let_pass(ms(400), "longer than any limit that might end it").await;
    assert_eq!(edge.server.in_flight(), 1);
    drop(client);
    edge.end().await;
}

/// Answers at once, reads, and has something to say at the end, or never ends.
async fn reports(body: Body, ends: bool) -> Body {
    let first = stream::once(async { "first\n" });
    let last = stream::once(async move {
        let outcome = body.collect().await;
        // Nothing is ready at once that has to be written down first.
        tokio::task::yield_now().await;
        if !ends {
            std::future::pending::<()>().await;
        }
        if outcome.is_ok() {
            "whole\n"
        } else {
            "stalled\n"
        }
    });
    Body::from_stream(first.chain(last).map(Ok::<_, Infallible>))
}

#[watertight::test]
async fn a_handler_may_still_say_that_the_body_stalled() {
    let router = axum::Router::new()
        .route("/lines", post(async |body: Body| reports(body, true).await))
        .route("/mute", post(async |body: Body| reports(body, false).await));
    let edge = Edge::with(quick(), Routes::http(router), State::default());
    let answer = until_closed(&mut say(edge.addr, &chunked("/lines")).await).await;
    assert!(answer.contains("stalled\n"), "{answer}");
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    let answer = until_closed(&mut say(edge.addr, &chunked("/mute")).await).await;
    assert!(answer.contains("first\n"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    edge.end().await;
}

/// Reads in a task of its own, which waits before the answer begins.
async fn reads_aside(scope: Scope, body: Body) -> Body {
    let waits = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&waits);
    let task = scope.spawn("read", async move {
        let mut whole = std::pin::pin!(body.collect());
        assert!(futures_util::poll!(whole.as_mut()).is_pending());
        told.notify_one();
        if whole.await.is_ok() {
            "whole"
        } else {
            "stalled"
        }
    });
    waits.notified().await;
    let outcome = stream::once(async { task.await.map_err(std::io::Error::other) });
    Body::from_stream(outcome)
}

#[watertight::test]
async fn a_body_read_aside_of_the_answer_may_not_stall_either() {
    let aside = Scope::root("aside");
    let own = aside.clone();
    let read = post(async move |body: Body| reads_aside(own.clone(), body).await);
    let config = ServerConfig {
        request_timeout: ms(400),
        body_idle_timeout: ms(500),
        ..ServerConfig::default()
    };
    let routes = Routes::http(axum::Router::new().route("/aside", read));
    let edge = Edge::with(config, routes, State::default());
    let answer = until_closed(&mut say(edge.addr, &chunked("/aside")).await).await;
    assert!(answer.contains("stalled"), "{answer}");
    edge.end().await;
    assert!(aside.close(ms(1_000)).await.is_empty());
}
