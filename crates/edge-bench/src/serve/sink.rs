//! A collector of traces that keeps nothing: OTLP over gRPC, every batch is welcome.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::BoxFuture,
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// The service on a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sink;

impl NamedService for Sink {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for Sink {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(Empty::default()).unary(Export, request).await) })
    }
}

/// `()` skips every field it is given, and is an answer without any.
type Empty = ProstCodec<(), ()>;

struct Export;

impl UnaryService<()> for Export {
    type Response = ();
    type Future = Ready<Result<Response<()>, Status>>;

    fn call(&mut self, _spans: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}
