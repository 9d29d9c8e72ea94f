//! A response's body under its request's scope.

use super::request::Running;
use crate::server::{Alarm, Answer};
use crate::{BoxError, Scope};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Instant;
use watertight_core::CancelReason;

pin_project_lite::pin_project! {
    #[project = KindProjected]
    enum Kind<B> {
        /// The application's.
        Theirs { #[pin] body: B },
        /// The layer's own answer.
        Ours { #[pin] body: axum::body::Body },
        /// Cut short.
        Over,
    }
}

pin_project_lite::pin_project! {
    /// A response's body that ends with its request's scope; made by
    /// [`super::ScopeFuture`].
    ///
    /// When its deadline passes it ends with trailers (gRPC) or an error, but only
    /// if somebody asks it for a frame.
    pub struct ScopeBody<B> {
        #[pin]
        kind: Kind<B>,
        // Under the limit for streams, if the request's own deadline is for its headers.
        stream: Option<Scope>,
        alarm: Alarm,
        cancelled: Option<BoxFuture<'static, ()>>,
        running: Running,
    }

    impl<B> PinnedDrop for ScopeBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Before the body, so that what it owns can learn why.
            this.running.leave();
            if let Some(stream) = this.stream {
                stream.cancel_for(this.running.scope.cancel_reason().unwrap_or(CancelReason::Client));
            }
        }
    }
}

impl<B: Body> ScopeBody<B> {
    pub(super) fn theirs(body: B, mut running: Running) -> Self {
        running.complete = body.is_end_stream();
        // A sibling: it has the longer deadline.
        let longer = !running.whole && !running.complete;
        let stream = longer.then(|| running.beside());
        Self::new(Kind::Theirs { body }, stream, running)
    }

    pub(super) fn ours(body: axum::body::Body, running: Running) -> Self {
        Self::new(Kind::Ours { body }, None, running)
    }

    fn new(kind: Kind<B>, stream: Option<Scope>, running: Running) -> Self {
        Self {
            kind,
            stream,
            alarm: Alarm::default(),
            cancelled: None,
            running,
        }
    }
}

impl<B> ScopeBody<B> {
    /// Ends the body early: by trailers where there are some, else by an error.
    fn end(mut self: Pin<&mut Self>, answer: Answer) -> Result<Frame<Bytes>, BoxError> {
        let this = self.as_mut().project();
        let running = this.running;
        running.cut_short(answer);
        let mut kind = this.kind;
        running.scope.enter(|| kind.set(Kind::Over));
        running.note_wasted();
        running.complete = true;
        if running.is_grpc() {
            return Ok(Frame::trailers(answer.trailers(&running.scope)));
        }
        Err(io::Error::other(answer.message()).into())
    }
}

impl<B> Body for ScopeBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.as_mut().project();
        let frame = match this.kind.as_mut().project() {
            KindProjected::Over => return Poll::Ready(None),
            KindProjected::Ours { body } => body.poll_frame(cx).map_err(BoxError::from),
            KindProjected::Theirs { .. } if Instant::now() >= this.running.end => {
                return Poll::Ready(Some(self.end(Answer::Late)));
            }
            KindProjected::Theirs { body } => {
                let scope = this.stream.as_ref().unwrap_or(&this.running.scope);
                scope
                    .enter(|| body.poll_frame(cx))
                    .map_err(Into::<BoxError>::into)
            }
        };
        if let Poll::Ready(frame) = frame {
            let last = match &frame {
                None => true,
                Some(Ok(frame)) => frame.is_trailers(),
                // Nothing more can come, and that is the application's doing.
                Some(Err(_)) => true,
            };
            this.running.complete |= last || this.kind.is_end_stream();
            return Poll::Ready(frame);
        }
        if this.alarm.poll(this.running.end, cx).is_ready() {
            return Poll::Ready(Some(self.end(Answer::Late)));
        }
        let scope = this.running.scope.clone();
        let cancelled = this
            .cancelled
            .get_or_insert_with(|| Box::pin(async move { scope.cancelled().await }));
        if cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(self.end(Answer::Cancelled)));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.kind.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Theirs { body } => body.size_hint(),
            Kind::Ours { body } => body.size_hint(),
            Kind::Over => SizeHint::with_exact(0),
        }
    }
}

impl<B: Body> Kind<B> {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Theirs { body } => body.is_end_stream(),
            Self::Ours { body } => body.is_end_stream(),
            Self::Over => true,
        }
    }
}

impl<B> fmt::Debug for ScopeBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeBody")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}
