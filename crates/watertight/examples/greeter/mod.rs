//! What `tonic-prost-build` would generate for a service of one method,
//! `rpc Hello(google.protobuf.StringValue) returns (google.protobuf.StringValue)`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// The service.
pub(crate) trait Greeter: Send + Sync + 'static {
    /// Greets by name.
    fn hello(
        &self,
        name: Request<String>,
    ) -> impl Future<Output = Result<Response<String>, Status>> + Send;
}

/// The service on a server.
#[derive(Debug)]
pub(crate) struct GreeterServer<T>(pub(crate) Arc<T>);

impl<T> Clone for GreeterServer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> NamedService for GreeterServer<T> {
    const NAME: &'static str = "hello.v1.Greeter";
}

impl<T: Greeter> Service<http::Request<Body>> for GreeterServer<T> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let hello = Hello(Arc::clone(&self.0));
        Box::pin(async move {
            if request.uri().path() != "/hello.v1.Greeter/Hello" {
                return Ok(Status::unimplemented("").into_http());
            }
            Ok(Grpc::new(ProstCodec::default()).unary(hello, request).await)
        })
    }
}

struct Hello<T>(Arc<T>);

impl<T: Greeter> UnaryService<String> for Hello<T> {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, name: Request<String>) -> Self::Future {
        let greeter = Arc::clone(&self.0);
        Box::pin(async move { greeter.hello(name).await })
    }
}
