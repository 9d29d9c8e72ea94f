//! The sweeper's second walk: payments that are in doubt are looked at again.

use shop_types::OrderId;
use watertight_core::{Deadline, join_all};

use super::{Failure, Resumed, SETTLE_TIME, Sweeper, sweep::SIDE_BY_SIDE};
use crate::series::CHECKS;
use crate::{
    domain::{Call, Entry, Finding, Payment, State, look_again},
    store::Change,
};

impl Sweeper {
    /// Looks at payments with discrepancies whose check is due, a bounded batch
    /// of them, and returns what was taken beyond the amount.
    ///
    /// # Errors
    ///
    /// [`Failure::Store`] if they can't be listed. A look without an answer
    /// counts as one that doesn't agree.
    ///
    /// # Cancel safety
    ///
    /// Safe: a look that isn't written down is made again.
    ///
    /// # Metrics
    ///
    /// `payments_checks_total{outcome}`: `again`, `agreed`, `surplus`, `short`
    /// and `given_up` (both for people), `busy`, or why it failed.
    pub async fn check_doubted(&self) -> Result<Resumed, Failure> {
        let deadline = Deadline::after(self.settings.sweep_time_max);
        let store = &self.payments.inner.store;
        let (now_ms, limit) = (store.now_ms(), self.settings.intents_max);
        let due = store.doubted(deadline, now_ms, limit).await?;
        let mut checked = Resumed::default();
        let check = |order| self.check_one(deadline, order);
        for settled in join_all(SIDE_BY_SIDE, due.into_iter().map(check)).await {
            checked.seen += 1;
            checked.settled += u32::from(settled);
        }
        Ok(checked)
    }

    /// Looks at one payment; true if it is in doubt no more.
    async fn check_one(&self, deadline: Deadline, order: OrderId) -> bool {
        let outcome = self.try_check(deadline, order).await;
        let (word, settled) = match &outcome {
            Ok(None) => ("busy", false),
            Ok(Some(finding)) => (word(*finding), *finding == Finding::Agreed),
            Err(failure) => {
                if !failure.is_logged_by_store() {
                    tracing::warn!(%order, %failure, "payment can't be checked yet");
                }
                (failure.word(), false)
            }
        };
        CHECKS.with([word]).increment(1);
        settled
    }

    async fn try_check(
        &self,
        deadline: Deadline,
        order: OrderId,
    ) -> Result<Option<Finding>, Failure> {
        let inner = &self.payments.inner;
        if deadline.has_passed() {
            return Ok(None);
        }
        let Some(_turn) = inner.turns.try_take(order) else {
            return Ok(None);
        };
        // Read again: it may have moved on between the listing and our turn.
        let doubted = self.payments.get(deadline, order).await?.filter(is_due);
        let Some(before) = doubted else {
            return Ok(None);
        };
        let until = deadline.min(Deadline::after(inner.limits.provider_time_max));
        let reply = inner.provider.call(until, order, Call::Look).await.ok();
        let (now_ms, wait_min) = (inner.store.now_ms(), inner.limits.check_wait_min);
        let (after, finding) = look_again(&before, reply.as_ref(), now_ms, wait_min);
        let entry = Entry::between(&before, &after);
        let change = Change { after, entry };
        let until = Deadline::after(SETTLE_TIME);
        let after = inner.store.settle(until, change).await?;
        tell(&after, finding);
        if finding == Finding::Surplus {
            self.payments.bring_to_end(deadline, after).await?;
        }
        Ok(Some(finding))
    }
}

fn is_due(payment: &Payment) -> bool {
    payment.state == State::Captured && payment.surplus == 0 && payment.check.is_some()
}

fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Again => "again",
        Finding::Agreed => "agreed",
        Finding::Surplus => "surplus",
        Finding::Short => "short",
        Finding::GivenUp => "given_up",
    }
}

/// Tells people what only they can put right.
fn tell(after: &Payment, finding: Finding) {
    let what = match finding {
        Finding::Again | Finding::Agreed | Finding::Surplus => return,
        Finding::Short => "less is left than was asked for, and can't be taken again",
        Finding::GivenUp => "the provider never says the same twice; it is checked no more",
    };
    tracing::error!(
        order = %after.order,
        what,
        due = after.due(),
        captured = after.captured,
        refunded = after.refunded,
        "somebody has to see to a payment"
    );
}
