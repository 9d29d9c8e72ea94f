//! The span of a call.

use http::{HeaderMap, Request, StatusCode, Uri};
use std::borrow::Cow;
use tonic::{Code, Status};
use watertight_core::ClientSpan;

const GRPC_STATUS: &str = "grpc-status";

/// A call while it is under way; nothing if it isn't recorded. It ends when it is
/// dropped, and if nothing was known of its outcome by then, it was given up.
#[derive(Debug, Default)]
pub(super) struct CallSpan {
    span: Option<ClientSpan>,
    settled: bool,
}

impl CallSpan {
    /// A gRPC call to the peer of that name; tells the peer.
    pub(super) fn grpc<B>(request: &mut Request<B>, peer: &'static str) -> Self {
        let name = |uri: &Uri| Cow::Owned(uri.path().trim_start_matches('/').to_owned());
        let mut span = begin(request, name);
        if let Some(span) = &mut span {
            span.set("rpc.system", "grpc");
            span.set("peer.service", peer);
        }
        Self {
            span,
            settled: false,
        }
    }

    /// An HTTP call to a peer; tells the peer.
    pub(super) fn http<B>(request: &mut Request<B>, peer: &'static str) -> Self {
        let method = request.method().clone();
        let mut span = begin(request, |_uri| Cow::Owned(format!("{method} {peer}")));
        if let Some(span) = &mut span {
            span.set("http.request.method", method.as_str().to_owned());
            span.set("peer.service", peer);
            if let Some(host) = request.uri().host() {
                span.set("server.address", host.to_owned());
            }
            if let Some(port) = request.uri().port_u16() {
                span.set("server.port", port);
            }
        }
        Self {
            span,
            settled: false,
        }
    }

    /// The status came, in headers or trailers.
    pub(super) fn note_headers(&mut self, headers: &HeaderMap) {
        if self.span.is_some()
            && let Some(status) = headers.get(GRPC_STATUS)
        {
            self.code(Code::from_bytes(status.as_bytes()));
        }
    }

    /// The call came to nothing.
    pub(super) fn note_error(&mut self, status: &Status) {
        self.code(status.code());
    }

    fn code(&mut self, code: Code) {
        let Some(span) = self.span.as_mut().filter(|_| !self.settled) else {
            return;
        };
        self.settled = true;
        span.set("rpc.grpc.status_code", i32::from(code));
        if code != Code::Ok {
            // The text of the enum: what the peer says may hold anything.
            span.fail(code.description());
        }
    }

    /// The answer to an HTTP call came.
    pub(super) fn status(&mut self, status: StatusCode) {
        self.settled = true;
        if let Some(span) = &mut self.span {
            span.set("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.fail("error status");
            }
        }
    }

    /// An HTTP call came to nothing.
    pub(super) fn failed(&mut self, why: &'static str) {
        self.settled = true;
        if let Some(span) = &mut self.span {
            span.set("error.type", why);
            span.fail(why);
        }
    }
}

/// A span, and headers that name it. The name is asked for only if it is recorded.
fn begin<B>(
    request: &mut Request<B>,
    name: impl FnOnce(&Uri) -> Cow<'static, str>,
) -> Option<ClientSpan> {
    // Out for a moment, as the name is made of what stands beside them.
    let mut headers = std::mem::take(request.headers_mut());
    let span = crate::trace::call(&mut headers, || name(request.uri()));
    *request.headers_mut() = headers;
    span
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        if let Some(span) = self.span.as_mut().filter(|_| !self.settled) {
            span.set("watertight.given_up", true);
        }
    }
}
