//! The first of several futures; the others are dropped.

use super::{Branch, branch};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Which of two futures was first, with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first argument's.
    Left(A),
    /// The second argument's.
    Right(B),
}

/// Waits for the first of two futures and drops the other one.
///
/// If both are ready, the first argument wins: put there what ends the waiting.
/// To wait for one of them again, pass `&mut` of a pinned future.
///
/// Why not `tokio::select!`? It hides which of its branches a task waits for, and
/// its branches drop what they had begun without saying so.
///
/// # Cancel safety
///
/// As cancel safe as both: the one that loses is dropped at its current await.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use watertight_core::{Either, race};
///
/// let first = race(std::future::pending::<()>(), async { 7 }).await;
/// assert_eq!(first, Either::Right(7));
/// # });
/// ```
pub async fn race<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let mut a = pin!(branch("race, left", a));
    let mut b = pin!(branch("race, right", b));
    poll_fn(move |cx| {
        if let Poll::Ready(out) = a.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(out));
        }
        b.as_mut().poll(cx).map(Either::Right)
    })
    .await
}

/// Waits for the first of several futures of one kind: its place and its result.
/// The others are dropped. Waits for ever if there are none.
///
/// Each wake-up polls all of them, so this is for tens, not for thousands.
///
/// # Cancel safety
///
/// As cancel safe as all of them.
pub async fn race_all<F: Future>(futures: impl IntoIterator<Item = F>) -> (usize, F::Output) {
    let named = futures.into_iter().map(|fut| Box::pin(branch("race", fut)));
    let mut futures: Vec<std::pin::Pin<Box<Branch<F>>>> = named.collect();
    poll_fn(move |cx| {
        for (place, fut) in futures.iter_mut().enumerate() {
            if let Poll::Ready(out) = fut.as_mut().poll(cx) {
                return Poll::Ready((place, out));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::{pending, ready};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn the_first_argument_wins_a_draw() {
        assert_eq!(race(ready(1), ready(2)).await, Either::Left(1));
        assert_eq!(race_all([ready(1), ready(2)]).await, (0, 1));
    }

    #[tokio::test]
    async fn losers_are_dropped() {
        let (held, mut dropped) = oneshot::channel::<()>();
        let loser = async move {
            let _held = held;
            pending::<()>().await;
        };
        assert_eq!(race(loser, ready(1)).await, Either::Right(1));
        assert!(
            dropped
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
    }

    #[tokio::test]
    async fn none_of_none_is_never_there() {
        assert!(poll!(pin!(race_all::<std::future::Ready<()>>([]))).is_pending());
    }
}
