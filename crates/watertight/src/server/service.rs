//! What hyper calls for each request: deadline, scope, routes, answer.

use super::body::ScopedBody;
use super::budget::{Budget, Refusal};
use super::control::Control;
use super::date;
use super::explain::explained;
use super::faults::Promise;
use super::finish::{Finish, GRPC_STATUS, HttpTarget, Target};
use super::life::FAR;
use super::link::Link;
use super::respond::Answer;
use super::seen::Seen;
use super::spans::RequestSpan;
use super::upload::Upload;
use super::{ServerConfig, Shared};
use crate::outcome::Outcome;
use crate::request::Known;
use crate::series::{HANDLER_PANICS, REQUESTS_REFUSED};
use crate::{Closed, ConnInfo, Deadline, Run, Scope, trace};
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::routing::future::RouteFuture;
use http::{Method, Request, Response, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::time::Instant;
use watertight_core::CancelReason;

/// Header fields of a request; more is refused, as hyper does by itself over
/// HTTP/1. Over HTTP/2 one byte can name a field that has been sent before, so
/// 16 KiB of them would take hundreds of KiB for as long as the request lasts.
pub(super) const HEADER_FIELDS_MAX: usize = 100;

/// Why a request can't be taken whatever it asks for: what HTTP demands and
/// hyper leaves to us.
fn refused(request: &Request<Incoming>, seen: &Seen) -> Option<Answer> {
    let headers = request.headers();
    let http11 = request.version() == Version::HTTP_11;
    // Two hosts are how one of them gets past whoever checks the other.
    if http11 && seen.hosts != 1 {
        return Some(Answer::BadHost);
    }
    let coding = seen.coding.then(|| headers.get(header::TRANSFER_ENCODING));
    let coding = coding.flatten();
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some(Answer::UnknownCoding);
    }
    if headers.len() > HEADER_FIELDS_MAX {
        return Some(Answer::TooManyHeaders);
    }
    (request.method() == Method::CONNECT).then_some(Answer::NoTunnel)
}

/// The service of one connection.
#[derive(Clone, Debug)]
pub(super) struct RequestService {
    shared: OfConnection<Shared>,
    /// Parent of its requests' scopes.
    requests: Scope,
    link: Arc<Link>,
    info: ConnInfo,
}

/// What all connections share, by a reference count of this one's own.
///
/// Each request takes and gives a reference: were they counted in one place, the
/// workers would wait for each other's cache lines twice a request. For the same
/// reason a connection's requests have a parent scope of their own, in whose
/// books they come and go.
pub(super) type OfConnection<T> = Arc<Arc<T>>;

impl RequestService {
    pub(super) fn new(shared: Arc<Shared>, link: Arc<Link>, info: ConnInfo) -> Self {
        let requests = shared.requests.child(shared.requests.name());
        Self {
            shared: Arc::new(shared),
            requests,
            link,
            info,
        }
    }

    /// The guard that sees the request to its end, and why it isn't started, if so.
    fn begin(
        &self,
        request: &Request<Incoming>,
        config: &ServerConfig,
    ) -> (Box<Finish>, Option<Answer>) {
        let headers = request.headers();
        let seen = Seen::of(headers);
        let wire = seen.is_grpc(request);
        let grpc = wire.unwrap_or(false);
        let own = self.shared.routes.timeouts(request.uri().path());
        let route = own.unwrap_or_else(|| config.timeouts());
        let budget = seen.budget(headers, grpc, route);
        if self.shared.metrics {
            self.shared.deadlines.note(&budget);
        }
        let Budget { left, asked, .. } = budget.unwrap_or(Budget {
            left: route.default.min(route.max),
            asked: true,
            clamped: false,
        });
        let whole = asked || own.is_some();
        let in_all = if whole {
            left
        } else {
            left.max(config.stream_timeout_max)
        };
        let target = if grpc {
            Target::Grpc(request.uri().clone())
        } else {
            Target::Http(HttpTarget {
                method: request.method().clone(),
                grpc_path: self.shared.routes.has_grpc_service(request.uri().path()),
                http2: request.version() == Version::HTTP_2,
            })
        };
        let started = Instant::now();
        let deadline = Deadline::at(started + left.min(FAR));
        let tracer = self.shared.tracer.as_ref();
        let (trace, root) = trace::receive(seen.caller(headers), tracer, started.into_std());
        let scope = self.requests.for_request(deadline, trace);
        let end = started + in_all.min(FAR);
        let before = self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        // In a box: it moves from the call to the response and into its body.
        let finish = Box::new(Finish {
            shared: Arc::clone(&self.shared),
            control: Arc::new(Control::new(scope, started, end, whole)),
            target,
            routed: false,
            outcome: Outcome::Left,
            complete: false,
            early: None,
            wasted: None,
            span: RequestSpan::new(root),
        });
        if let Target::Grpc(uri) = &finish.target
            && let Some(series) = self.shared.routes.series().known_grpc(uri.path())
        {
            finish.control.set_route(series);
        }
        if before >= config.requests_max {
            REQUESTS_REFUSED.get().increment(1);
            return (finish, Some(Answer::Overloaded));
        }
        let budget = budget.map_err(Answer::from);
        let refused = refused(request, &seen).or_else(|| wire.and(budget).err());
        (finish, refused)
    }
}

impl hyper::service::Service<Request<Incoming>> for RequestService {
    type Response = Response<ScopedBody>;
    type Error = Infallible;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
        let config = self.shared.config.load();
        let (finish, refused) = self.begin(&request, &config);
        self.link.put(&finish.control);
        if let Some(answer) = refused {
            return Responding::now(finish, answer);
        }
        let grpc = finish.target.is_grpc();
        let idle = config.body_idle_timeout;
        let control = || Arc::clone(&finish.control);
        let mut request = request.map(|body| {
            // Most requests over HTTP have none, and need nobody to look after it.
            if body.is_end_stream() {
                Body::empty()
            } else {
                Body::new(Upload::new(body, control(), idle, grpc))
            }
        });
        if !grpc && !request.body().is_end_stream() {
            // Where a layer of the router would do so for each request.
            DefaultBodyLimit::max(config.body_bytes_max).apply(&mut request);
        }
        request.extensions_mut().insert(Known {
            scope: finish.control.scope.clone(),
            info: Some(self.info),
            control: Some(Arc::clone(&finish.control)),
        });
        let routed = self.shared.routes.call(grpc, request);
        let run = finish.control.scope.run(routed);
        Responding {
            run: Some(run),
            answer: None,
            finish: Some(finish),
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
        finish: Option<Box<Finish>>,
    }

    impl PinnedDrop for Responding {
        // Dropped before there was an answer. The scope ends first, so that
        // what the handler owns can learn why, and then the handler in it.
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(finish) = this.finish {
                finish.leave();
                let mut run = this.run;
                finish.control.scope.enter(|| run.set(None));
            }
        }
    }
}

impl Responding {
    fn now(finish: Box<Finish>, answer: Answer) -> Self {
        Self {
            run: None,
            answer: Some(answer),
            finish: Some(finish),
        }
    }
}

impl Future for Responding {
    type Output = Result<Response<ScopedBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let finish = this.finish.as_ref();
        let stalled = || finish.is_some_and(|finish| finish.control.is_upload_stalled());
        let begun = this.run.is_some();
        let outcome = match this.run.as_mut().as_pin_mut() {
            Some(run) => match std::panic::catch_unwind(AssertUnwindSafe(|| run.poll(cx))) {
                // The handler may wait for a body that it was told has failed.
                Ok(Poll::Pending) if stalled() => Err(Answer::UploadStalled),
                Ok(Poll::Pending) => {
                    if let Some(finish) = this.finish.as_mut().filter(|finish| !finish.routed) {
                        finish.routed = true;
                        // tonic doesn't think about a method that it doesn't know.
                        finish.learn_method();
                    }
                    return Poll::Pending;
                }
                // What it makes of that is a guess; we know.
                Ok(Poll::Ready(Ok(Ok(_)))) if stalled() => Err(Answer::UploadStalled),
                Ok(Poll::Ready(Ok(Ok(response)))) => Ok(response),
                Ok(Poll::Ready(Ok(Err(never)))) => match never {},
                Ok(Poll::Ready(Err(Closed::Deadline))) => Err(Answer::Late),
                Ok(Poll::Ready(Err(Closed::Cancelled))) => Err(Answer::Cancelled),
                Err(_payload) => Err(Answer::Panicked),
            },
            None => Err(this.answer.take().unwrap_or(Answer::Panicked)),
        };
        let Some(mut finish) = this.finish.take() else {
            return Poll::Pending;
        };
        // The handler's future ends here, with everything it borrowed from the
        // request; if it is cut off, not before its scope knows why.
        if begun && let Err(answer) = outcome {
            finish.cut_short(answer);
            finish.control.scope.enter(|| this.run.set(None));
            finish.wasted = finish.early.map(|reason| finish.wasted(reason));
        }
        this.run.set(None);
        Poll::Ready(Ok(respond(finish, outcome)))
    }
}

/// Joins the response with the guard, which from here on travels in its body.
fn respond(
    mut finish: Box<Finish>,
    outcome: Result<Response<Body>, Answer>,
) -> Response<ScopedBody> {
    let status = finish.target.is_grpc().then_some(GRPC_STATUS);
    // One that let us wait, answered or panicked is there, unless it says that it isn't.
    finish.routed |= outcome.is_ok() || matches!(outcome, Err(Answer::Panicked));
    if let (Some(status), Ok(response)) = (status, &outcome)
        && !response.headers().contains_key(status)
    {
        finish.learn_method();
    }
    let checked = outcome.and_then(|response| {
        let response = explained(response, &finish);
        match Promise::of(&response, finish.target.method(), status) {
            Ok(promise) => Ok((response, promise)),
            Err(fault) => {
                finish.fault(fault);
                Err(Answer::Faulty)
            }
        }
    });
    let (mut response, promise) =
        checked.unwrap_or_else(|answer| (refuse(&finish, answer), Promise::default()));
    // Over HTTP/1 hyper does it.
    if finish.target.is_http2() {
        date::add(response.headers_mut());
    }
    finish.note_headers(&response);
    finish.control.set_answered();
    finish.span.answered();
    response.map(|body| ScopedBody::new(body, promise, finish))
}

/// The server's own answer in place of the handler's, whose scope ends.
fn refuse(finish: &Finish, answer: Answer) -> Response<Body> {
    if answer == Answer::Panicked {
        HANDLER_PANICS.get().increment(1);
        // The panic hook has logged what and where, under the same trace.
        let request = finish.describe();
        let log = || tracing::error!(request, "a handler panicked");
        finish.control.scope.enter(log);
    }
    finish.control.scope.cancel_for(CancelReason::Client);
    answer.response(finish)
}
