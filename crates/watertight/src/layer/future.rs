//! A request up to the headers of its response.

use super::ScopeBody;
use super::request::Running;
use crate::server::Answer;
use crate::{Closed, Run};
use http::Response;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project_lite::pin_project! {
    /// The inner service's future under its request's scope; made by
    /// [`super::ScopeService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ScopeFuture<F> {
        #[pin]
        run: Option<Run<F>>,
        answer: Option<Answer>,
        // Moves on into the body.
        running: Option<Running>,
    }

    impl<F> PinnedDrop for ScopeFuture<F> {
        // Dropped before there was an answer: the scope ends before the handler,
        // so that what that owns can learn why.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(running) = this.running {
                running.leave();
                running.scope.enter(|| this.run.set(None));
            }
        }
    }
}

impl<F> ScopeFuture<F> {
    pub(super) fn new(running: Running, fut: F) -> Self
    where
        F: Future,
    {
        Self {
            run: Some(running.scope.run(fut)),
            answer: None,
            running: Some(running),
        }
    }

    pub(super) fn refused(running: Running, answer: Answer) -> Self {
        Self {
            run: None,
            answer: Some(answer),
            running: Some(running),
        }
    }
}

impl<F> fmt::Debug for ScopeFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeFuture")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl<F, R, E> Future for ScopeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body,
{
    type Output = Result<Response<ScopeBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let begun = this.run.is_some();
        let outcome = match this.run.as_mut().as_pin_mut() {
            Some(run) => match run.poll(cx) {
                Poll::Pending => {
                    if let Some(running) = this.running {
                        running.learn_method();
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Ok(answer)) => Ok(answer),
                Poll::Ready(Err(Closed::Deadline)) => Err(Answer::Late),
                Poll::Ready(Err(Closed::Cancelled)) => Err(Answer::Cancelled),
            },
            None => Err(this.answer.take().unwrap_or(Answer::Cancelled)),
        };
        let Some(mut running) = this.running.take() else {
            return Poll::Pending;
        };
        // The handler's future ends here, with everything it borrowed from the
        // request; if it is cut off, not before its scope knows why.
        if begun && let Err(answer) = outcome {
            running.cut_short(answer);
            running.scope.enter(|| this.run.set(None));
            running.note_wasted();
        }
        this.run.set(None);
        Poll::Ready(match outcome {
            Ok(Ok(response)) => {
                running.note_headers(response.headers());
                Ok(response.map(|body| ScopeBody::theirs(body, running)))
            }
            Ok(Err(error)) => {
                running.complete = true;
                Err(error)
            }
            Err(answer) => {
                let response = answer.respond(&running.scope, running.is_grpc(), running.head);
                running.answered = true;
                Ok(response.map(|body| ScopeBody::ours(body, running)))
            }
        })
    }
}
