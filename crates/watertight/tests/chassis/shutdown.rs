//! The orderly end of a service, in-process.

use crate::common::{Echo, LIVENESS, app, call, echo_server};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::wait_until_async;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::Code;
use watertight::GrpcChannel;

#[watertight::test]
async fn requests_in_flight_are_finished() {
    let (running, _) = echo_server(Echo::default(), &[]).await;
    let channel = GrpcChannel::connect_lazy("echo", &running.url()).unwrap();
    let mut items = crate::common::stream(channel.clone(), "StreamSlow", None)
        .await
        .unwrap();
    let reader = async {
        let mut got = String::new();
        while let Some(item) = items.message().await.unwrap() {
            got.push_str(&item);
        }
        got
    };
    let (stragglers, got) = watertight::join(running.shutdown(), reader).await;
    assert!(stragglers.is_empty());
    assert_eq!(got, "abcd");
    let error = call(channel, "Say", String::new()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
}

#[watertight::test]
async fn clients_that_hang_do_not_hold_up_the_end() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &["--drain", "200ms"]).await;
    let _silent = TcpStream::connect(running.addr()).await.unwrap();
    let hanging = async { call(channel, "Hang", String::new()).await };
    let end = async {
        wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 1).await;
        wait_until_async(LIVENESS, async || running.server().connections() == 2).await;
        let max = running.shutdown_max();
        let started = Instant::now();
        assert!(running.shutdown().await.is_empty());
        (started.elapsed(), max)
    };
    let (outcome, (took, max)) = watertight::join(hanging, end).await;
    assert_eq!(outcome.unwrap_err().code(), Code::Unavailable);
    assert_eq!(echo.running.load(Ordering::SeqCst), 0);
    assert!(took <= max * 10, "{took:?}");
}

#[watertight::test]
async fn jobs_end_before_hooks_and_hooks_run_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move || {
            let seen = Arc::clone(&seen);
            async move { seen.lock().unwrap().push(what) }
        }
    };
    let job = note("job");
    let app = app(&[])
        .every("job", Duration::from_secs(3600), move |_| job())
        .on_shutdown("first", note("first"))
        .on_shutdown("second", note("second"));
    let work = app.scope().child("work");
    let running = app.start().await.unwrap();
    let finish = note("work");
    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = Arc::clone(&stop);
    drop(work.spawn("work", async move {
        stopped.notified().await;
        finish().await;
    }));
    wait_until_async(LIVENESS, async || seen.lock().unwrap().len() == 1).await;
    let readiness = running.readiness().clone();
    let release = async {
        readiness.draining().await;
        assert_eq!(readiness.failing().len(), 1);
        stop.notify_one();
    };
    let (stragglers, ()) = watertight::join(running.shutdown(), release).await;
    assert!(stragglers.is_empty());
    assert_eq!(*seen.lock().unwrap(), ["job", "work", "first", "second"]);
}

#[watertight::test]
async fn a_request_being_drained_may_still_spawn() {
    let echo = Echo::default();
    let (running, channel) = echo_server(echo.clone(), &[]).await;
    let caller = async { call(channel, "SpawnLate", String::new()).await };
    let end = async {
        wait_until_async(LIVENESS, async || echo.running.load(Ordering::SeqCst) == 1).await;
        let addr = running.addr();
        let gate = Arc::clone(&echo.gate);
        let (stragglers, ()) = watertight::join(running.shutdown(), async move {
            // Refused: accepting has stopped, and the connections are being drained.
            wait_until_async(LIVENESS, async || TcpStream::connect(addr).await.is_err()).await;
            gate.notify_one();
        })
        .await;
        assert!(stragglers.is_empty());
    };
    let (answer, ()) = watertight::join(caller, end).await;
    assert_eq!(answer.unwrap(), "spawned");
}
