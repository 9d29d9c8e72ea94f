//! HTTP, gRPC and a background job on the chassis: `cargo run -p watertight --example hello`.

mod greeter;

use greeter::{Greeter, GreeterServer};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tonic::{Request, Response, Status};
use watertight::{App, axum};

#[derive(clap::Args)]
struct Config {
    /// How often to log the number of greetings
    #[arg(long, default_value_t = 1_000, value_name = "MS")]
    report_ms: u64,
}

#[derive(Default)]
struct Hello(AtomicU64);

impl Greeter for Hello {
    async fn hello(&self, name: Request<String>) -> Result<Response<String>, Status> {
        self.0.fetch_add(1, Relaxed);
        Ok(Response::new(format!("hello {}", name.into_inner())))
    }
}

fn main() -> ExitCode {
    watertight::run("hello", async |mut app: App| {
        let config: Config = app.config()?;
        let hello = Arc::new(Hello::default());
        let (count, report) = (Arc::clone(&hello), Arc::clone(&hello));
        let count = axum::routing::get(async move || count.0.load(Relaxed).to_string());
        Ok(app
            .grpc(GreeterServer(hello))
            .http(axum::Router::new().route("/count", count))
            .every(
                "report",
                Duration::from_millis(config.report_ms),
                move |_| std::future::ready(tracing::info!(greetings = report.0.load(Relaxed))),
            ))
    })
}
