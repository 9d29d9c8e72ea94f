//! axum and tonic without anything around them, as their documentation shows them; and a
//! collector made of tonic.

use std::{io, path::Path};

use tokio::net::TcpListener;
use tonic::{service::Routes, transport::server::TcpIncoming};

use super::{greeter::Greeter, handlers, sink::Sink};

/// `axum::serve`, until the process is killed.
pub(super) fn axum(ready_file: &Path) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = listen(ready_file).await?;
        axum::serve(listener, handlers::router(0)).await
    })
}

/// tonic's server, until the process is killed. HTTP routes beside gRPC, so
/// that attacks find the same handlers.
pub(super) fn tonic(ready_file: &Path) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = listen(ready_file).await?;
        // What `Server::serve` does by itself when it binds the port.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tonic::transport::Server::builder()
            .add_routes(Routes::from(handlers::router(0)).add_service(Greeter::default()))
            .serve_with_incoming(incoming)
            .await
            .map_err(io::Error::other)
    })
}

/// A collector of traces that throws them away, until the process is killed.
pub(super) fn sink(ready_file: &Path) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = listen(ready_file).await?;
        tonic::transport::Server::builder()
            .add_service(Sink)
            .serve_with_incoming(TcpIncoming::from(listener))
            .await
            .map_err(io::Error::other)
    })
}

/// What `#[tokio::main]` makes.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

async fn listen(ready_file: &Path) -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let ready = serde_json::json!({ "listen": listener.local_addr()? });
    // Under another name first, so that nobody reads half of it.
    let draft = ready_file.with_extension("draft");
    std::fs::write(&draft, ready.to_string())?;
    std::fs::rename(draft, ready_file)?;
    Ok(listener)
}
