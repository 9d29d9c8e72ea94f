//! What `tonic-prost-build` would generate for a service of one method,
//! `rpc Hello(google.protobuf.StringValue) returns (google.protobuf.StringValue)`.

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

use super::handlers;

/// The method's path.
pub(crate) const HELLO: &str = "/hello.v1.Greeter/Hello";

/// The service on a server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Greeter {
    /// Logged for each call.
    pub(super) lines: u32,
}

impl NamedService for Greeter {
    const NAME: &'static str = "hello.v1.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { lines } = *self;
        Box::pin(async move {
            if request.uri().path() != HELLO {
                return Ok(Status::unimplemented("").into_http());
            }
            let hello = Hello { lines };
            Ok(Grpc::new(ProstCodec::default()).unary(hello, request).await)
        })
    }
}

struct Hello {
    lines: u32,
}

impl UnaryService<String> for Hello {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, name: Request<String>) -> Self::Future {
        handlers::say(self.lines);
        ready(Ok(Response::new(format!("hello {}", name.into_inner()))))
    }
}
