//! Answers that are not what was asked for.

use super::*;

#[watertight::test]
async fn a_double_capture_is_noticed_and_the_surplus_returned() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([
        shown(Status::Captured, 500, 1_000, 0),
        shown(Status::Captured, 500, 1_000, 0),
        shown(Status::Captured, 500, 1_000, 500),
    ]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!((captured.captured, captured.refunded), (1_000, 500));
    assert_eq!((captured.surplus, captured.discrepancies), (0, 1));
    let refund = Call::Refund { total: Some(500) };
    let capture = Call::Capture { amount: 500 };
    assert_eq!(bench.script.calls(), [capture, Call::Look, refund]);
    assert_eq!(bench.balance(Account::Revenue).await, -500);
    assert_eq!(bench.balance(Account::ProviderReceivable).await, 500);
    assert_eq!(bench.balance(Account::Discrepancies).await, 0);
}

#[watertight::test]
async fn a_surplus_that_can_not_be_returned_yet_is_left_to_the_sweeper() {
    let bench = Bench::new();
    bench.authorized().await;
    let twice = || shown(Status::Captured, 500, 1_000, 0);
    bench.script.then([twice(), twice(), unknown()]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!((captured.state, captured.surplus), (State::Captured, 500));
    assert_eq!(bench.balance(Account::Discrepancies).await, -500);
    bench
        .script
        .then([shown(Status::Captured, 500, 1_000, 500)]);
    assert_eq!(bench.sweep().await.settled, 1);
    assert_eq!(bench.standing().await.surplus, 0);
    assert_eq!(bench.balance(Account::Discrepancies).await, 0);
}

#[watertight::test]
async fn a_slip_in_one_answer_is_counted_and_moves_no_money() {
    let bench = Bench::new();
    bench.authorized().await;
    let right = || shown(Status::Captured, 500, 500, 0);
    bench
        .script
        .then([shown(Status::Captured, 500, 501, 0), right()]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!((captured.captured, captured.discrepancies), (500, 1));
    let capture = Call::Capture { amount: 500 };
    assert_eq!(bench.script.calls(), [capture, Call::Look]);
}

#[watertight::test]
async fn a_slip_in_a_second_look_is_counted_and_moves_no_money() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([
        Ok(Reply::Refused(String::from("busy"))),
        shown(Status::Voided, 500, 0, 0),
        shown(Status::Captured, 500, 500, 0),
    ]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!(captured.state, State::Captured);
    assert_eq!((captured.captured, captured.discrepancies), (500, 1));
    let capture = Call::Capture { amount: 500 };
    assert_eq!(bench.script.calls(), [capture, Call::Look, Call::Look]);
    assert_eq!(bench.balance(Account::ProviderReceivable).await, 500);
}

#[watertight::test]
async fn an_odd_look_that_is_not_seen_again_settles_nothing() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([
        Ok(Reply::Refused(String::from("busy"))),
        shown(Status::Voided, 500, 0, 0),
        shown(Status::Authorized, 500, 0, 0),
    ]);
    let asked = bench.ask(What::Capture).await;
    assert!(matches!(asked, Err(Failure::Unknown(_))), "{asked:?}");
    let standing = bench.standing().await;
    assert_eq!((standing.state, standing.held), (State::Capturing, 500));
}

#[watertight::test]
async fn a_surplus_is_returned_only_if_two_answers_show_it_alike() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([
        shown(Status::Captured, 500, 1_001, 0),
        shown(Status::Captured, 500, 1_000, 0),
    ]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!((captured.state, captured.surplus), (State::Captured, 0));
    let capture = Call::Capture { amount: 500 };
    assert_eq!(bench.script.calls(), [capture, Call::Look]);
    // Lies once more, then says the same twice; only then money moves.
    let twice = || shown(Status::Captured, 500, 1_000, 0);
    bench.script.then([
        twice(),
        shown(Status::Captured, 500, 1_001, 0),
        twice(),
        twice(),
        shown(Status::Captured, 500, 1_000, 500),
    ]);
    for _ in 0..4 {
        assert_eq!(bench.check().await, 1);
    }
    let refund = Call::Refund { total: Some(500) };
    let looks = [Call::Look, Call::Look, Call::Look, Call::Look, refund];
    assert_eq!(bench.script.calls(), looks);
    let settled = bench.standing().await;
    assert_eq!((settled.captured, settled.refunded), (1_000, 500));
    // The return is checked, too; then nobody looks any more.
    let right = || shown(Status::Captured, 500, 1_000, 500);
    bench.script.then([right(), right()]);
    assert_eq!((bench.check().await, bench.check().await), (1, 1));
    assert_eq!(bench.standing().await.check, None);
    assert_eq!(bench.check().await, 0);
    assert_eq!(bench.balance(Account::ProviderReceivable).await, 500);
    assert_eq!(bench.balance(Account::Discrepancies).await, 0);
}

#[watertight::test]
async fn another_amount_than_was_held_is_not_believed_however_often() {
    let bench = Bench::new();
    bench.authorized().await;
    let lie = || shown(Status::Captured, 501, 1_001, 0);
    bench.script.then([lie(), lie()]);
    let asked = bench.ask(What::Capture).await;
    assert!(matches!(asked, Err(Failure::Unknown(_))), "{asked:?}");
    assert_eq!(bench.standing().await.state, State::Capturing);
    bench.script.calls();
    let twice = || shown(Status::Captured, 500, 1_000, 0);
    bench.script.then([lie(), twice(), twice(), lie(), lie()]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!((captured.captured, captured.surplus), (1_000, 500));
    bench
        .script
        .then([shown(Status::Captured, 500, 1_000, 500)]);
    assert_eq!(bench.sweep().await.settled, 1);
    let totals = bench.script.calls().into_iter().filter_map(|call| {
        let Call::Refund { total } = call else {
            return None;
        };
        Some(total)
    });
    let totals: Vec<_> = totals.collect();
    assert_eq!(totals, [Some(500), Some(500)], "the same return, repeated");
}

#[watertight::test]
async fn too_much_returned_is_booked_and_left_to_people() {
    let bench = Bench::new();
    bench.authorized().await;
    let twice = || shown(Status::Captured, 500, 1_000, 0);
    let short = || shown(Status::Captured, 500, 1_000, 501);
    bench.script.then([twice(), twice(), short(), short()]);
    let captured = bench.ask(What::Capture).await.unwrap();
    assert_eq!((captured.captured, captured.refunded), (1_000, 501));
    bench.script.then([short(), short()]);
    assert_eq!((bench.check().await, bench.check().await), (1, 1));
    assert_eq!(bench.check().await, 0);
    let standing = bench.standing().await;
    assert_eq!((standing.refunded, standing.check), (501, None));
    assert_eq!(bench.balance(Account::ProviderReceivable).await, 499);
}

#[watertight::test]
async fn a_provider_that_never_says_the_same_twice_is_given_up_on() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([
        shown(Status::Captured, 500, 501, 0),
        shown(Status::Captured, 500, 500, 0),
    ]);
    bench.ask(What::Capture).await.unwrap();
    bench.script.calls();
    let mut waits_ms = Vec::new();
    for n in 0..LOOKS_MAX {
        let check = bench.standing().await.check.unwrap();
        waits_ms.push(check.due_ms - bench.store.now_ms());
        bench
            .script
            .then([shown(Status::Captured, 500, 501 + n % 2, 0)]);
        assert_eq!(bench.check().await, 1);
    }
    assert_eq!(waits_ms[..4], [3_000, 6_000, 12_000, 24_000]);
    assert_eq!(waits_ms.last(), Some(&3_600_000));
    assert_eq!(bench.check().await, 0);
    let looks = usize::try_from(LOOKS_MAX).unwrap();
    assert_eq!(
        bench.script.calls().len(),
        looks,
        "only looks, no money moved"
    );
}

#[watertight::test]
async fn what_is_in_doubt_is_not_deleted_and_can_be_refunded() {
    let bench = Bench::new();
    bench.authorized().await;
    bench.script.then([
        shown(Status::Captured, 500, 501, 0),
        shown(Status::Captured, 500, 500, 0),
    ]);
    bench.ask(What::Capture).await.unwrap();
    bench.clock.advance(Duration::from_hours(101 * 24));
    assert_eq!(bench.sweeper.prune().await.unwrap().payments, 0);
    bench.script.then([shown(Status::Refunded, 500, 500, 500)]);
    let refunded = bench.ask(What::Refund).await.unwrap();
    assert_eq!((refunded.state, refunded.check), (State::Refunded, None));
    assert_eq!(bench.check().await, 0);
}

#[watertight::test]
async fn what_was_deleted_is_not_booked_again() {
    for (n, again) in [(1, What::Void), (2, authorize(500))] {
        let bench = Bench::new();
        bench.authorized().await;
        let taken = || shown(Status::Captured, 500, 500, 0);
        bench.script.then([taken()]);
        bench.ask(What::Capture).await.unwrap();
        bench.clock.advance(Duration::from_hours(101 * 24));
        bench.sweeper.prune().await.unwrap();
        let gone = bench.ask(What::Refund).await;
        assert_eq!(gone, Err(Failure::Refused(Refusal::NotFound)));
        bench.script.calls();
        bench.script.then([taken(), taken()]);
        let asked = bench.ask(again).await;
        match n {
            1 => assert_eq!(asked, Err(Failure::Refused(Refusal::Captured))),
            _ => assert_eq!(asked.unwrap().state, State::Captured),
        }
        let found = bench.standing().await;
        assert_eq!((found.captured, found.discrepancies), (500, 1));
        assert_eq!(bench.balance(Account::ProviderReceivable).await, 500);
        assert_eq!(bench.balance(Account::Revenue).await, -500);
        // What is known again can be returned, and that is booked.
        bench.script.then([shown(Status::Refunded, 500, 500, 500)]);
        bench.ask(What::Refund).await.unwrap();
        assert_eq!(bench.balance(Account::ProviderReceivable).await, 0);
        assert_eq!(bench.balance(Account::Refunds).await, 500);
    }
}

#[watertight::test]
async fn another_amount_than_asked_is_let_go() {
    let bench = Bench::new();
    let wrong = || shown(Status::Authorized, 400, 0, 0);
    bench
        .script
        .then([wrong(), wrong(), shown(Status::Voided, 400, 0, 0)]);
    let asked = bench.ask(authorize(500)).await;
    assert_eq!(asked, Err(Failure::Refused(Refusal::Closed)));
    let standing = bench.standing().await;
    assert_eq!((standing.state, standing.held), (State::Voided, 0));
    assert_eq!(standing.discrepancies, 1);
    assert_eq!(bench.balance(Account::CustomerHolds).await, 0);
}
