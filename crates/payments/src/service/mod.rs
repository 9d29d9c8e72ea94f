//! The rules of payments: when the provider is called, and what is written down
//! before and after.
//!
//! Every call goes the same way:
//!
//! 1. take the order's turn;
//! 2. decide, and write the intent down, in one durable step;
//! 3. call the provider;
//! 4. write down what came of it, and book it, in one durable step.
//!
//! Whoever is stopped between 2 and 4 (a caller that leaves, a crash, an answer
//! that never comes) leaves an intent standing. The next call for the order or
//! the sweeper resumes it at step 3; the provider knows the order's reference,
//! so nothing happens twice.

mod failure;
mod provider;
mod recheck;
mod sweep;
mod turns;
mod words;

use std::{sync::Arc, time::Duration};

use shop_types::OrderId;
use watertight_core::{Deadline, Faults};
use watertight_store::StoreError;

use self::turns::Turns;
pub use self::{
    failure::Failure,
    provider::{OutcomeUnknown, Provider},
    sweep::{Resumed, Sweeper, SweeperSettings},
    turns::TooMany,
};
use crate::series::{ASKS, DISCREPANCIES};
use crate::{
    domain::{
        ANOTHER_AMOUNT, Ask, Call, Check, Decision, Entry, Payment, Phase, Verdict, decide, settle,
    },
    store::{Change, PaymentStore},
};

/// What is kept back of a caller's deadline to write down the provider's answer
/// and to say so.
const RECORD_MARGIN: Duration = Duration::from_millis(50);

/// How long the result may wait for the store. Not cut to the caller's
/// deadline: a handler that is still polled when the provider answered late
/// should keep what it said, rather than leave it to the sweeper. It doesn't
/// outlive the caller: a handler that is dropped leaves the intent standing.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// How often one call may find another intent standing and bring it to its end.
/// Two suffice (void finds a capture; capture finds an authorisation).
const ROUNDS_MAX: u32 = 3;

/// Bounds of the service.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for one call to the provider, all attempts together.
    pub provider_time_max: Duration,
    /// Calls that hold or await an order's turn; one more is refused.
    pub in_flight_max: usize,
    /// How long a payment that is in doubt waits for its first check; each
    /// further one waits twice as long, an hour at most.
    pub check_wait_min: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            provider_time_max: Duration::from_millis(1_500),
            in_flight_max: 512,
            check_wait_min: Duration::from_secs(3),
        }
    }
}

/// The payments of all orders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Payments {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn PaymentStore>,
    provider: Arc<dyn Provider>,
    turns: Turns,
    limits: Limits,
    faults: Faults,
}

impl Payments {
    /// Payments over a store and a provider; `faults` names the crash points
    /// `payments.{authorize,capture,void,refund}.{intent,replied}`.
    #[must_use]
    pub fn new(
        store: Arc<dyn PaymentStore>,
        provider: Arc<dyn Provider>,
        limits: Limits,
        faults: Faults,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                provider,
                turns: Turns::new(limits.in_flight_max),
                limits,
                faults,
            }),
        }
    }

    /// Does what is asked, once, and returns the payment as it stands then.
    ///
    /// # Errors
    ///
    /// [`Failure`]; all but refusals may be repeated.
    ///
    /// # Cancel safety
    ///
    /// Safe at every await. Dropped before the intent is written down, nothing
    /// has happened. Dropped later, the intent stands, the provider may or may
    /// not have acted, and the next call or the sweeper finds out and goes on.
    pub async fn ask(&self, deadline: Deadline, ask: Ask) -> Result<Payment, Failure> {
        let word = words::ask(&ask.what);
        let outcome = self.take_turn_and_ask(deadline, ask).await;
        let end = outcome.as_ref().map_or_else(Failure::word, |_| "ok");
        ASKS.with([word, end]).increment(1);
        outcome
    }

    /// The payment of one order.
    ///
    /// # Errors
    ///
    /// [`Failure::Store`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn get(
        &self,
        deadline: Deadline,
        order: OrderId,
    ) -> Result<Option<Payment>, Failure> {
        Ok(self.inner.store.get(deadline, order).await?)
    }

    /// Up to `limit` payments after `after`, by order id.
    ///
    /// # Errors
    ///
    /// [`Failure::Store`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn list(
        &self,
        deadline: Deadline,
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<Vec<Payment>, Failure> {
        Ok(self.inner.store.list(deadline, after, limit).await?)
    }

    async fn take_turn_and_ask(&self, deadline: Deadline, ask: Ask) -> Result<Payment, Failure> {
        let turn = deadline.run(self.inner.turns.take(ask.order)).await;
        let _turn = turn.map_err(|_passed| Failure::Busy)??;
        for _ in 0..ROUNDS_MAX {
            let decision = self.inner.store.decide(deadline, ask.clone()).await?;
            let intent = match decision {
                Decision::Done(payment) => return Ok(payment),
                Decision::Refused(refusal) => return Err(refusal.into()),
                Decision::Begin(intent) => {
                    self.inner.faults.point(words::intent_written(intent.state));
                    intent
                }
                Decision::Resume(intent) => intent,
            };
            let settled = self.bring_to_end(deadline, intent).await?;
            // Asked again what stands now; only what has to begin anew takes
            // another round through the store.
            match decide(&ask, Some(settled), 0) {
                Decision::Done(payment) => return Ok(payment),
                Decision::Refused(refusal) => return Err(refusal.into()),
                Decision::Begin(_) | Decision::Resume(_) => {}
            }
        }
        Err(OutcomeUnknown(String::from("the provider's answers lead in circles")).into())
    }

    /// Resumes a standing intent until none stands, but gives up on what a
    /// settled intent leaves behind (a surplus to return): its own outcome is
    /// known, and the sweeper sees to the rest.
    async fn bring_to_end(&self, deadline: Deadline, intent: Payment) -> Result<Payment, Failure> {
        let settled = self.resume(deadline, intent).await?;
        if settled.phase() != Phase::Standing {
            return Ok(settled);
        }
        match self.resume(deadline, settled.clone()).await {
            Ok(further) => Ok(further),
            Err(failure) => {
                tracing::warn!(order = %settled.order, state = ?settled.state, %failure,
                    "left to the sweeper");
                Ok(settled)
            }
        }
    }

    /// Makes the call that an intent stands for, and writes down what came of it.
    async fn resume(&self, deadline: Deadline, intent: Payment) -> Result<Payment, Failure> {
        let Some(call) = intent.call() else {
            let what = format!("payment {} has no intent to resume", intent.order);
            return Err(StoreError::Corrupt(what).into());
        };
        let until = deadline
            .less(RECORD_MARGIN)
            .min(Deadline::after(self.inner.limits.provider_time_max));
        let provider = &self.inner.provider;
        let reply = provider.call(until, intent.order, call).await?;
        self.inner.faults.point(words::replied(intent.state));
        let mut verdict = settle(&intent, &reply);
        let mut slips = 0;
        if let Verdict::Open(what) = verdict {
            if what == ANOTHER_AMOUNT {
                DISCREPANCIES.get().increment(1);
                slips = 1;
            }
            verdict = self.look(until, &intent, what).await?;
        }
        let mut after = match verdict {
            Verdict::Clear(after) => after,
            Verdict::Odd { after, what } => self.confirm(until, &intent, &after, what).await?,
            Verdict::Open(why) => return Err(OutcomeUnknown(why.to_owned()).into()),
        };
        after.discrepancies += slips;
        let (now_ms, wait_min) = (self.inner.store.now_ms(), self.inner.limits.check_wait_min);
        after.check = Check::of(&after, now_ms, wait_min);
        let entry = Entry::between(&intent, &after);
        let change = Change { after, entry };
        let until = Deadline::after(SETTLE_TIME);
        Ok(self.inner.store.settle(until, change).await?)
    }

    /// Looks again before an odd answer is believed: a slip in one answer must
    /// not move money. Counts and reports it, whatever is seen then. A surplus
    /// is one if both answers show it; else it is left to the check.
    async fn confirm(
        &self,
        until: Deadline,
        intent: &Payment,
        first: &Payment,
        what: &'static str,
    ) -> Result<Payment, Failure> {
        DISCREPANCIES.get().increment(1);
        match self.look(until, intent, what).await? {
            Verdict::Clear(mut after) | Verdict::Odd { mut after, .. } => {
                after.discrepancies += 1;
                let figures = |p: &Payment| (p.state, p.captured, p.refunded, p.surplus);
                if figures(first) != figures(&after) {
                    after.surplus = 0;
                }
                report(intent, &after, what);
                Ok(after)
            }
            Verdict::Open(why) => Err(OutcomeUnknown(why.to_owned()).into()),
        }
    }

    /// Looks the authorisation up, because an answer was not as it should be.
    async fn look(
        &self,
        until: Deadline,
        intent: &Payment,
        what: &'static str,
    ) -> Result<Verdict, Failure> {
        tracing::warn!(order = %intent.order, state = ?intent.state, what,
            "not the answer that was asked for, looking again");
        let provider = &self.inner.provider;
        let shown = provider.call(until, intent.order, Call::Look).await?;
        Ok(settle(intent, &shown))
    }
}

/// Tells people that the provider's books and ours had to be brought together.
fn report(before: &Payment, after: &Payment, what: &'static str) {
    tracing::error!(
        order = %after.order,
        what,
        asked = ?before.state,
        now = ?after.state,
        due = after.due(),
        captured = after.captured,
        refunded = after.refunded,
        surplus = after.surplus,
        "the provider's answer differs from what was asked"
    );
}

#[cfg(test)]
mod tests;
