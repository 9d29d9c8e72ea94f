//! The cases.

use inventory::model::{RECEIPT_MAX, RECEIVED_MAX, ReserveRefusal};
use inventory::store::{ImportIdReused, ImportPlace, Receipt, ReceiptRefusal};
use shop_types::{Currency, Money, MoneyError};

use crate::support::*;

pub(crate) async fn holds_all_lines_or_none(b: &Backend) {
    b.stocked("tea", 10).await;
    b.stocked("cup", 3).await;
    let refused = b
        .reserve(1, &[line("tea", 4), line("cup", 4)])
        .await
        .unwrap_err();
    let short = ReserveRefusal::OutOfStock {
        sku: sku("cup"),
        available: 3,
    };
    assert_eq!(refused, short);
    assert_eq!(
        b.pieces("tea").await,
        (10, 0, 0),
        "a refusal leaves no trace"
    );

    // The order is not closed by a refusal: it may come again.
    let held = b
        .reserve(1, &[line("tea", 4), line("cup", 3)])
        .await
        .unwrap();
    assert_eq!(held.total, eur(7 * 250));
    assert_eq!(held.expires_ms, b.clock.now_ms() + TTL_MS);
    let prices: Vec<_> = held.lines.iter().map(|line| line.unit_price).collect();
    assert_eq!(prices, [eur(250), eur(250)]);
    assert_eq!(b.pieces("tea").await, (6, 4, 0));
    assert_eq!(b.pieces("cup").await, (0, 3, 0));
}

pub(crate) async fn refuses_what_it_does_not_know(b: &Backend) {
    b.stocked("tea", 10).await;
    let refused = b
        .reserve(1, &[line("tea", 1), line("nothing", 1)])
        .await
        .unwrap_err();
    assert_eq!(refused, ReserveRefusal::UnknownSku(sku("nothing")));
    assert_eq!(b.pieces("tea").await, (10, 0, 0));
    assert_eq!(b.store.stock(by(), sku("nothing")).await.unwrap(), None);
}

pub(crate) async fn refuses_totals_that_are_none(b: &Backend) {
    let dear = i64::MAX / 2;
    let rows = vec![
        row("dear", eur(dear), 10),
        row("dollar", Money::new(1, Currency::USD), 10),
        row("euro", eur(1), 10),
    ];
    assert_eq!(b.import("i", rows).await.taken, 3);
    let overflow = ReserveRefusal::Total(MoneyError::Overflow);
    assert_eq!(
        b.reserve(1, &[line("dear", 3)]).await,
        Err(overflow.clone())
    );
    let sum = [line("dear", 2), line("euro", 2)];
    assert_eq!(b.reserve(2, &sum).await, Err(overflow));
    let mixed = b.reserve(3, &[line("dollar", 1), line("euro", 1)]).await;
    assert!(matches!(
        mixed,
        Err(ReserveRefusal::Total(MoneyError::MixedCurrency(..)))
    ));
    for text in ["dear", "dollar", "euro"] {
        assert_eq!(b.pieces(text).await, (10, 0, 0));
    }
}

pub(crate) async fn repeating_a_hold_gives_the_same_answer(b: &Backend) {
    b.stocked("tea", 10).await;
    let lines = [line("tea", 4)];
    let first = b.reserve(1, &lines).await.unwrap();
    let dearer = b.import("dearer", vec![row("tea", eur(999), 0)]).await;
    assert_eq!(dearer.taken, 1);
    b.pass(1_000);
    assert_eq!(
        b.reserve(1, &lines).await.unwrap(),
        first,
        "price and end stay"
    );
    let other = b.reserve(1, &[line("tea", 5)]).await;
    assert_eq!(other, Err(ReserveRefusal::OtherLines(order(1))));
    assert_eq!(b.pieces("tea").await, (6, 4, 0));
    assert!(b.commit(1).await);
    assert_eq!(
        b.reserve(1, &lines).await.unwrap(),
        first,
        "after the sale, too"
    );
    assert_eq!(b.pieces("tea").await, (6, 0, 4));
}

pub(crate) async fn a_commit_sells_once(b: &Backend) {
    b.stocked("tea", 10).await;
    b.reserve(1, &[line("tea", 4)]).await.unwrap();
    for _ in 0..3 {
        assert!(b.commit(1).await);
        assert_eq!(b.pieces("tea").await, (6, 0, 4));
    }
    b.pass(2 * TTL_MS);
    assert_eq!(b.expire(100).await, 0, "what is sold doesn't run out");
    assert_eq!(b.pieces("tea").await, (6, 0, 4));
}

pub(crate) async fn a_release_gives_back_once(b: &Backend) {
    b.stocked("tea", 10).await;
    b.reserve(1, &[line("tea", 4)]).await.unwrap();
    for _ in 0..3 {
        b.release(1).await;
        assert_eq!(b.pieces("tea").await, (10, 0, 0));
    }
    assert!(!b.commit(1).await, "what was given back can't be sold");
    let again = b.reserve(1, &[line("tea", 4)]).await;
    assert_eq!(again, Err(ReserveRefusal::Closed(order(1))));
    assert_eq!(b.pieces("tea").await, (10, 0, 0));
}

pub(crate) async fn a_release_after_a_commit_returns_goods(b: &Backend) {
    b.stocked("tea", 10).await;
    b.reserve(1, &[line("tea", 4)]).await.unwrap();
    assert!(b.commit(1).await);
    for _ in 0..3 {
        b.release(1).await;
        assert_eq!(b.pieces("tea").await, (10, 0, 0));
    }
    assert!(!b.commit(1).await);
}

pub(crate) async fn a_release_of_an_unseen_order_closes_it(b: &Backend) {
    b.stocked("tea", 10).await;
    b.release(1).await;
    let late = b.reserve(1, &[line("tea", 1)]).await;
    assert_eq!(late, Err(ReserveRefusal::Closed(order(1))));
    assert!(!b.commit(1).await);
    assert_eq!(b.pieces("tea").await, (10, 0, 0));
}

pub(crate) async fn a_commit_of_an_unseen_order_is_lost(b: &Backend) {
    b.stocked("tea", 10).await;
    assert!(!b.commit(1).await);
    assert!(
        b.reserve(1, &[line("tea", 1)]).await.is_ok(),
        "it closes nothing"
    );
}

pub(crate) async fn what_runs_out_is_given_back_in_bounded_batches(b: &Backend) {
    b.stocked("tea", 100).await;
    for n in 1..=5 {
        b.reserve(n, &[line("tea", 2)]).await.unwrap();
    }
    b.pass(TTL_MS / 2);
    b.reserve(6, &[line("tea", 2)]).await.unwrap();
    b.pass(TTL_MS / 2 - 1);
    assert_eq!(b.expire(100).await, 0, "not a millisecond early");
    b.pass(1);
    assert_eq!(b.expire(2).await, 2);
    assert_eq!(b.pieces("tea").await, (92, 8, 0));
    assert_eq!(b.expire(100).await, 3);
    assert_eq!(b.pieces("tea").await, (98, 2, 0));
    assert_eq!(b.expire(100).await, 0);
    let again = b.reserve(1, &[line("tea", 2)]).await;
    assert_eq!(again, Err(ReserveRefusal::Closed(order(1))));
}

pub(crate) async fn a_commit_after_the_time_takes_anew_or_is_lost(b: &Backend) {
    b.stocked("tea", 10).await;
    b.stocked("cup", 10).await;
    b.reserve(1, &[line("tea", 6), line("cup", 1)])
        .await
        .unwrap();
    b.reserve(2, &[line("tea", 4)]).await.unwrap();
    b.pass(TTL_MS);
    assert_eq!(b.expire(100).await, 2);
    // Somebody else takes what order 1 would need.
    b.reserve(3, &[line("tea", 5)]).await.unwrap();
    assert!(!b.commit(1).await, "5 are free, 6 are needed");
    assert_eq!(b.pieces("cup").await, (10, 0, 0), "all lines or none");
    assert!(b.commit(2).await, "5 are free, 4 are needed");
    assert_eq!(b.pieces("tea").await, (1, 5, 4));
    // A loss isn't final while the order may still be paid: stock may come.
    b.release(3).await;
    assert!(b.commit(1).await);
    assert_eq!(b.pieces("tea").await, (0, 0, 10));
    assert_eq!(b.pieces("cup").await, (9, 0, 1));
}

pub(crate) async fn one_of_many_gets_the_last_piece(b: &Backend) {
    b.stocked("tea", 1).await;
    let lines = [line("tea", 1)];
    let all = (1..=50).map(|n| b.reserve(n, &lines));
    let answers = testkit::at_once(all).await;
    let winners = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(winners, 1);
    for answer in answers {
        if let Err(refusal) = answer {
            let none_left = ReserveRefusal::OutOfStock {
                sku: sku("tea"),
                available: 0,
            };
            assert_eq!(refusal, none_left);
        }
    }
    assert_eq!(b.pieces("tea").await, (0, 1, 0));
}

pub(crate) async fn receipts_count_once(b: &Backend) {
    b.stocked("tea", 1).await;
    b.stocked("cup", 1).await;
    let receive = |id: &str, text: &str, quantity| {
        let id = id.to_owned();
        let sku = sku(text);
        b.store.receive(by(), Receipt { id, sku, quantity })
    };
    for _ in 0..3 {
        let stock = receive("r1", "tea", 5).await.unwrap().answer.unwrap();
        assert_eq!(stock.pieces.received(), 6);
    }
    for (text, quantity) in [("tea", 6), ("cup", 5)] {
        let other = receive("r1", text, quantity).await.unwrap().answer;
        assert_eq!(other, Err(ReceiptRefusal::OtherReceipt));
    }
    let unknown = receive("r2", "nothing", 1).await.unwrap().answer;
    assert_eq!(unknown, Err(ReceiptRefusal::UnknownSku));
    let too_many = receive("r3", "tea", RECEIVED_MAX).await.unwrap().answer;
    assert_eq!(too_many, Err(ReceiptRefusal::TooMany));
    assert_eq!(b.pieces("tea").await, (6, 0, 0));
    assert_eq!(b.pieces("cup").await, (1, 0, 0));
}

pub(crate) async fn imports_count_once_and_go_on(b: &Backend) {
    let rows = || vec![row("a", eur(1), 5), row("b", eur(2), 5)];
    let first = b.import("spring", rows()).await;
    assert_eq!((first.taken, first.already), (2, 0));
    let again = b.import("spring", rows()).await;
    assert_eq!(
        (again.taken, again.already),
        (0, 2),
        "the same import changes nothing"
    );
    // Cut after the first message, then sent again in larger messages.
    let mut longer = rows();
    longer.push(row("c", eur(3), 5));
    let went_on = b.import("spring", longer).await;
    assert_eq!((went_on.taken, went_on.already), (1, 2));
    assert_eq!(b.pieces("a").await, (5, 0, 0));
    assert_eq!(b.pieces("c").await, (5, 0, 0));
    let other = b.import("summer", rows()).await;
    assert_eq!(other.taken, 2, "another import adds");
    assert_eq!(b.pieces("a").await, (10, 0, 0));
}

pub(crate) async fn an_import_id_stands_for_its_rows(b: &Backend) {
    let start = ImportPlace::default();
    let message = |place, rows: &[(&str, i64)]| {
        let rows = rows.iter().map(|(sku, n)| row(sku, eur(1), *n)).collect();
        batch("i", place, rows)
    };
    let (one, two) = (
        message(start, &[("a", 1)]),
        message(start, &[("a", 1), ("b", 2)]),
    );
    let rest = message(one.end(), &[("b", 2), ("c", 3)]);
    assert_eq!(b.send(two.clone()).await.unwrap().taken, 2);
    for other in [
        message(start, &[("a", 1), ("b", 3)]),
        message(start, &[("x", 1), ("b", 2), ("c", 3)]),
        // The same end after another beginning.
        message(message(start, &[("x", 1)]).end(), &[("b", 2), ("c", 3)]),
        message(start, &[("a", 1), ("c", 3), ("d", 4)]),
    ] {
        assert_eq!(
            b.send(other.clone()).await,
            Err(ImportIdReused),
            "{other:?}"
        );
    }
    // Too little to tell: nothing is taken, nor what is remembered changed.
    for short in [one, message(start, &[("x", 9)]), message(start, &[])] {
        let done = b.send(short).await.unwrap();
        assert_eq!((done.taken, done.is_same), (0, false));
    }
    let done = b.send(two.clone()).await.unwrap();
    assert_eq!((done.taken, done.already, done.is_same), (0, 2, true));
    // Other messages, the same rows.
    let done = b.send(rest.clone()).await.unwrap();
    assert_eq!((done.taken, done.already, done.is_same), (1, 1, true));
    let done = b.send(two).await.unwrap();
    assert_eq!((done.already, done.is_same), (2, false));
    let stock = b.store.list(by(), None, 100).await.unwrap();
    let stock = stock
        .iter()
        .map(|it| (it.sku.as_str(), it.pieces.received()));
    assert_eq!(stock.collect::<Vec<_>>(), [("a", 1), ("b", 2), ("c", 3)]);
    // Forgotten and begun anew in the midst of a stream: the id is another's.
    b.pass(TTL_MS);
    b.store.forget(by(), 1, 100).await.unwrap();
    assert!(b.send(message(start, &[("d", 1)])).await.unwrap().is_same);
    let later = message(rest.end(), &[("e", 1)]);
    assert_eq!(b.send(later).await, Err(ImportIdReused));
}

pub(crate) async fn one_import_id_takes_one_of_two_at_once(b: &Backend) {
    for n in 0..20 {
        let (id, sku) = (format!("i-{n}"), format!("sku-{n}"));
        let rows = |quantity| vec![row(&sku, eur(1), quantity); 3];
        let (left, right) = watertight::join(
            b.send(batch(&id, ImportPlace::default(), rows(1))),
            b.send(batch(&id, ImportPlace::default(), rows(10))),
        )
        .await;
        let (pieces, refused) = match left {
            Ok(_) => (3, right),
            Err(_) => (30, left),
        };
        assert_eq!(refused, Err(ImportIdReused));
        assert_eq!(b.pieces(&sku).await, (pieces, 0, 0));
    }
}

pub(crate) async fn imports_of_known_rows_update_them(b: &Backend) {
    b.stocked("tea", 10).await;
    b.reserve(1, &[line("tea", 4)]).await.unwrap();
    let before = b.stock("tea").await;
    let rows = vec![
        row("tea", Money::new(5, Currency::USD), 1),
        row("tea", eur(300), 5),
        row("tea", eur(300), RECEIPT_MAX),
    ];
    let done = b.import("more", rows).await;
    assert_eq!(done.taken, 2);
    let rejected: Vec<_> = done
        .rejected
        .iter()
        .map(|bad| (bad.row, bad.field))
        .collect();
    assert_eq!(rejected, [(1, "price.currency")]);
    let after = b.stock("tea").await;
    assert_eq!(after.price, eur(300));
    assert!(after.version > before.version);
    assert_eq!(b.pieces("tea").await, (11 + RECEIPT_MAX, 4, 0));

    // Up to the bound of what may ever come in, and not one more.
    let left = RECEIVED_MAX - b.stock("tea").await.pieces.received();
    let full = left / RECEIPT_MAX;
    let mut rows: Vec<_> = (0..full)
        .map(|_| row("tea", eur(300), RECEIPT_MAX))
        .collect();
    rows.push(row("tea", eur(300), left % RECEIPT_MAX + 1));
    let done = b.import("flood", rows).await;
    assert_eq!(done.taken, full);
    let rejected: Vec<_> = done
        .rejected
        .iter()
        .map(|bad| (bad.row, bad.field))
        .collect();
    assert_eq!(rejected, [(full + 1, "quantity")]);
}

pub(crate) async fn pages_follow_each_other(b: &Backend) {
    let names = ["B", "a", "a-1", "a.1", "b"];
    let rows = names.iter().map(|text| row(text, eur(1), 1)).collect();
    b.import("i", rows).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = b.store.list(by(), after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.sku.clone());
        seen.extend(page.into_iter().map(|stock| stock.sku.to_string()));
    }
    assert_eq!(seen, names);
}

pub(crate) async fn what_is_old_is_forgotten_in_bounded_batches(b: &Backend) {
    const AGE_MS: i64 = 10 * TTL_MS;
    b.stocked("tea", 100).await;
    for n in 1..=6 {
        b.reserve(n, &[line("tea", 1)]).await.unwrap();
    }
    assert!(b.commit(1).await);
    b.release(2).await;
    b.pass(TTL_MS);
    assert_eq!(b.expire(3).await, 3);
    let forget = |rows_max| b.store.forget(by(), AGE_MS, rows_max);
    b.pass(AGE_MS - TTL_MS);
    assert_eq!(forget(100).await.unwrap(), 0, "nothing is old enough");
    b.pass(TTL_MS + 1);
    assert_eq!(forget(2).await.unwrap(), 2, "bounded");
    // Of orders: one sold, one released, three that ran out; and one import.
    assert_eq!(forget(100).await.unwrap(), 4);
    assert_eq!(forget(100).await.unwrap(), 0);
    // Order 6 is still held: nothing that holds stock is ever forgotten.
    let pieces = b.stock("tea").await.pieces;
    assert_eq!((pieces.available, pieces.reserved, pieces.sold), (98, 1, 1));
    assert!(b.commit(6).await);
}
