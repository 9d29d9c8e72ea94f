//! Whoever nobody works on is found here.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shop_types::OrderId;
use watertight_core::{Deadline, Value};

use super::Refused;
use super::job::{Worker, in_span};
use super::orders::Orders;
use super::trouble::Change;
use crate::store::{Claim, Claimed, Unfinished};

/// How long one sweep may take; the next one goes on.
const SWEEP_MAX: Duration = Duration::from_secs(10);

impl Orders {
    /// What must be done again and again: [`Orders::take_over`] until it has
    /// worked once, then [`Orders::sweep`]. A failure is logged when it begins
    /// and when it ends; the next call tries again.
    ///
    /// # Cancel safety
    ///
    /// Safe: the next call goes on.
    pub async fn tend(&self) {
        let taken_over = &self.inner.taken_over;
        let tended = if taken_over.load(Ordering::Acquire) {
            self.sweep().await
        } else {
            let done = self.take_over().await;
            taken_over.store(done.is_ok(), Ordering::Release);
            done
        };
        match (self.inner.tend_fails.note(tended.is_err()), tended) {
            (Some(Change::Fails), Err(error)) => {
                tracing::warn!(%error, source = ?error.source(), "sweeps fail, each tries again");
            }
            (Some(Change::Works), _) => tracing::info!("sweeps work again"),
            _ => {}
        }
    }

    /// Ends the leases that an earlier process left behind, then sweeps.
    ///
    /// Only for a process that knows that it is alone on its store, as a locked
    /// directory says. Everybody else waits until leases run out by themselves.
    ///
    /// # Errors
    ///
    /// [`Refused::Store`], retryable.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was not ended runs out by itself.
    pub async fn take_over(&self) -> Result<(), Refused> {
        let (deadline, parts) = (Deadline::after(SWEEP_MAX), &self.inner.parts);
        let batch = parts.settings.claim_batch.max(1);
        let full = usize::try_from(batch).unwrap_or(usize::MAX);
        while parts
            .store
            .expire_leases(deadline, self.inner.owner, batch)
            .await?
            >= full
        {}
        self.sweep().await
    }

    /// Claims orders that nobody works on, and begins a job for each: those whose
    /// lease has run out, and those of this very process that have no job.
    ///
    /// # Limits
    ///
    /// As many as there are free jobs, but at most half of all jobs, in steps of
    /// `claim_batch`. Orders that were found corrupt are left alone.
    ///
    /// # Errors
    ///
    /// [`Refused::Store`], retryable: the next sweep goes on.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was claimed without a job is found by the next sweep.
    pub async fn sweep(&self) -> Result<(), Refused> {
        let deadline = Deadline::after(SWEEP_MAX);
        let (inner, batch) = (&self.inner, self.inner.parts.settings.claim_batch.max(1));
        let full = usize::try_from(batch).unwrap_or(usize::MAX);
        loop {
            // Rows of running jobs and corrupt ones may come first; with this bound
            // others are seen too.
            let first = inner.desk.jobs_max().max(inner.desk.jobs()) + inner.corrupt.len();
            let first = u32::try_from(first).unwrap_or(u32::MAX);
            let limit = first.saturating_add(batch);
            let unfinished = inner.parts.store.unfinished(deadline, limit).await?;
            let now_ms = inner.now_ms();
            inner
                .meters
                .oldest_unfinished(unfinished.oldest_ms.map_or(0, |ms| now_ms - ms));
            let ids = self.abandoned(&unfinished, now_ms, batch);
            let found = ids.len();
            if found > 0 {
                self.claim(deadline, ids).await?;
            }
            if found < full {
                return Ok(());
            }
        }
    }

    /// The orders that nobody works on, as many as can be worked on now.
    fn abandoned(&self, unfinished: &Unfinished, now_ms: i64, batch: u32) -> Vec<OrderId> {
        let inner = &self.inner;
        let max = inner
            .desk
            .free_slots_to_resume()
            .min(usize::try_from(batch).unwrap_or(usize::MAX));
        let orders = unfinished.orders.iter();
        orders
            .filter(|order| order.owner == inner.owner || order.lease_until_ms <= now_ms)
            .filter(|order| !inner.desk.is_running(order.id))
            .filter(|order| !inner.corrupt.contains(order.id))
            .map(|order| order.id)
            .take(max)
            .collect()
    }

    async fn claim(&self, deadline: Deadline, ids: Vec<OrderId>) -> Result<(), Refused> {
        let inner = &self.inner;
        let claim = Claim {
            ids,
            owner: inner.owner,
            lease: inner.parts.settings.lease(),
        };
        let claims = inner.parts.store.claim(deadline, claim).await?;
        for (order, why) in claims.corrupt {
            inner.leave_alone(order, &why);
        }
        for claimed in claims.orders {
            inner.meters.claimed.increment(1);
            self.resume(claimed);
        }
        Ok(())
    }

    /// Without a free slot, or with a job of somebody quicker, it is left for the
    /// next sweep.
    fn resume(&self, claimed: Claimed) {
        let inner = &self.inner;
        let job = inner
            .desk
            .slot_to_resume()
            .and_then(|slot| inner.desk.begin(claimed.order.id, slot));
        if let Some(job) = job {
            // In the trace of the request that asked for it, which was written down
            // with the order: the process that began it may be gone.
            let mut span = inner.parts.scope.job_in("saga", claimed.trace);
            span.set("order.id", Value::shown(claimed.order.id));
            span.set("saga.resumed", true);
            let scope = span.scope().clone();
            let worker = Worker::new(Arc::clone(inner), job, claimed, true);
            scope.spawn("saga", in_span(span, worker.run()));
        }
    }
}
