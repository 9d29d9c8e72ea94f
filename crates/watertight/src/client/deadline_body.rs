//! A response body that ends with its call's deadline, or when it goes silent.

use super::series::Timed;
use super::span::CallSpan;
use crate::Deadline;
use crate::server::Alarm;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};

/// As good as never; further off, an `Instant` might overflow.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// A peer that always has a frame ready never lets the timer be looked at; the
/// clock is read once in so many frames.
const FRAMES_PER_LOOK: u32 = 64;

pin_project_lite::pin_project! {
    /// Fails with DEADLINE_EXCEEDED once the deadline has passed or nothing has
    /// come for too long, and reports every transport error as UNAVAILABLE.
    ///
    /// Dropping the inner body, which ends the stream at the other side, is up
    /// to whoever holds this: tonic does at the first error.
    pub(super) struct DeadlineBody {
        #[pin]
        body: tonic::body::Body,
        deadline: Option<Deadline>,
        idle: Duration,
        // Since when the reader waits for a frame; it may well do other things.
        since: Option<Instant>,
        frames: u32,
        alarm: Alarm,
        span: CallSpan,
        // Counts the call when it goes.
        timed: Timed,
    }
}

impl DeadlineBody {
    pub(super) fn new(
        body: tonic::body::Body,
        deadline: Option<Deadline>,
        idle: Duration,
        span: CallSpan,
        timed: Timed,
    ) -> Self {
        Self {
            body,
            deadline,
            idle: idle.min(FAR),
            since: None,
            frames: 0,
            alarm: Alarm::default(),
            span,
            timed,
        }
    }
}

impl Body for DeadlineBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        *this.frames = this.frames.wrapping_add(1);
        if this.frames.is_multiple_of(FRAMES_PER_LOOK)
            && this
                .deadline
                .is_some_and(|deadline| deadline.instant() <= Instant::now())
        {
            let status = late();
            this.span.note_error(&status);
            return Poll::Ready(Some(Err(status)));
        }
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            *this.since = None;
            let frame = frame.map(|frame| frame.map_err(broken));
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(trailers) = frame.trailers_ref() {
                        this.span.note_headers(trailers);
                    }
                }
                Some(Err(status)) => this.span.note_error(status),
                None => {}
            }
            if let Some(code) = ended(frame.as_ref()) {
                this.timed.ended(code);
            }
            return Poll::Ready(frame);
        }
        let silent = *this.since.get_or_insert_with(Instant::now) + *this.idle;
        let deadline = this.deadline.map(Deadline::instant);
        let due = deadline.map_or(silent, |deadline| deadline.min(silent));
        ready!(this.alarm.poll(due, cx));
        let is_late = deadline == Some(due);
        let status = if is_late { late() } else { went_silent() };
        this.span.note_error(&status);
        this.timed.ended(status.code());
        Poll::Ready(Some(Err(status)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The code that the call ended with, if this is its end. A response without
/// trailers has no status, which tonic takes for UNKNOWN.
fn ended(frame: Option<&Result<Frame<Bytes>, Status>>) -> Option<Code> {
    match frame {
        Some(Ok(frame)) => {
            let trailers = frame.trailers_ref()?;
            Some(Status::from_header_map(trailers).map_or(Code::Unknown, |status| status.code()))
        }
        Some(Err(status)) => Some(status.code()),
        None => Some(Code::Unknown),
    }
}

/// The caller's deadline passed.
pub(super) fn late() -> Status {
    Status::deadline_exceeded("deadline passed while waiting for the answer")
}

/// The peer brought nothing for too long.
fn went_silent() -> Status {
    Status::deadline_exceeded("the stream brought nothing for too long")
}

/// The transport broke: whether the call was done is unknown.
pub(super) fn broken(status: Status) -> Status {
    Status::unavailable(status.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::series::GrpcSeries;
    use super::*;
    use futures_util::StreamExt as _;
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};

    /// A body that brings a frame every so often, and one that reads it.
    async fn read(every: Duration, frames: u32, deadline: Option<Deadline>) -> Result<u32, Status> {
        let frames = stream::iter(0..frames).then(move |_| async move {
            testkit::let_pass(every, "by a paused clock").await;
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"x")))
        });
        let body = tonic::body::Body::new(StreamBody::new(Box::pin(frames)));
        let mut body = std::pin::pin!(DeadlineBody::new(
            body,
            deadline,
            Duration::from_secs(10),
            CallSpan::default(),
            GrpcSeries::new("test").begin("/test"),
        ));
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            frame?;
            read += 1;
            // What the reader does meanwhile is not the stream's silence.
            testkit::let_pass(Duration::from_secs(60), "by a paused clock").await;
        }
        Ok(read)
    }

    #[watertight::test(start_paused = true)]
    async fn a_stream_may_be_quiet_but_not_for_too_long() {
        let (lively, quiet) = (Duration::from_secs(9), Duration::from_secs(11));
        assert_eq!(read(lively, 5, None).await.unwrap(), 5);
        let silent = read(quiet, 5, None).await.unwrap_err();
        assert_eq!(silent.message(), went_silent().message());
        let soon = Deadline::after(Duration::from_secs(100));
        let ended = read(lively, 5, Some(soon)).await.unwrap_err();
        assert_eq!(ended.message(), late().message());
    }
}
