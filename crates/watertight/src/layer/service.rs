//! Where a request gets its scope.

use super::request::Running;
use super::{ScopeBody, ScopeFuture, ScopeLayer};
use crate::request::Known;
use crate::server::{Answer, Budget, Memory, Seen};
use crate::{Deadline, trace};
use axum::extract::MatchedPath;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower_service::Service;

/// A service whose requests have scopes; made by [`ScopeLayer`].
#[derive(Clone, Debug)]
pub struct ScopeService<S> {
    inner: S,
    layer: ScopeLayer,
    memory: Arc<Memory>,
}

impl<S> ScopeService<S> {
    pub(super) fn new(inner: S, layer: ScopeLayer, memory: Arc<Memory>) -> Self {
        Self {
            inner,
            layer,
            memory,
        }
    }

    /// The request's scope, and why it isn't started, if so.
    fn begin<B>(&self, request: &Request<B>) -> (Running, Option<Answer>) {
        let headers = request.headers();
        let seen = Seen::of(headers);
        let grpc = seen.is_grpc(request).unwrap_or(false);
        let timeouts = self.layer.timeouts;
        let budget = seen.budget(headers, grpc, timeouts);
        self.layer.counts.deadlines.note(&budget);
        let Budget { left, asked, .. } = budget.unwrap_or(Budget {
            left: timeouts.default.min(timeouts.max),
            asked: true,
            clamped: false,
        });
        let in_all = if asked {
            left
        } else {
            left.max(self.layer.stream_timeout_max)
        };
        let until = Deadline::after(left);
        let end = Deadline::after(in_all).instant();
        // Nobody here sees the end of each request for sure, so none is recorded.
        let (trace, _unrecorded) = trace::receive(seen.caller(headers), None, Instant::now());
        let scope = self.layer.requests.for_request(until, trace);
        let table = Arc::clone(&self.layer.counts.series);
        let mut running = Running::new(
            (self.layer.requests.clone(), scope),
            end,
            asked,
            request,
            grpc,
            table,
        );
        if let Some(path) = request.extensions().get::<MatchedPath>() {
            running.set_route(self.memory.series(request.method(), path));
        }
        (running, budget.err().map(Answer::from))
    }
}

impl<S, B, R> Service<Request<B>> for ScopeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ScopeBody<R>>;
    type Error = S::Error;
    type Future = ScopeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (running, refused) = self.begin(&request);
        if let Some(answer) = refused {
            return ScopeFuture::refused(running, answer);
        }
        request.extensions_mut().insert(Known {
            scope: running.scope.clone(),
            info: None,
            control: None,
        });
        let fut = running.scope.enter(|| self.inner.call(request));
        ScopeFuture::new(running, fut)
    }
}
