//! What every [`StockStore`](inventory::store::StockStore) must keep: one suite, a list of backends.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod cases;
mod random;
mod support;

/// One test for each case, against one backend.
macro_rules! cases {
    ($backend:ident: $($case:ident),+ $(,)?) => {
        $(#[watertight::test]
        async fn $case() {
            let backend = crate::support::$backend();
            crate::cases::$case(&backend).await;
            crate::support::assert_balanced(&backend).await;
        })+
    };
}

/// The whole suite against one backend.
macro_rules! conformance {
    ($backend:ident) => {
        mod $backend {
            cases! {
                $backend:
                holds_all_lines_or_none,
                refuses_what_it_does_not_know,
                refuses_totals_that_are_none,
                repeating_a_hold_gives_the_same_answer,
                a_commit_sells_once,
                a_release_gives_back_once,
                a_release_after_a_commit_returns_goods,
                a_release_of_an_unseen_order_closes_it,
                a_commit_of_an_unseen_order_is_lost,
                what_runs_out_is_given_back_in_bounded_batches,
                a_commit_after_the_time_takes_anew_or_is_lost,
                one_of_many_gets_the_last_piece,
                receipts_count_once,
                imports_count_once_and_go_on,
                an_import_id_stands_for_its_rows,
                one_import_id_takes_one_of_two_at_once,
                imports_of_known_rows_update_them,
                pages_follow_each_other,
                what_is_old_is_forgotten_in_bounded_batches,
            }

            #[test]
            fn random_steps_follow_the_rules() {
                crate::random::random_steps_follow_the_rules(crate::support::$backend);
            }
        }
    };
}

// Another database joins with a line here and a constructor in `support`.
conformance!(sqlite);
