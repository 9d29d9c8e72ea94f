//! HTTP, gRPC and a background job on the chassis: `cargo run -p watertight --example hello`.
mod greeter;

use greeter::{Greeter, GreeterServer};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{process::ExitCode, sync::Arc, time::Duration};
use tonic::{Request, Response, Status};
use watertight::{App, axum::Router, axum::routing::get};

watertight::settings! {
    [hello]
    struct Config {
        /// How often to log the greetings.
        report: Duration = default("1s").range("10ms", "1h"),
    }
}

struct Hello(AtomicU64);

impl Greeter for Hello {
    async fn hello(&self, name: Request<String>) -> Result<Response<String>, Status> {
        self.0.fetch_add(1, Relaxed);
        Ok(Response::new(format!("hello {}", name.into_inner())))
    }
}

fn main() -> ExitCode {
    watertight::run("hello", async |mut app: App| {
        let period = app.config::<Config>()?.report;
        let hello = Arc::new(Hello(AtomicU64::new(0)));
        let (count, report) = (Arc::clone(&hello), Arc::clone(&hello));
        let count = get(async move || count.0.load(Relaxed).to_string());
        let app = app.http(Router::new().route("/count", count));
        let app = app.grpc(GreeterServer(hello));
        Ok(app.every("report", period, move |_scope| {
            tracing::info!(greetings = report.0.load(Relaxed));
            std::future::ready(())
        }))
    })
}
