//! A response body that ends with its call's deadline.

use crate::Deadline;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use tonic::Status;

pin_project_lite::pin_project! {
    /// Fails with DEADLINE_EXCEEDED once the deadline has passed, and reports
    /// every transport error as UNAVAILABLE.
    pub(super) struct DeadlineBody {
        #[pin]
        body: tonic::body::Body,
        deadline: Option<Deadline>,
        // Made when the body first has to wait: most are there at once.
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl DeadlineBody {
    pub(super) fn new(body: tonic::body::Body, deadline: Option<Deadline>) -> Self {
        Self {
            body,
            deadline,
            sleep: None,
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
        let mut this = self.project();
        match this.body.poll_frame(cx) {
            Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(broken(status)))),
            Poll::Ready(frame) => return Poll::Ready(frame),
            Poll::Pending => {}
        }
        let Some(deadline) = this.deadline else {
            return Poll::Pending;
        };
        if this.sleep.is_none() {
            this.sleep
                .set(Some(tokio::time::sleep_until(deadline.instant())));
        }
        match this.sleep.as_pin_mut().map(|sleep| sleep.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Some(Err(late()))),
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

/// The caller's deadline passed.
pub(super) fn late() -> Status {
    Status::deadline_exceeded("deadline passed while waiting for the answer")
}

/// The transport broke: whether the call was done is unknown.
pub(super) fn broken(status: Status) -> Status {
    Status::unavailable(status.message().to_owned())
}
