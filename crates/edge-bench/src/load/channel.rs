//! Load by the chassis' own client, whose CPU counts here.

use std::{net::SocketAddr, time::Instant};

use tonic::{Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;
use watertight::{GrpcChannel, Scope};

use super::{Sample, Tally, Window, seconds, watch};
use crate::{error::Error, serve::HELLO};

/// Arguments of `channel`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ChannelArgs {
    #[arg(long)]
    addr: SocketAddr,
    /// The server's process, for its CPU time
    #[arg(long)]
    pid: u32,
    #[arg(long)]
    connections: usize,
    /// Calls in flight, all connections together
    #[arg(long)]
    in_flight: usize,
    #[arg(long)]
    seconds: f64,
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Whether connection tasks yield once after a wake-up
    #[arg(long, action = clap::ArgAction::Set, default_value_t = true)]
    batch_writes: bool,
}

/// Calls through a [`GrpcChannel`] on the runtime that services have.
///
/// # Errors
///
/// If there is no runtime, or nothing was answered at all.
pub(crate) fn channel(args: &ChannelArgs) -> Result<Sample, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(run(args))
}

async fn run(args: &ChannelArgs) -> Result<Sample, Error> {
    let scope = Scope::root("load");
    let channel = GrpcChannel::builder("hello", &format!("http://{}", args.addr))
        .connections(args.connections)
        .batch_writes(args.batch_writes)
        .scope(scope.clone())
        .connect_lazy()
        .map_err(|error| Error::Measure(error.to_string()))?;
    let window = Window::new(seconds(args.warm_up), seconds(args.seconds));
    let tally = Tally::new(window, None);
    for _ in 0..args.in_flight {
        let (channel, tally) = (channel.clone(), tally.clone());
        scope.spawn_idle("caller", async move {
            while !tally.window().is_over() {
                let begin = Instant::now();
                match call(channel.clone()).await {
                    Ok(_greeting) => tally.answered(begin),
                    Err(_status) => tally.failed(),
                }
            }
        });
    }
    watch(&tally, args.pid).await
}

/// What a generated client does.
async fn call(channel: GrpcChannel) -> Result<String, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let codec = ProstCodec::<String, String>::default();
    let path = PathAndQuery::from_static(HELLO);
    let answer = client.unary(Request::new("world".to_owned()), path, codec);
    Ok(answer.await?.into_inner())
}
