//! A response body under its request's scope.

use super::control::Alarm;
use super::faults::{Fault, Promise};
use super::finish::{Finish, GRPC_STATUS};
use super::respond::Answer;
use crate::series::HANDLER_PANICS;
use crate::{Deadline, Scope};
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body as _, Frame, SizeHint};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use watertight_core::CancelReason;

/// hyper takes a frame whole, however little of it the peer takes, and holds
/// it until the peer has taken the rest. So frames are handed on in pieces:
/// what a peer can make us hold beyond the request's end is one of them.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// What of an HTTP/2 response may be with hyper when its stream's task ends.
///
/// With a window of one byte hyper takes a whole piece. If the body ended with it,
/// nobody would look after the stream any more, and the peer could leave the piece
/// there for as long as the connection lives, on each of its streams. So the end
/// is asked for only when the peer has taken what was before it.
const END_BYTES_MAX: usize = 1024;
/// A body that always has a frame ready is never made to wait, and never looks
/// at its timer: it looks at the clock once in so many frames.
const FRAMES_PER_LOOK: u32 = 64;
/// What a response has to end by itself once its request's body has stalled:
/// a handler that streams its answer may want to say how far it got.
const STALLED_GRACE: Duration = Duration::from_secs(1);

type Polled = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

pin_project_lite::pin_project! {
    /// Polls the body with the scope as the ambient one, ends it at the
    /// deadline, checks that it keeps what its headers promised, and carries
    /// the guard that ends the request.
    ///
    /// The deadline is the caller's, if it named one, or its route's, if that
    /// has one of its own, else the server's limit for streams: a stream outlives the default deadline of its headers. When
    /// nobody asks for a frame, it is watched from outside: see `control`.
    pub(super) struct ScopedBody {
        #[pin]
        body: Body,
        // What is left of a frame that was too long.
        rest: Bytes,
        promise: Promise,
        finish: Box<Finish>,
        frames: u32,
        // Made when the body first has to wait: most are there at once.
        waits: Option<Box<Waits>>,
    }

    impl PinnedDrop for ScopedBody {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Before the body, so that what it owns can learn why.
            this.finish.leave();
            if let Some(stream) = this.waits.take().and_then(|waits| waits.stream) {
                stream.cancel_for(this.finish.early.unwrap_or(CancelReason::Client));
            }
        }
    }
}

/// What ends a body that has to wait.
struct Waits {
    /// The scope of a stream without a deadline of its own, under the limit for streams.
    stream: Option<Scope>,
    alarm: Alarm,
    /// When the request's body has been found to have stalled, plus the grace.
    stalled: Option<Instant>,
    cancelled: BoxFuture<'static, ()>,
}

impl Waits {
    fn new(finish: &Finish) -> Self {
        let control = &finish.control;
        let end = Deadline::at(control.end);
        let scope = control.scope.clone();
        Self {
            stream: (!control.whole).then(|| {
                let trace = control.scope.traced().cloned();
                let requests = &finish.shared.requests;
                let stream = trace.map_or_else(
                    || requests.with_deadline(end),
                    |trace| requests.for_request(end, trace),
                );
                stream.set_label(control.scope.label());
                stream
            }),
            alarm: Alarm::default(),
            stalled: None,
            cancelled: Box::pin(async move { scope.cancelled().await }),
        }
    }
}

impl ScopedBody {
    pub(super) fn new(body: Body, promise: Promise, mut finish: Box<Finish>) -> Self {
        // hyper doesn't poll a body that says it is empty.
        finish.complete = body.is_end_stream();
        Self {
            body,
            rest: Bytes::new(),
            promise,
            finish,
            frames: 0,
            waits: None,
        }
    }

    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.project();
        let stream = this.waits.as_ref().and_then(|waits| waits.stream.as_ref());
        let scope = stream.unwrap_or(&this.finish.control.scope);
        let polled = AssertUnwindSafe(|| scope.enter(|| this.body.poll_frame(cx)));
        match std::panic::catch_unwind(polled) {
            Ok(polled) => polled,
            Err(_payload) => {
                HANDLER_PANICS.get().increment(1);
                this.finish.fault(Fault::Panic);
                Poll::Ready(Some(this.finish.end(Answer::Panicked)))
            }
        }
    }

    /// The body has to wait: for how long?
    fn poll_waits(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.project();
        let finish = this.finish;
        let waits = this
            .waits
            .get_or_insert_with(|| Box::new(Waits::new(finish)));
        let end = finish.control.end;
        let (due, over) = if finish.control.is_upload_stalled() {
            let grace = || Instant::now() + STALLED_GRACE;
            let stalled = *waits.stalled.get_or_insert_with(grace);
            (stalled.min(end), Answer::UploadStalled)
        } else {
            (end, Answer::Late)
        };
        let answer = if waits.alarm.poll(due, cx).is_ready() {
            over
        } else if waits.cancelled.as_mut().poll(cx).is_ready() {
            Answer::Cancelled
        } else {
            return Poll::Pending;
        };
        Poll::Ready(Some(finish.end(answer)))
    }

    /// A frame from the handler, as far as it may go out.
    fn checked(mut self: Pin<&mut Self>, frame: Frame<Bytes>, cx: &mut Context<'_>) -> Polled {
        let this = self.as_mut().project();
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => {
                let Ok(trailers) = other.into_trailers() else {
                    return self.poll_frame_of_ours(cx);
                };
                if this.promise.has_status() && trailers.contains_key(GRPC_STATUS) {
                    this.finish.fault(Fault::SecondStatus);
                }
                if !this.promise.kept() {
                    return Poll::Ready(Some(this.finish.break_off(Fault::Length)));
                }
                this.finish.note_status(&trailers);
                this.finish.complete = true;
                if !this.body.is_end_stream() {
                    self.look_behind_the_end(cx);
                }
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        };
        if let Err(fault) = this.promise.data(data.len()) {
            return Poll::Ready(Some(this.finish.break_off(fault)));
        }
        *this.rest = data;
        let ended = this.body.is_end_stream() && this.promise.kept();
        let piece = this.finish.piece(this.rest, ended);
        this.finish.complete |= ended && this.rest.is_empty();
        Poll::Ready(Some(Ok(piece)))
    }

    /// hyper stops at the trailers; does the handler?
    fn look_behind_the_end(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        if let Poll::Ready(Some(Ok(frame))) = self.as_mut().poll_body(cx) {
            let second = frame
                .trailers_ref()
                .is_some_and(|trailers| trailers.contains_key(GRPC_STATUS));
            let fault = if second {
                Fault::SecondStatus
            } else {
                Fault::AfterEnd
            };
            self.project().finish.fault(fault);
        }
    }

    fn poll_frame_of_ours(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match self.as_mut().poll_body(cx) {
            Poll::Pending => self.poll_waits(cx),
            Poll::Ready(Some(Ok(frame))) => self.checked(frame, cx),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(self.project().finish.failed(error))),
            Poll::Ready(None) => {
                let this = self.project();
                if !this.promise.kept() {
                    return Poll::Ready(Some(this.finish.break_off(Fault::Length)));
                }
                this.finish.complete = true;
                Poll::Ready(None)
            }
        }
    }
}

impl http_body::Body for ScopedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.as_mut().project();
        let control = &this.finish.control;
        control.frame_wanted();
        *this.frames = this.frames.wrapping_add(1);
        let look = this.frames.is_multiple_of(FRAMES_PER_LOOK);
        if control.is_late() || look && Instant::now() >= control.end {
            return Poll::Ready(Some(this.finish.end(Answer::Late)));
        }
        if !this.rest.is_empty() {
            let ended = this.body.is_end_stream() && this.promise.kept();
            let piece = this.finish.piece(this.rest, ended);
            this.finish.complete |= ended && this.rest.is_empty();
            return Poll::Ready(Some(Ok(piece)));
        }
        self.poll_frame_of_ours(cx)
    }

    /// Not if something is missing: then hyper asks again, and is told.
    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.promise.kept() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        // In this order: a lower bound above the upper one is a panic.
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

impl Finish {
    /// The next piece of a frame, for hyper to hold; `ended` if no other frame follows.
    fn piece(&self, rest: &mut Bytes, ended: bool) -> Frame<Bytes> {
        self.control.frame_given();
        let mut size = rest.len().min(PIECE_BYTES_MAX);
        if ended && size == rest.len() && size > END_BYTES_MAX && self.target.is_http2() {
            size -= END_BYTES_MAX;
        }
        Frame::data(rest.split_to(size))
    }
}

#[cfg(test)]
mod tests {
    use super::super::control::Control;
    use super::super::finish::Target;
    use super::super::spans::RequestSpan;
    use super::super::{Routes, Server, ServerConfig};
    use super::*;
    use crate::outcome::Outcome;
    use futures_util::poll;
    use http_body_util::BodyExt as _;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    fn finish() -> Box<Finish> {
        let scope = Scope::root("test");
        let routes = Routes::http(axum::Router::new());
        let server = Server::new(&scope, ServerConfig::default(), routes);
        let now = Instant::now();
        let control = Control::new(scope, now, now + Duration::from_secs(60), true);
        server.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Box::new(Finish {
            shared: Arc::new(Arc::clone(&server.shared)),
            control: Arc::new(control),
            target: Target::Grpc(http::Uri::default()),
            routed: false,
            outcome: Outcome::Left,
            complete: false,
            early: None,
            wasted: None,
            span: RequestSpan::new(None),
        })
    }

    #[watertight::test]
    async fn what_is_left_of_a_frame_counts_as_size() {
        let bytes = Bytes::from(vec![0; PIECE_BYTES_MAX + 100]);
        let mut body = ScopedBody::new(Body::from(bytes), Promise::default(), finish());
        assert_eq!(body.size_hint().exact(), Some(PIECE_BYTES_MAX as u64 + 100));
        assert!(poll!(body.frame()).is_ready());
        assert_eq!(body.size_hint().exact(), Some(100));
        assert!(poll!(body.frame()).is_ready());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}
