//! `demo relay`: a service that hands calls on to the next one of its kind; the
//! last one never answers, and tells when its handlers begin and when they are
//! dropped.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    pin::Pin,
    process::ExitCode,
    sync::Arc,
};

use futures_util::{Stream, stream};
use rustix::time::{ClockId, clock_gettime};
use shop_proto::orders::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, Order, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest,
    WatchOrderResponse,
    orders_service_client::OrdersServiceClient,
    orders_service_server::{OrdersService, OrdersServiceServer},
};
use tonic::{Request, Response, Status};
use watertight::{App, GrpcChannel};

use crate::serve;

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct RelayArgs {
    /// Where the next one listens; without it, this is the last.
    #[arg(long)]
    next: Option<String>,
    /// Where the last one reports to, over UDP.
    #[arg(long)]
    report: SocketAddr,
    /// The chassis' own flags.
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// Runs it until a signal, or the end of stdin, ends it.
pub(crate) fn relay(args: RelayArgs) -> ExitCode {
    if let Err(error) = serve::watch_stdin() {
        crate::console::Console::new(false).warn(format_args!("error: can't watch stdin: {error}"));
        return ExitCode::FAILURE;
    }
    let line = std::iter::once("relay".into()).chain(args.args).collect();
    watertight::run_from("relay", line, async move |app: App| {
        let next = args.next.as_deref().map(|url| app.client("next", url));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(args.report)?;
        let relay = Relay {
            next: next.transpose()?.map(OrdersServiceClient::new),
            report: Arc::new(socket),
        };
        Ok(app.grpc(OrdersServiceServer::new(relay)))
    })
}

/// Nanoseconds of a clock that all processes of a machine share.
pub(super) fn now_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec)
}

/// What the last one tells of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Its handler is there.
    Begun,
    /// It was dropped, at this time by [`now_ns`].
    Dropped(i64),
}

/// `begun 17 0` or `dropped 17 123456`: what, which call, when.
pub(super) fn parse(datagram: &[u8]) -> Option<(u64, Told)> {
    let mut words = std::str::from_utf8(datagram).ok()?.split(' ');
    let (what, call, at) = (words.next()?, words.next()?, words.next()?);
    let told = match what {
        "begun" => Told::Begun,
        "dropped" => Told::Dropped(at.parse().ok()?),
        _ => return None,
    };
    Some((call.parse().ok()?, told))
}

#[derive(Clone, Debug)]
struct Relay {
    next: Option<OrdersServiceClient<GrpcChannel>>,
    report: Arc<UdpSocket>,
}

/// A handler that is there: dropping it says when.
#[derive(Debug)]
struct Here {
    call: String,
    report: Arc<UdpSocket>,
}

impl Relay {
    fn here(&self, call: String) -> Here {
        let here = Here {
            call,
            report: Arc::clone(&self.report),
        };
        here.tell("begun", 0);
        here
    }
}

impl Here {
    fn tell(&self, what: &str, at_ns: i64) {
        let datagram = format!("{what} {} {at_ns}", self.call);
        // Whoever waits for it notices that it is missing.
        self.report.send(datagram.as_bytes()).unwrap_or_default();
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.tell("dropped", now_ns());
    }
}

type Changes = Pin<Box<dyn Stream<Item = Result<WatchOrderResponse, Status>> + Send>>;

#[tonic::async_trait]
impl OrdersService for Relay {
    type WatchOrderStream = Changes;

    /// A read that is stuck at the last one.
    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let message = request.into_inner();
        match &self.next {
            Some(next) => next.clone().get_order(message).await,
            None => {
                let _here = self.here(message.order_id);
                std::future::pending().await
            }
        }
    }

    /// A stream that says one thing and then nothing more.
    async fn watch_order(
        &self,
        request: Request<WatchOrderRequest>,
    ) -> Result<Response<Changes>, Status> {
        let message = request.into_inner();
        let changes: Changes = match &self.next {
            Some(next) => Box::pin(next.clone().watch_order(message).await?.into_inner()),
            None => {
                let here = self.here(message.order_id);
                Box::pin(stream::unfold((here, true), |(here, first)| async move {
                    if !first {
                        std::future::pending::<()>().await;
                    }
                    let order = Some(Order::default());
                    Some((Ok(WatchOrderResponse { order }), (here, false)))
                }))
            }
        };
        Ok(Response::new(changes))
    }

    async fn place_order(
        &self,
        _request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        Err(Status::unimplemented("this only relays reads"))
    }

    async fn cancel_order(
        &self,
        _request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        Err(Status::unimplemented("this only relays reads"))
    }

    async fn list_orders(
        &self,
        _request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        Err(Status::unimplemented("this only relays reads"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        assert_eq!(parse(b"begun 17 0"), Some((17, Told::Begun)));
        assert_eq!(parse(b"dropped 3 99"), Some((3, Told::Dropped(99))));
        for bad in [&b"begun"[..], b"gone 1 2", b"dropped x 2", b"\xff"] {
            assert_eq!(parse(bad), None);
        }
        let before = now_ns();
        assert!(before > 0 && now_ns() >= before);
    }
}
