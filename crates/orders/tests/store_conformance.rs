//! What every store of orders must do; each test runs on each backend.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it can't go on"
)]

use std::sync::Arc;
use std::time::Duration;

use orders::model::{FirstEnd, Line, NewOrder, Order, Priced, Reason, Rejection, State};
use orders::store::{
    Advance, Advanced, Caller, Cancel, Cancelled, Claim, Claimed, DeleteBefore, Listing,
    OrderStore, Owner, Record, Recorded, SqliteOrders, StoreError,
};
use shop_types::{
    Currency, CustomerId, IdempotencyKey, Money, OrderId, PaymentMethod, Quantity, Sku,
};
use testkit::TempDir;
use watertight_core::{Clock, Deadline};
use watertight_store::Options;

const START_MS: i64 = 1_763_675_000_000;
const LEASE: Duration = Duration::from_secs(15);

/// A store on a clock that the test moves, and what must outlive it.
struct Backend {
    store: Arc<dyn OrderStore>,
    clock: Clock,
    _dir: TempDir,
}

/// Every implementation, by name. A server's database joins here.
const BACKENDS: &[(&str, Make)] = &[("sqlite", sqlite)];

/// Makes an empty one.
type Make = fn() -> Backend;

fn sqlite() -> Backend {
    let (dir, clock) = (testkit::temp_dir(), Clock::manual(START_MS));
    let options = Options {
        clock: Some(clock.clone()),
        ..Options::new(dir.path())
    };
    Backend {
        store: Arc::new(SqliteOrders::open(options).unwrap()),
        clock,
        _dir: dir,
    }
}

/// Makes a test of a function of a backend.
macro_rules! conformance {
    ($($name:ident),* $(,)?) => {$(
        #[watertight::test]
        async fn $name() {
            for (name, backend) in BACKENDS {
                eprintln!("backend {name}");
                let backend = backend();
                contract::$name(&backend).await;
                backend.store.close().await;
            }
        }
    )*};
}

conformance!(
    a_record_comes_back_as_it_went,
    a_key_stands_for_one_body,
    of_a_hundred_twins_one_is_new,
    a_caller_that_left_records_nothing,
    steps_carry_an_order_to_its_end,
    a_step_may_be_repeated,
    a_stale_fence_is_a_conflict,
    a_confirmation_does_not_run_over_a_cancellation,
    the_first_end_is_kept_for_good,
    cancelling_depends_on_where_the_saga_is,
    a_lease_is_claimed_when_it_ran_out_or_is_ones_own,
    leases_of_others_can_be_ended_in_batches,
    the_unfinished_are_found_oldest_lease_first,
    lists_are_newest_first_and_by_customer,
    old_keys_go_in_batches,
    old_orders_go_once_they_are_finished,
    a_key_stays_while_its_order_is_under_way,
    an_order_stays_as_long_as_its_key_must,
    a_key_whose_order_is_gone_is_free,
);

fn soon() -> Deadline {
    Deadline::after(testkit::LIVENESS)
}

fn line(sku: &str, quantity: i64, minor: Option<i64>) -> Line {
    Line {
        sku: Sku::new(sku).unwrap(),
        quantity: Quantity::new(quantity).unwrap(),
        unit_price: minor.map(|minor| Money::new(minor, Currency::EUR)),
    }
}

fn new_order(key: &str, customer: &str) -> NewOrder {
    NewOrder {
        key: IdempotencyKey::new(key).unwrap(),
        customer: CustomerId::new(customer).unwrap(),
        lines: Arc::from([line("tea", 2, None), line("jam", 1, None)]),
        payment_method: PaymentMethod::new("pm_card_ok").unwrap(),
    }
}

impl Backend {
    async fn record(&self, key: &str, body: u8, owner: Owner) -> Recorded {
        let (_caller, ticket) = Caller::new();
        let id = OrderId::at(self.clock.now_ms());
        let new = new_order(key, "ada");
        let record = Record {
            id,
            new,
            fingerprint: [body; 32],
            owner,
            lease: LEASE,
            ticket,
            trace: None,
        };
        self.store.record(soon(), record).await.unwrap()
    }

    async fn order(&self, key: &str, owner: Owner) -> Order {
        let recorded = self.record(key, 1, owner).await;
        let Recorded::New(order) = recorded else {
            panic!("{recorded:?}");
        };
        order
    }

    async fn stored(&self, id: OrderId) -> Order {
        self.store.order(soon(), id).await.unwrap().unwrap()
    }

    async fn claim(&self, ids: &[OrderId], owner: Owner) -> Vec<Claimed> {
        let claim = Claim {
            ids: ids.to_vec(),
            owner,
            lease: LEASE,
        };
        let claims = self.store.claim(soon(), claim).await.unwrap();
        assert_eq!(claims.corrupt, []);
        claims.orders
    }

    async fn cancel(&self, id: OrderId, owner: Owner) -> Cancelled {
        self.store
            .cancel(
                soon(),
                Cancel {
                    id,
                    owner,
                    lease: LEASE,
                },
            )
            .await
            .unwrap()
    }

    /// One step from where the order stands, under `fence`.
    async fn step(&self, id: OrderId, fence: i64, to: State) -> Advanced {
        let version = self.stored(id).await.version;
        self.store
            .advance(soon(), step(id, fence, version, to))
            .await
            .unwrap()
    }

    async fn confirm(&self, id: OrderId) {
        for to in [
            State::Reserved,
            State::Authorized,
            State::Captured,
            State::Confirmed,
        ] {
            self.step(id, 1, to).await;
        }
    }

    async fn list(
        &self,
        customer: Option<&str>,
        after: Option<OrderId>,
        limit: u32,
    ) -> Vec<OrderId> {
        let customer = customer.map(|customer| CustomerId::new(customer).unwrap());
        let listing = Listing {
            customer,
            after,
            limit,
        };
        let orders = self.store.list(soon(), listing).await.unwrap();
        orders.into_iter().map(|order| order.id).collect()
    }
}

fn step(id: OrderId, fence: i64, version: i64, to: State) -> Advance {
    let priced = (to == State::Reserved).then(|| Priced {
        lines: Arc::from([line("tea", 2, Some(100)), line("jam", 1, Some(250))]),
        total: Money::new(450, Currency::EUR),
    });
    let rejection = (to == State::Rejected).then(|| Rejection::new(Reason::OutOfStock, "jam"));
    Advance {
        id,
        fence,
        version,
        to,
        priced,
        rejection,
    }
}

/// The contract, a function for each clause.
mod contract {
    use super::*;

    pub(super) async fn a_record_comes_back_as_it_went(backend: &Backend) {
        let order = backend.order("k", Owner::random()).await;
        assert_eq!(order.state, State::Recorded);
        assert_eq!((order.version, order.created_ms), (1, START_MS));
        assert_eq!(order.lines[..], new_order("k", "ada").lines[..]);
        assert_eq!(backend.stored(order.id).await, order);
        let key = IdempotencyKey::new("k").unwrap();
        let kept = backend.store.by_key(soon(), key).await.unwrap().unwrap();
        assert_eq!((kept.fingerprint, kept.order), ([1; 32], order));
        let nobody = OrderId::at(1);
        assert!(backend.store.order(soon(), nobody).await.unwrap().is_none());
    }

    pub(super) async fn a_key_stands_for_one_body(backend: &Backend) {
        let owner = Owner::random();
        let order = backend.order("k", owner).await;
        assert!(matches!(backend.record("k", 1, owner).await,
            Recorded::Known(known) if known.id == order.id));
        assert!(matches!(
            backend.record("k", 2, owner).await,
            Recorded::KeyReused
        ));
        assert_eq!(backend.list(None, None, 10).await, [order.id]);
    }

    pub(super) async fn of_a_hundred_twins_one_is_new(backend: &Backend) {
        let owner = Owner::random();
        let twins = (0..100).map(|_| backend.record("k", 1, owner));
        let recorded = testkit::at_once(twins).await;
        let new = recorded
            .iter()
            .filter(|one| matches!(one, Recorded::New(_)))
            .count();
        let known = recorded
            .iter()
            .filter(|one| matches!(one, Recorded::Known(_)))
            .count();
        assert_eq!((new, known), (1, 99));
        assert_eq!(backend.list(None, None, 10).await.len(), 1);
    }

    pub(super) async fn a_caller_that_left_records_nothing(backend: &Backend) {
        let (caller, ticket) = Caller::new();
        drop(caller);
        let record = Record {
            id: OrderId::at(START_MS),
            new: new_order("k", "ada"),
            fingerprint: [1; 32],
            owner: Owner::random(),
            lease: LEASE,
            ticket,
            trace: None,
        };
        let recorded = backend.store.record(soon(), record).await.unwrap();
        assert!(matches!(recorded, Recorded::CallerLeft));
        assert!(backend.list(None, None, 10).await.is_empty());
        // The key is still free.
        backend.order("k", Owner::random()).await;
    }

    pub(super) async fn steps_carry_an_order_to_its_end(backend: &Backend) {
        let owner = Owner::random();
        let id = backend.order("k", owner).await.id;
        backend.clock.advance(Duration::from_millis(5));
        let done = backend.step(id, 1, State::Reserved).await;
        let updated_ms = START_MS + 5;
        assert_eq!(
            done,
            Advanced::Done {
                updated_ms,
                cancel_requested: false
            }
        );
        let order = backend.stored(id).await;
        assert_eq!((order.state, order.version), (State::Reserved, 2));
        assert_eq!((order.created_ms, order.updated_ms), (START_MS, updated_ms));
        assert_eq!(order.total, Some(Money::new(450, Currency::EUR)));
        assert_eq!(
            order.lines[1].unit_price,
            Some(Money::new(250, Currency::EUR))
        );

        // The payment method is there until the money is held, and not longer.
        let claimed = backend.claim(&[id], owner).await;
        assert_eq!(
            claimed[0].payment_method.as_ref().unwrap().as_str(),
            "pm_card_ok"
        );
        backend.step(id, 2, State::Authorized).await;
        assert!(
            backend.claim(&[id], owner).await[0]
                .payment_method
                .is_none()
        );
        backend.step(id, 3, State::Captured).await;
        backend.step(id, 3, State::Confirmed).await;
        assert_eq!(backend.stored(id).await.state, State::Confirmed);
        assert!(
            backend.claim(&[id], owner).await.is_empty(),
            "an end has no lease"
        );

        let id = backend.order("other", owner).await.id;
        backend.step(id, 1, State::Rejected).await;
        let rejection = backend.stored(id).await.rejection;
        assert_eq!(rejection, Some(Rejection::new(Reason::OutOfStock, "jam")));
    }

    pub(super) async fn a_step_may_be_repeated(backend: &Backend) {
        let id = backend.order("k", Owner::random()).await.id;
        let advance = step(id, 1, 1, State::Reserved);
        let first = backend
            .store
            .advance(soon(), advance.clone())
            .await
            .unwrap();
        backend.clock.advance(Duration::from_millis(5));
        assert_eq!(backend.store.advance(soon(), advance).await.unwrap(), first);
        assert_eq!(backend.stored(id).await.version, 2);
    }

    pub(super) async fn a_stale_fence_is_a_conflict(backend: &Backend) {
        let (first, second) = (Owner::random(), Owner::random());
        let id = backend.order("k", first).await.id;
        backend.clock.advance(LEASE);
        let claimed = backend.claim(&[id], second).await;
        assert_eq!(claimed[0].fence, 2);
        for stale in [
            step(id, 1, 1, State::Reserved),
            step(id, 3, 1, State::Reserved),
        ] {
            let refused = backend.store.advance(soon(), stale).await;
            assert!(
                matches!(refused, Err(StoreError::Conflict(_))),
                "{refused:?}"
            );
        }
        // So is a version that is not the order's, under the right fence.
        let stale = backend
            .store
            .advance(soon(), step(id, 2, 7, State::Reserved))
            .await;
        assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");
        assert_eq!(backend.stored(id).await.state, State::Recorded);
        backend.step(id, 2, State::Reserved).await;
        let gone = step(OrderId::at(1), 1, 1, State::Reserved);
        let refused = backend.store.advance(soon(), gone).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }

    pub(super) async fn a_confirmation_does_not_run_over_a_cancellation(backend: &Backend) {
        let owner = Owner::random();
        let id = backend.order("k", owner).await.id;
        for to in [State::Reserved, State::Authorized, State::Captured] {
            backend.step(id, 1, to).await;
        }
        assert!(matches!(
            backend.cancel(id, owner).await,
            Cancelled::Noted(_)
        ));
        assert_eq!(
            backend.step(id, 1, State::Confirmed).await,
            Advanced::CancelCame
        );
        let order = backend.stored(id).await;
        assert_eq!(
            (order.state, order.cancel_requested),
            (State::Captured, true)
        );
        let back = backend.step(id, 1, State::Refunding).await;
        assert!(matches!(
            back,
            Advanced::Done {
                cancel_requested: true,
                ..
            }
        ));
    }

    pub(super) async fn the_first_end_is_kept_for_good(backend: &Backend) {
        let owner = Owner::random();
        let id = backend.order("confirmed", owner).await.id;
        for to in [State::Reserved, State::Authorized, State::Captured] {
            backend.step(id, 1, to).await;
            assert_eq!(backend.stored(id).await.first_end, None, "{to:?}");
        }
        backend.clock.advance(Duration::from_millis(5));
        backend.step(id, 1, State::Confirmed).await;
        let told = backend.stored(id).await;
        let confirmed = FirstEnd {
            state: State::Confirmed,
            version: 5,
            updated_ms: START_MS + 5,
        };
        assert_eq!(told.first_end, Some(confirmed));
        assert_eq!(told.at_first_end(), None, "it stands there");

        backend.clock.advance(Duration::from_millis(5));
        let repeated = step(id, 1, 4, State::Confirmed);
        backend.store.advance(soon(), repeated).await.unwrap();
        let Cancelled::Reopened(claimed) = backend.cancel(id, owner).await else {
            panic!()
        };
        assert_eq!(claimed.order.at_first_end().as_ref(), Some(&told));
        for to in [State::Releasing, State::Cancelled] {
            backend.clock.advance(Duration::from_millis(5));
            backend.step(id, claimed.fence, to).await;
            let Recorded::Known(known) = backend.record("confirmed", 1, owner).await else {
                panic!()
            };
            assert_eq!((known.state, known.version > told.version), (to, true));
            assert_eq!(known.at_first_end().as_ref(), Some(&told));
        }

        for end in [State::Rejected, State::Cancelled] {
            let id = backend.order(end.name(), owner).await.id;
            backend.step(id, 1, end).await;
            let order = backend.stored(id).await;
            let first = order.first_end.unwrap();
            assert_eq!((first.state, first.version), (end, order.version));
            assert_eq!(first.updated_ms, order.updated_ms);
            assert_eq!(order.at_first_end(), None);
        }
    }

    pub(super) async fn cancelling_depends_on_where_the_saga_is(backend: &Backend) {
        let (owner, other) = (Owner::random(), Owner::random());
        assert!(matches!(
            backend.cancel(OrderId::at(1), owner).await,
            Cancelled::NotFound
        ));

        let going = backend.order("going", owner).await.id;
        for _ in 0..2 {
            let Cancelled::Noted(order) = backend.cancel(going, other).await else {
                panic!()
            };
            assert_eq!((order.version, order.cancel_requested), (1, true));
        }
        // The lease stays with whoever has it.
        backend.step(going, 1, State::Cancelled).await;
        assert!(matches!(
            backend.cancel(going, owner).await,
            Cancelled::Over(_)
        ));

        let confirmed = backend.order("confirmed", owner).await.id;
        backend.confirm(confirmed).await;
        let Cancelled::Reopened(claimed) = backend.cancel(confirmed, other).await else {
            panic!()
        };
        assert_eq!((claimed.order.state, claimed.fence), (State::Refunding, 2));
        assert_eq!(claimed.order.version, 6);
        assert!(matches!(
            backend.cancel(confirmed, other).await,
            Cancelled::Noted(_)
        ));
        backend.step(confirmed, 2, State::Releasing).await;

        let rejected = backend.order("rejected", owner).await.id;
        backend.step(rejected, 1, State::Rejected).await;
        let Cancelled::Over(order) = backend.cancel(rejected, owner).await else {
            panic!()
        };
        assert_eq!(
            (order.state, order.cancel_requested),
            (State::Rejected, false)
        );
    }

    pub(super) async fn a_lease_is_claimed_when_it_ran_out_or_is_ones_own(backend: &Backend) {
        let (mine, other) = (Owner::random(), Owner::random());
        let id = backend.order("k", mine).await.id;
        assert!(
            backend.claim(&[id], other).await.is_empty(),
            "the lease runs"
        );
        let claimed = backend.claim(&[id], mine).await;
        assert_eq!((claimed.len(), claimed[0].fence), (1, 2));
        backend.clock.advance(LEASE - Duration::from_millis(1));
        assert!(backend.claim(&[id], other).await.is_empty(), "not yet");
        backend.clock.advance(Duration::from_millis(1));
        assert_eq!(
            backend.claim(&[id, OrderId::at(1)], other).await[0].fence,
            3
        );
    }

    pub(super) async fn leases_of_others_can_be_ended_in_batches(backend: &Backend) {
        let (mine, other) = (Owner::random(), Owner::random());
        let own = backend.order("own", mine).await.id;
        let mut ids = Vec::new();
        for i in 0..5 {
            ids.push(backend.order(&format!("k{i}"), other).await.id);
        }
        let mut ended = Vec::new();
        for _ in 0..3 {
            ended.push(backend.store.expire_leases(soon(), mine, 3).await.unwrap());
        }
        assert_eq!(ended, [3, 2, 0]);
        assert_eq!(backend.claim(&ids, mine).await.len(), 5);
        assert!(
            backend.claim(&[own], other).await.is_empty(),
            "one's own goes on"
        );
    }

    pub(super) async fn the_unfinished_are_found_oldest_lease_first(backend: &Backend) {
        let owner = Owner::random();
        let mut ids = Vec::new();
        for i in 0..3 {
            ids.push(backend.order(&format!("k{i}"), owner).await.id);
            backend.clock.advance(Duration::from_secs(1));
        }
        backend.claim(&ids[..1], owner).await;
        let unfinished = backend.store.unfinished(soon(), 10).await.unwrap();
        let found: Vec<_> = unfinished.orders.iter().map(|order| order.id).collect();
        assert_eq!(found, [ids[1], ids[2], ids[0]]);
        assert!(unfinished.orders.iter().all(|order| order.owner == owner));
        assert_eq!(unfinished.orders[0].lease_until_ms, START_MS + 16_000);
        assert_eq!(unfinished.oldest_ms, Some(START_MS));
        let bounded = backend.store.unfinished(soon(), 1).await.unwrap();
        assert_eq!(
            (bounded.orders.len(), bounded.oldest_ms),
            (1, Some(START_MS))
        );
        for (id, fence) in ids.into_iter().zip([2, 1, 1]) {
            backend.step(id, fence, State::Rejected).await;
        }
        let none = backend.store.unfinished(soon(), 10).await.unwrap();
        assert_eq!((none.orders.len(), none.oldest_ms), (0, None));
    }

    pub(super) async fn lists_are_newest_first_and_by_customer(backend: &Backend) {
        let mut ids = Vec::new();
        for i in 0..6 {
            let (_caller, ticket) = Caller::new();
            let customer = if i % 2 == 0 { "even" } else { "odd" };
            let record = Record {
                id: OrderId::at(START_MS + i),
                new: new_order(&format!("k{i}"), customer),
                fingerprint: [1; 32],
                owner: Owner::random(),
                lease: LEASE,
                ticket,
                trace: None,
            };
            ids.push(record.id);
            backend.store.record(soon(), record).await.unwrap();
        }
        assert_eq!(backend.list(None, None, 2).await, [ids[5], ids[4]]);
        assert_eq!(backend.list(None, Some(ids[4]), 2).await, [ids[3], ids[2]]);
        assert_eq!(
            backend.list(Some("even"), None, 9).await,
            [ids[4], ids[2], ids[0]]
        );
        assert_eq!(backend.list(Some("even"), Some(ids[2]), 9).await, [ids[0]]);
        assert!(backend.list(Some("nobody"), None, 9).await.is_empty());
        assert!(backend.list(None, Some(ids[0]), 9).await.is_empty());
    }

    pub(super) async fn old_keys_go_in_batches(backend: &Backend) {
        let owner = Owner::random();
        for i in 0..5 {
            let id = backend.order(&format!("old{i}"), owner).await.id;
            backend.step(id, 1, State::Rejected).await;
        }
        backend.clock.advance(Duration::from_secs(1));
        let young = backend.order("young", owner).await.id;
        let before_ms = START_MS + 1_000;
        let mut deleted = Vec::new();
        for _ in 0..3 {
            let step = DeleteBefore {
                before_ms,
                limit: 3,
            };
            deleted.push(backend.store.delete_keys(soon(), step).await.unwrap());
        }
        assert_eq!(deleted, [3, 2, 0]);
        assert!(matches!(backend.record("young", 1, owner).await,
            Recorded::Known(known) if known.id == young));
        assert!(matches!(
            backend.record("old0", 2, owner).await,
            Recorded::New(_)
        ));
    }

    pub(super) async fn old_orders_go_once_they_are_finished(backend: &Backend) {
        let owner = Owner::random();
        let mut ids = Vec::new();
        for i in 0..4 {
            ids.push(backend.order(&format!("k{i}"), owner).await.id);
        }
        for id in &ids[..3] {
            backend.step(*id, 1, State::Rejected).await;
        }
        backend.clock.advance(Duration::from_secs(1));
        let young = backend.order("young", owner).await.id;
        backend.step(young, 1, State::Rejected).await;
        let mut deleted = Vec::new();
        for _ in 0..3 {
            let step = DeleteBefore {
                before_ms: START_MS + 1_000,
                limit: 2,
            };
            deleted.push(backend.store.delete_orders(soon(), step).await.unwrap());
        }
        assert_eq!(deleted, [2, 1, 0]);
        assert_eq!(backend.list(None, None, 9).await, [young, ids[3]]);
    }

    pub(super) async fn a_key_stays_while_its_order_is_under_way(backend: &Backend) {
        let owner = Owner::random();
        let mut ids = Vec::new();
        for i in 0..6 {
            ids.push(backend.order(&format!("k{i}"), owner).await.id);
        }
        // Those that must stay are the first, and more than one step deletes.
        for id in &ids[4..] {
            backend.step(*id, 1, State::Rejected).await;
        }
        let all = DeleteBefore {
            before_ms: i64::MAX,
            limit: 2,
        };
        assert_eq!(backend.store.delete_keys(soon(), all).await.unwrap(), 2);
        assert_eq!(backend.store.delete_keys(soon(), all).await.unwrap(), 0);
        for (i, id) in ids[..4].iter().enumerate() {
            let again = backend.record(&format!("k{i}"), 1, owner).await;
            assert!(matches!(&again, Recorded::Known(known) if known.id == *id));
        }
        backend.step(ids[0], 1, State::Rejected).await;
        assert_eq!(backend.store.delete_keys(soon(), all).await.unwrap(), 1);
    }

    /// The id is made before the record is queued, so it is older than the key.
    pub(super) async fn an_order_stays_as_long_as_its_key_must(backend: &Backend) {
        let (owner, (_caller, ticket)) = (Owner::random(), Caller::new());
        let id = OrderId::at(START_MS);
        backend.clock.advance(Duration::from_secs(5));
        let record = Record {
            id,
            new: new_order("k", "ada"),
            fingerprint: [1; 32],
            owner,
            lease: LEASE,
            ticket,
            trace: None,
        };
        backend.store.record(soon(), record).await.unwrap();
        backend.step(id, 1, State::Rejected).await;
        let before = |before_ms| DeleteBefore {
            before_ms,
            limit: 9,
        };
        for (before_ms, deleted) in [(START_MS + 5_000, 0), (START_MS + 5_001, 1)] {
            let (keys, orders) = (before(before_ms), before(before_ms));
            let keys = backend.store.delete_keys(soon(), keys).await.unwrap();
            let orders = backend.store.delete_orders(soon(), orders).await.unwrap();
            assert_eq!((keys, orders), (deleted, deleted));
        }
    }

    /// Keys and orders are deleted by separate steps, in any order.
    pub(super) async fn a_key_whose_order_is_gone_is_free(backend: &Backend) {
        let owner = Owner::random();
        let id = backend.order("k", owner).await.id;
        backend.step(id, 1, State::Rejected).await;
        let all = DeleteBefore {
            before_ms: i64::MAX,
            limit: 9,
        };
        assert_eq!(backend.store.delete_orders(soon(), all).await.unwrap(), 1);
        // With the same body or with another.
        let Recorded::New(second) = backend.record("k", 2, owner).await else {
            panic!("the key is free")
        };
        assert_ne!(second.id, id);
        let again = backend.record("k", 2, owner).await;
        assert!(matches!(again, Recorded::Known(known) if known.id == second.id));
        let other = backend.record("k", 1, owner).await;
        assert!(matches!(other, Recorded::KeyReused), "{other:?}");
    }
}
