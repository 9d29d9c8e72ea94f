//! Both of two futures.

use super::branch;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Waits for both futures.
///
/// # Cancel safety
///
/// As cancel safe as both; a result that was there already is lost.
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let mut a = pin!(branch("join, left", a));
    let mut b = pin!(branch("join, right", b));
    let (mut left, mut right) = (None, None);
    poll_fn(move |cx| {
        if left.is_none()
            && let Poll::Ready(out) = a.as_mut().poll(cx)
        {
            left = Some(out);
        }
        if right.is_none()
            && let Poll::Ready(out) = b.as_mut().poll(cx)
        {
            right = Some(out);
        }
        match (left.take(), right.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (left, right) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits for both futures, or for the first error; the other one is dropped then.
///
/// # Errors
///
/// The first error of the two.
///
/// # Cancel safety
///
/// As cancel safe as both; a result that was there already is lost.
pub async fn try_join<A, B, T, U, E>(a: A, b: B) -> Result<(T, U), E>
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<U, E>>,
{
    let mut a = pin!(branch("try_join, left", a));
    let mut b = pin!(branch("try_join, right", b));
    let (mut left, mut right) = (None, None);
    poll_fn(move |cx| {
        if left.is_none()
            && let Poll::Ready(out) = a.as_mut().poll(cx)
        {
            match out {
                Ok(out) => left = Some(out),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if right.is_none()
            && let Poll::Ready(out) = b.as_mut().poll(cx)
        {
            match out {
                Ok(out) => right = Some(out),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        match (left.take(), right.take()) {
            (Some(a), Some(b)) => Poll::Ready(Ok((a, b))),
            (a, b) => {
                (left, right) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::pending;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn both_are_waited_for_in_any_order() {
        let (first, a) = oneshot::channel();
        let (second, b) = oneshot::channel();
        let mut both = pin!(join(a, b));
        assert!(poll!(both.as_mut()).is_pending());
        second.send(2).unwrap();
        assert!(poll!(both.as_mut()).is_pending());
        first.send(1).unwrap();
        assert_eq!(both.await, (Ok(1), Ok(2)));
    }

    #[tokio::test]
    async fn an_error_ends_the_other() {
        let (held, mut dropped) = oneshot::channel::<()>();
        let other = async move {
            let _held = held;
            pending::<Result<(), &str>>().await
        };
        let failed = try_join(other, async { Err::<(), _>("broken") }).await;
        assert_eq!(failed, Err("broken"));
        assert!(
            dropped
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        assert_eq!(
            try_join(async { Ok::<_, ()>(1) }, async { Ok(2) }).await,
            Ok((1, 2))
        );
    }
}
