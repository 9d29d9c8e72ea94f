//! A response body under its request's scope.

use super::finish::Finish;
use super::respond::Answer;
use super::series::Outcome;
use crate::{Deadline, Scope};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use tonic::Code;

const GRPC_STATUS: &str = "grpc-status";

pin_project_lite::pin_project! {
    /// Polls the body with the scope as the ambient one, ends it at the
    /// deadline, and carries the guard that ends the request.
    ///
    /// The deadline is the caller's, if it named one, else the server's limit
    /// for streams: a stream outlives the default deadline of its headers.
    ///
    /// # Limits
    ///
    /// With the HTTP/2 window of a peer shut, hyper doesn't poll the body and
    /// the deadline waits for that peer; keep-alive pings bound a dead one.
    pub(super) struct ScopedBody {
        #[pin]
        body: Body,
        finish: Finish,
        asked: bool,
        // Made when the body first has to wait: most are there at once.
        stream: Option<Scope>,
        #[pin]
        sleep: Option<Sleep>,
    }

    impl PinnedDrop for ScopedBody {
        fn drop(this: Pin<&mut Self>) {
            if let Some(stream) = this.project().stream {
                stream.cancel();
            }
        }
    }
}

impl ScopedBody {
    pub(super) fn new(body: Body, mut finish: Finish, asked: bool) -> Self {
        // hyper doesn't poll a body that says it is empty.
        finish.complete = http_body::Body::is_end_stream(&body);
        Self {
            body,
            finish,
            asked,
            stream: None,
            sleep: None,
        }
    }
}

impl http_body::Body for ScopedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut this = self.project();
        let scope = this.stream.as_ref().unwrap_or(&this.finish.scope);
        let body = this.body.as_mut();
        let polled = AssertUnwindSafe(|| scope.enter(|| body.poll_frame(cx)));
        match std::panic::catch_unwind(polled) {
            Ok(Poll::Ready(frame)) => {
                this.finish.note_frame(frame.as_ref());
                this.finish.complete |= this.body.is_end_stream();
                return Poll::Ready(frame);
            }
            Ok(Poll::Pending) => {}
            Err(_payload) => {
                metrics::counter!("server_handler_panics_total").increment(1);
                return Poll::Ready(Some(this.finish.end(Answer::Panicked)));
            }
        }
        if this.sleep.is_none() {
            let deadline = stream_deadline(this.finish, *this.asked);
            if !*this.asked {
                *this.stream = Some(this.finish.shared.requests.with_deadline(deadline));
            }
            this.sleep
                .set(Some(tokio::time::sleep_until(deadline.instant())));
        }
        match this.sleep.as_pin_mut().map(|sleep| sleep.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Some(this.finish.end(Answer::Late))),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn stream_deadline(finish: &Finish, asked: bool) -> Deadline {
    let limit = Deadline::after(finish.shared.config.stream_timeout_max);
    finish.scope.deadline().filter(|_| asked).unwrap_or(limit)
}

impl Finish {
    /// Notes the outcome as far as the response's head tells it.
    pub(super) fn note_headers<B>(&mut self, response: &Response<B>) {
        if self.target.is_grpc() {
            // Only a trailers-only response has its status here.
            self.note_status(response.headers());
        } else {
            self.outcome = Outcome::Http(response.status());
        }
    }

    fn note_frame(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) {
        match frame {
            None => self.complete = true,
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.note_status(trailers);
                    self.complete = true;
                }
            }
            Some(Err(_broken)) => {}
        }
    }

    fn note_status(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(GRPC_STATUS).filter(|_| self.target.is_grpc()) {
            self.outcome = Outcome::Grpc(Code::from_bytes(status.as_bytes()));
        }
    }

    /// Ends the body early: by trailers where there are some, else by breaking off.
    fn end(&mut self, answer: Answer) -> Result<Frame<Bytes>, axum::Error> {
        self.scope.cancel();
        self.complete = true;
        if !self.target.is_grpc() {
            self.outcome = Outcome::Http(answer.status());
            return Err(axum::Error::new(std::io::Error::other(answer.message())));
        }
        self.outcome = Outcome::Grpc(answer.code());
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(GRPC_STATUS, HeaderValue::from(i32::from(answer.code())));
        Ok(Frame::trailers(trailers))
    }
}
