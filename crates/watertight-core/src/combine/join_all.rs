//! Many futures of one kind, some of them at a time.

use super::{Branch, branch};
use std::convert::{Infallible, identity};
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::Poll;

/// Runs all futures, at most `limit` at a time, and gives their results in order.
///
/// They run within the calling task: for work that waits, not for work that
/// computes. Each wake-up polls all that have begun, so keep `limit` in the tens.
///
/// Why not `FuturesUnordered`? It keeps the task's waker to itself: which of its
/// futures hangs is invisible, and so is that all of them do.
///
/// # Cancel safety
///
/// As cancel safe as the futures; results that were there already are lost.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::num::NonZeroUsize;
///
/// let two = NonZeroUsize::new(2).unwrap();
/// let squares = watertight_core::join_all(two, (1..=4).map(async |n| n * n)).await;
/// assert_eq!(squares, [1, 4, 9, 16]);
/// # });
/// ```
pub async fn join_all<F: Future>(
    limit: NonZeroUsize,
    futures: impl IntoIterator<Item = F>,
) -> Vec<F::Output> {
    match all(limit, futures, Ok::<_, Infallible>).await {
        Ok(out) => out,
        Err(never) => match never {},
    }
}

/// [`join_all`] until the first error: then all others are dropped, and those that
/// have not begun never do.
///
/// # Errors
///
/// The first error.
///
/// # Cancel safety
///
/// As cancel safe as the futures; results that were there already are lost.
pub async fn try_join_all<F, T, E>(
    limit: NonZeroUsize,
    futures: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    all(limit, futures, identity).await
}

/// Until the first result that `judge` calls an error.
async fn all<F: Future, T, E>(
    limit: NonZeroUsize,
    futures: impl IntoIterator<Item = F>,
    judge: fn(F::Output) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    let mut rest = futures.into_iter();
    let mut running: Vec<(usize, Pin<Box<Branch<F>>>)> = Vec::new();
    let mut results: Vec<Option<T>> = Vec::new();
    poll_fn(|cx| {
        let mut i = 0;
        loop {
            while running.len() < limit.get()
                && let Some(fut) = rest.next()
            {
                running.push((results.len(), Box::pin(branch("join_all", fut))));
                results.push(None);
            }
            let Some((place, fut)) = running.get_mut(i) else {
                break;
            };
            match fut.as_mut().poll(cx).map(judge) {
                Poll::Pending => i += 1,
                Poll::Ready(Ok(out)) => {
                    results[*place] = Some(out);
                    drop(running.swap_remove(i));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        if running.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    })
    .await?;
    Ok(results.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn no_more_than_the_limit_run_at_once_and_order_stays() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let limit = NonZeroUsize::new(3).unwrap();
        let work = |n: usize| {
            let (now, most) = (&now, &most);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                for _ in 0..n % 5 {
                    tokio::task::yield_now().await;
                }
                now.set(now.get() - 1);
                n
            }
        };
        let out = join_all(limit, (0..20).map(work)).await;
        assert_eq!(out, (0..20).collect::<Vec<_>>());
        assert_eq!((now.get(), most.get()), (0, 3));
    }

    #[tokio::test]
    async fn the_first_error_ends_all() {
        let begun = Cell::new(0);
        let limit = NonZeroUsize::new(2).unwrap();
        let work = |n: usize| {
            let begun = &begun;
            async move {
                begun.set(begun.get() + 1);
                if n == 3 { Err(n) } else { Ok(n) }
            }
        };
        assert_eq!(try_join_all(limit, (0..20).map(work)).await, Err(3));
        assert_eq!(begun.get(), 4);
        let none: [std::future::Ready<Result<(), ()>>; 0] = [];
        assert_eq!(try_join_all(limit, none).await, Ok(vec![]));
    }
}
