//! What hyper calls for each request: deadline, scope, routes, answer.

use super::Shared;
use super::body::ScopedBody;
use super::budget::{Budget, Refusal, budget};
use super::finish::{Finish, Target};
use super::respond::Answer;
use super::routes::{RouteCell, is_grpc};
use super::series::Outcome;
use crate::{Closed, ConnInfo, Deadline, Run};
use axum::body::Body;
use axum::routing::future::RouteFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// The service of one connection.
#[derive(Clone, Debug)]
pub(super) struct RequestService {
    shared: Arc<Shared>,
    info: ConnInfo,
}

impl RequestService {
    pub(super) fn new(shared: Arc<Shared>, info: ConnInfo) -> Self {
        Self { shared, info }
    }

    /// The guard that sees the request to its end, and the time it gets.
    fn begin(&self, request: &Request<Incoming>) -> (Finish, Result<Budget, Answer>) {
        let grpc = is_grpc(request.headers());
        let config = &self.shared.config;
        let budget = budget(request.headers(), grpc, config).map_err(Answer::from);
        let left = budget.map_or(self.shared.config.request_timeout, |budget| budget.left);
        let target = if grpc {
            Target::Grpc(request.uri().clone())
        } else {
            Target::Http(request.method().clone(), RouteCell::default())
        };
        let started = Instant::now();
        let before = self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let finish = Finish {
            shared: Arc::clone(&self.shared),
            scope: self
                .shared
                .requests
                .with_deadline(Deadline::at(started + left)),
            started,
            target,
            outcome: Outcome::Left,
            complete: false,
        };
        if before >= config.requests_max {
            metrics::counter!("server_requests_refused_total").increment(1);
            return (finish, Err(Answer::Overloaded));
        }
        (finish, budget)
    }
}

impl hyper::service::Service<Request<Incoming>> for RequestService {
    type Response = Response<ScopedBody>;
    type Error = Infallible;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
        let (finish, budget) = self.begin(&request);
        let budget = match budget {
            Ok(budget) => budget,
            Err(answer) => return Responding::now(finish, answer),
        };
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        extensions.insert(finish.scope.clone());
        extensions.insert(self.info);
        extensions.insert(self.info.tag);
        if let Target::Http(_, cell) = &finish.target {
            extensions.insert(cell.clone());
        }
        let grpc = finish.target.is_grpc();
        let run = finish.scope.run(self.shared.routes.call(grpc, request));
        Responding {
            run: Some(run),
            answer: None,
            finish: Some(finish),
            asked: budget.asked,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::MalformedTimeout,
            Refusal::Expired => Self::Late,
        }
    }
}

pin_project_lite::pin_project! {
    /// A request between its headers and those of its response.
    pub(super) struct Responding {
        // First, so that a handler that is cut off is gone before the request counts as ended.
        #[pin]
        run: Option<Run<RouteFuture<Infallible>>>,
        answer: Option<Answer>,
        // Moves on into the body.
        finish: Option<Finish>,
        asked: bool,
    }
}

impl Responding {
    fn now(finish: Finish, answer: Answer) -> Self {
        Self {
            run: None,
            answer: Some(answer),
            finish: Some(finish),
            asked: true,
        }
    }
}

impl Future for Responding {
    type Output = Result<Response<ScopedBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let outcome = match this.run.as_mut().as_pin_mut() {
            Some(run) => match std::panic::catch_unwind(AssertUnwindSafe(|| run.poll(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Ok(Ok(response)))) => Ok(response),
                Ok(Poll::Ready(Ok(Err(never)))) => match never {},
                Ok(Poll::Ready(Err(Closed::Deadline))) => Err(Answer::Late),
                Ok(Poll::Ready(Err(Closed::Cancelled))) => Err(Answer::Cancelled),
                Err(_payload) => Err(Answer::Panicked),
            },
            None => Err(this.answer.take().unwrap_or(Answer::Panicked)),
        };
        // The handler's future ends here, with everything it borrowed from the request.
        this.run.set(None);
        let Some(finish) = this.finish.take() else {
            return Poll::Pending;
        };
        Poll::Ready(Ok(respond(finish, outcome, *this.asked)))
    }
}

/// Joins the response with the guard, which from here on travels in its body.
fn respond(
    mut finish: Finish,
    outcome: Result<Response<Body>, Answer>,
    asked: bool,
) -> Response<ScopedBody> {
    let response = outcome.unwrap_or_else(|answer| {
        if answer == Answer::Panicked {
            metrics::counter!("server_handler_panics_total").increment(1);
        }
        finish.scope.cancel();
        answer.response(finish.target.is_grpc())
    });
    finish.note_headers(&response);
    response.map(|body| ScopedBody::new(body, finish, asked))
}
