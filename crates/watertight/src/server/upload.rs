//! A request's body, which must not go silent while its handler waits for it.

use super::control::{Alarm, Control};
use super::life::FAR;
use crate::BoxError;
use crate::series::UPLOADS_STALLED;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Breaks off when the handler has waited for bytes for too long, and raises a
/// flag for whoever writes the response.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    control: Arc<Control>,
    idle: Duration,
    /// gRPC streams may be silent once they are answered: both sides talk when
    /// they have something to say.
    grpc: bool,
    since: Option<Instant>,
    alarm: Alarm,
    /// Waits for the answer's beginning.
    parked: bool,
}

impl Upload {
    pub(super) fn new(body: Incoming, control: Arc<Control>, idle: Duration, grpc: bool) -> Self {
        Self {
            body,
            control,
            idle: idle.min(FAR),
            grpc,
            since: None,
            alarm: Alarm::default(),
            parked: false,
        }
    }

    /// When the wait ends, if nothing else ends it before: until the response
    /// has begun, the request's own deadline does, and is watched elsewhere.
    fn due(&mut self, cx: &Context<'_>) -> Option<Instant> {
        let answered = self.control.is_answered();
        if answered && self.grpc {
            return None;
        }
        let due = *self.since.get_or_insert_with(Instant::now) + self.idle;
        let deadline = self.control.scope.deadline();
        let sooner = deadline.is_none_or(|deadline| due < deadline.instant());
        if answered || sooner {
            return Some(due);
        }
        // The reader may be a task of its own, which the answer doesn't wake.
        self.parked = !self.grpc;
        (self.parked && !self.control.wake_when_answered(cx)).then_some(due)
    }

    /// Bytes came, or the end.
    fn came(&mut self, frame: &Option<Result<Frame<Bytes>, hyper::Error>>) {
        self.since = None;
        if std::mem::take(&mut self.parked) {
            self.control.wake_nobody();
        }
        if let Some(Err(_broken)) = frame {
            self.control.set_upload_broken();
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.came(&frame);
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        let Some(due) = self.due(cx) else {
            return Poll::Pending;
        };
        std::task::ready!(self.alarm.poll(due, cx));
        self.control.set_upload_stalled();
        UPLOADS_STALLED.get().increment(1);
        Poll::Ready(Some(Err(Box::new(io::Error::from(
            io::ErrorKind::TimedOut,
        )))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
