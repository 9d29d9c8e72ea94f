//! The saga against a hostile world: whatever is lost, late, refused, cancelled
//! or cut off by a crash, it ends, and what it leaves behind is in order.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may stop where it can't go on, and picks the fates it means"
)]

#[path = "common/world.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod world;

use std::sync::Arc;
use std::time::Duration;

use orders::model::{Line, Order, State};
use orders::service::{After, Call, Next, Reply, Saga, Step};
use proptest::prelude::*;
use shop_types::{CustomerId, OrderId, Quantity, Sku};
use world::{Asked, Books, Goods, Purse, World};

const FORWARD_MAX: Duration = Duration::from_secs(120);

/// What happens to one call, and beside it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It arrives, and so does its answer.
    Fine,
    /// It arrives, its answer doesn't.
    ReplyLost,
    /// It never arrives.
    RequestLost,
    /// It arrives much later: when it is `Thaw`'s turn, or at the very end.
    Frozen,
    /// All that is frozen arrives now; then as `Fine`.
    Thaw,
    /// The process dies after the answer, before the step is durable.
    CrashAfterReply,
    /// The process dies after the step is durable.
    CrashAfterStep,
    /// The customer cancels before the call.
    Cancel,
    /// The customer cancels between the answer and the step.
    CancelDuring,
    /// The time for going forward is over before the call.
    Late,
    /// The reservation runs out, and somebody buys the rest.
    SoldOut,
    /// The reservation runs out, and the stock is still there.
    RunOut,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Fine),
        3 => Just(Fate::ReplyLost),
        2 => Just(Fate::RequestLost),
        3 => Just(Fate::Frozen),
        1 => Just(Fate::Thaw),
        2 => Just(Fate::CrashAfterReply),
        2 => Just(Fate::CrashAfterStep),
        1 => Just(Fate::Cancel),
        1 => Just(Fate::CancelDuring),
        1 => Just(Fate::Late),
        1 => Just(Fate::SoldOut),
        1 => Just(Fate::RunOut),
    ];
    prop::collection::vec(fate, 0..24)
}

/// What no order can be stopped by.
fn gentle() -> impl Strategy<Value = Vec<Fate>> {
    use Fate::{CrashAfterReply, CrashAfterStep, Fine, Frozen, ReplyLost, RequestLost, Thaw};
    let fates = vec![
        Fine,
        ReplyLost,
        RequestLost,
        Frozen,
        Thaw,
        CrashAfterReply,
        CrashAfterStep,
    ];
    prop::collection::vec(prop::sample::select(fates), 0..24)
}

/// One order, its store and its world.
struct Play {
    world: World,
    /// What is durable.
    order: Order,
    saga: Saga,
    method: &'static str,
    now_ms: i64,
    frozen: Vec<Asked>,
    path: Vec<State>,
}

impl Play {
    fn new(sku: &str, available: i64, method: &'static str) -> Self {
        let line = Line {
            sku: Sku::new(sku).unwrap(),
            quantity: Quantity::new(2).unwrap(),
            unit_price: None,
        };
        let order = Order {
            id: OrderId::at(1),
            customer: CustomerId::new("ada").unwrap(),
            lines: Arc::from([line]),
            total: None,
            state: State::Recorded,
            rejection: None,
            cancel_requested: false,
            created_ms: 0,
            updated_ms: 0,
            version: 1,
            first_end: None,
        };
        let saga = Saga::new(&order, false, FORWARD_MAX);
        let world = World::new(available);
        Self {
            world,
            saga,
            order,
            method,
            now_ms: 0,
            frozen: vec![],
            path: vec![State::Recorded],
        }
    }

    /// Runs to the end, and answers how many calls that took.
    fn run(&mut self, fates: &[Fate]) {
        let mut fates = fates.iter().copied();
        for _ in 0..1_000 {
            let fate = fates.next().unwrap_or(Fate::Fine);
            self.before(fate);
            match self.saga.next(self.now_ms) {
                Next::End => return,
                Next::Step(step) => self.step(&step, fate),
                Next::Call(call) => self.call(call, fate),
            }
        }
        panic!("no end in sight: {:?}", self.path);
    }

    fn before(&mut self, fate: Fate) {
        let id = self.order.id;
        match fate {
            Fate::Cancel if !self.order.state.is_end() => {
                self.order.cancel_requested = true;
                self.saga.cancel();
            }
            Fate::Late => self.now_ms = 120_000,
            Fate::SoldOut => {
                self.world.expire(id);
                self.world
                    .shelves
                    .values_mut()
                    .for_each(|shelf| shelf.available = 0);
            }
            Fate::RunOut => self.world.expire(id),
            Fate::Thaw => self.thaw(),
            _ => {}
        }
    }

    fn call(&mut self, call: Call, fate: Fate) {
        let lines = self.order.lines.to_vec();
        let asked = Asked {
            call,
            id: self.order.id,
            lines,
            method: self.method.to_owned(),
        };
        let reply = match fate {
            Fate::RequestLost => Reply::Unknown,
            Fate::Frozen => {
                self.frozen.push(asked);
                Reply::Unknown
            }
            _ => self.world.take(&asked),
        };
        match fate {
            Fate::CrashAfterReply => return self.crash(),
            Fate::ReplyLost => {
                assert_eq!(self.saga.reply(Reply::Unknown), After::Again);
                return;
            }
            // Durable, but the job isn't told before its next step.
            Fate::CancelDuring => self.order.cancel_requested = true,
            _ => {}
        }
        if let After::Step(step) = self.saga.reply(reply) {
            self.step(&step, fate);
        }
    }

    /// What the store does with a step.
    fn step(&mut self, step: &Step, fate: Fate) {
        if step.to == State::Confirmed && self.order.cancel_requested {
            return self.saga.cancel();
        }
        let from = self.order.state;
        assert!(allowed(from, step.to), "{from:?} → {:?}", step.to);
        self.order.state = step.to;
        self.order.rejection.clone_from(&step.rejection);
        self.order.version += 1;
        self.path.push(step.to);
        if matches!(fate, Fate::CrashAfterStep) {
            return self.crash();
        }
        self.saga.moved(step);
        if self.order.cancel_requested {
            self.saga.cancel();
        }
    }

    /// Somebody else resumes from what is durable.
    fn crash(&mut self) {
        self.saga = Saga::new(&self.order, true, FORWARD_MAX);
    }

    fn thaw(&mut self) {
        for asked in std::mem::take(&mut self.frozen) {
            let _nobody_waits_for_it = self.world.take(&asked);
        }
    }

    /// What the store does when a confirmed order is cancelled.
    fn cancel_confirmed(&mut self) {
        self.order.state = State::Refunding;
        self.order.cancel_requested = true;
        self.path.push(State::Refunding);
        self.crash();
    }

    fn books(&self) -> Books {
        self.world.books(self.order.id)
    }
}

fn allowed(from: State, to: State) -> bool {
    use State::{
        Authorized, Cancelled, Captured, Confirmed, Recorded, Refunding, Rejected, Releasing,
        Reserved, Voiding,
    };
    let next: &[State] = match from {
        Recorded => &[Reserved, Releasing, Rejected, Cancelled],
        Reserved => &[Authorized, Voiding, Releasing],
        Authorized => &[Captured, Voiding],
        Captured => &[Confirmed, Refunding],
        Refunding => &[Releasing, Voiding],
        Voiding => &[Releasing, Refunding],
        Releasing => &[Rejected, Cancelled],
        Confirmed | Rejected | Cancelled => &[],
    };
    next.contains(&to)
}

fn check(play: &Play) {
    let (order, books, path) = (&play.order, play.books(), &play.path);
    assert!(order.state.is_end(), "{path:?}");
    assert!(
        books.captures <= 1 && books.refunds <= books.captures,
        "{books:?} {path:?}"
    );
    match order.state {
        State::Confirmed => {
            assert_eq!((books.captures, books.refunds), (1, 0), "{path:?}");
            assert_eq!(books.purse, Some(Purse::Captured), "{path:?}");
            assert_eq!(books.goods, Some(Goods::Committed), "{path:?}");
            assert!(
                order.rejection.is_none() && !order.cancel_requested,
                "{path:?}"
            );
        }
        State::Rejected => assert!(order.rejection.is_some(), "{path:?}"),
        _ => assert!(
            order.rejection.is_none() && order.cancel_requested,
            "{path:?}"
        ),
    }
    if order.state != State::Confirmed {
        assert!(!books.holds_something(), "{books:?} {path:?}");
        assert_eq!(books.captures, books.refunds, "{path:?}");
        assert!(
            play.world.shelves.values().all(|shelf| shelf.held == 0),
            "{path:?}"
        );
    }
}

fn play() -> impl Strategy<Value = Play> {
    let sku = prop_oneof![8 => Just("tea"), 1 => Just("none"), 1 => Just("gold")];
    let available = prop_oneof![4 => Just(5), 1 => Just(1)];
    let method = prop_oneof![4 => Just("pm_card_ok"), 1 => Just("pm_card_declined")];
    (sku, available, method).prop_map(|(sku, available, method)| Play::new(sku, available, method))
}

impl std::fmt::Debug for Play {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Play")
            .field("lines", &self.order.lines)
            .field("method", &self.method)
            .finish()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_happens_the_end_is_in_order(mut play in play(), fates in fates()) {
        play.run(&fates);
        check(&play);
        // What was on its way all the time arrives now, and changes nothing.
        play.thaw();
        check(&play);
    }

    #[test]
    fn a_confirmed_order_can_be_cancelled_whatever_happens(
        first in gentle(), then in fates(),
    ) {
        let mut play = Play::new("tea", 5, "pm_card_ok");
        play.run(&first);
        prop_assert_eq!(play.order.state, State::Confirmed);
        play.cancel_confirmed();
        play.run(&then);
        prop_assert_eq!(play.order.state, State::Cancelled);
        check(&play);
        play.thaw();
        check(&play);
    }
}

#[test]
fn the_straight_way() {
    let mut play = Play::new("tea", 5, "pm_card_ok");
    play.run(&[]);
    use State::{Authorized, Captured, Confirmed, Recorded, Reserved};
    assert_eq!(
        play.path,
        [Recorded, Reserved, Authorized, Captured, Confirmed]
    );
    check(&play);
}

#[test]
fn a_clear_refusal_ends_at_once_and_a_doubtful_one_releases() {
    let mut clear = Play::new("none", 5, "pm_card_ok");
    clear.run(&[]);
    assert_eq!(clear.path, [State::Recorded, State::Rejected]);
    let mut doubtful = Play::new("none", 5, "pm_card_ok");
    doubtful.run(&[Fate::Frozen]);
    assert_eq!(
        doubtful.path,
        [State::Recorded, State::Releasing, State::Rejected]
    );
}

#[test]
fn a_doubtful_authorize_is_voided() {
    let mut play = Play::new("tea", 5, "pm_card_ok");
    play.run(&[Fate::Fine, Fate::ReplyLost, Fate::Cancel]);
    use State::{Cancelled, Recorded, Releasing, Reserved, Voiding};
    assert_eq!(
        play.path,
        [Recorded, Reserved, Voiding, Releasing, Cancelled]
    );
    check(&play);
}

#[test]
fn a_doubtful_capture_that_happened_is_refunded() {
    let mut play = Play::new("tea", 5, "pm_card_ok");
    play.run(&[Fate::Fine, Fate::Fine, Fate::ReplyLost, Fate::Late]);
    use State::{Authorized, Recorded, Refunding, Rejected, Releasing, Reserved, Voiding};
    let path = [
        Recorded, Reserved, Authorized, Voiding, Refunding, Releasing, Rejected,
    ];
    assert_eq!(play.path, path);
    check(&play);
}

#[test]
fn a_lost_reservation_is_refunded() {
    let mut play = Play::new("tea", 5, "pm_card_ok");
    play.run(&[Fate::Fine, Fate::Fine, Fate::Fine, Fate::SoldOut]);
    use State::{Authorized, Captured, Recorded, Refunding, Rejected, Releasing, Reserved};
    let path = [
        Recorded, Reserved, Authorized, Captured, Refunding, Releasing, Rejected,
    ];
    assert_eq!(play.path, path);
    check(&play);
}

#[test]
fn once_captured_time_no_longer_counts() {
    let mut play = Play::new("tea", 5, "pm_card_ok");
    play.run(&[
        Fate::Fine,
        Fate::Fine,
        Fate::Fine,
        Fate::Late,
        Fate::RequestLost,
    ]);
    assert_eq!(play.order.state, State::Confirmed);
    check(&play);
}
