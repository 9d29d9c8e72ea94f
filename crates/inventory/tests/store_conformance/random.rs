//! Random steps against a store and against the rules in memory: they agree.

use inventory::model::{Decision, Movement, Pieces, Request, Reservation};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shop_types::Quantity;

use crate::support::*;

const ORDERS: u8 = 5;

#[derive(Clone, Debug)]
enum Action {
    Reserve(u8),
    Commit(u8),
    Release(u8),
    /// Everything that is held runs out.
    Expire,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..ORDERS).prop_map(Action::Reserve),
        3 => (0..ORDERS).prop_map(Action::Commit),
        2 => (0..ORDERS).prop_map(Action::Release),
        1 => Just(Action::Expire),
    ]
}

/// The rules, without a database.
struct Rules {
    pieces: Pieces,
    states: [Option<Reservation>; ORDERS as usize],
}

fn pieces_of(order: u8) -> i64 {
    i64::from(order) + 1
}

impl Rules {
    /// Whether the request is granted.
    fn ask(&mut self, order: u8, request: Request) -> bool {
        let slot = usize::from(order);
        match Reservation::decide(self.states[slot], request) {
            Decision::Same => true,
            Decision::Refuse => false,
            Decision::Mark(state) => {
                self.states[slot] = Some(state);
                true
            }
            Decision::Move(state, movement) => {
                let quantity = Quantity::new(pieces_of(order)).unwrap();
                let Some(after) = self.pieces.moved(movement, quantity) else {
                    assert!(matches!(movement, Movement::Hold | Movement::SellFree));
                    return false;
                };
                self.pieces = after;
                self.states[slot] = Some(state);
                true
            }
        }
    }
}

pub(crate) fn random_steps_follow_the_rules(open: fn() -> Backend) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = (0_i64..8, prop::collection::vec(action(), 1..40));
    let outcome = TestRunner::new(config).run(&steps, |(received, actions)| {
        runtime.block_on(follow(&open(), received, actions))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn follow(b: &Backend, received: i64, actions: Vec<Action>) -> Result<(), TestCaseError> {
    b.stocked("tea", received).await;
    let pieces = Pieces {
        available: received,
        ..Pieces::default()
    };
    let mut rules = Rules {
        pieces,
        states: [None; ORDERS as usize],
    };
    for action in actions {
        let (granted, expected) = match action {
            Action::Reserve(n) => {
                let lines = [line("tea", pieces_of(n))];
                (
                    b.reserve(n, &lines).await.is_ok(),
                    rules.ask(n, Request::Reserve),
                )
            }
            Action::Commit(n) => (b.commit(n).await, rules.ask(n, Request::Commit)),
            Action::Release(n) => {
                b.release(n).await;
                (true, rules.ask(n, Request::Release))
            }
            Action::Expire => {
                b.pass(TTL_MS);
                b.expire(u32::from(ORDERS)).await;
                (true, (0..ORDERS).all(|n| rules.ask(n, Request::Expire)))
            }
        };
        prop_assert_eq!(granted, expected, "{:?}", action);
        prop_assert_eq!(b.stock("tea").await.pieces, rules.pieces);
        prop_assert_eq!(rules.pieces.received(), received);
    }
    Ok(())
}
