//! Payments: holds, takes and returns money at an external provider, by order.
//!
//! `api/` (gRPC) → `service/` (rules) → `store/` (durable steps) and `clients/`
//! (the provider over HTTP), with the decisions themselves in `domain/`.
//!
//! What holds, stated as absences:
//!
//! - no call to the provider without an intent on the disk, and no answer of it
//!   that is acted on before it is on the disk;
//! - no call whose outcome is unknown is taken for failed: its intent stands
//!   until the provider has said what became of it;
//! - no order is charged twice, however often it is asked, by whomever;
//! - no money moves without an entry in the ledger, in the same durable step,
//!   and no entry whose postings don't sum to zero;
//! - no difference between the provider's books and ours goes unnoticed once we
//!   see it: it is counted, logged, booked, and a surplus is returned;
//! - no answer moves money alone: what was odd once is looked at again until
//!   the provider says the same twice in a row, see [`look_again`];
//! - no payment method is kept longer than until the provider has answered, and
//!   none is ever logged;
//! - nothing grows for ever: finished payments are deleted and the journal is
//!   rolled up into balances after the retention.
//!
//! # Metrics
//!
//! `payments_asks_total{ask, outcome}`, `payments_discrepancies_total`,
//! `payments_provider_attempts_total{outcome}`,
//! `payments_intents_swept_total{outcome}`, `payments_checks_total{outcome}`.

mod api;
mod app;
mod clients;
mod config;
mod domain;
pub mod series;
mod service;
mod store;

pub use api::{ERROR_DOMAIN, Grpc};
pub use app::{build, run};
pub use clients::{BadEndpoint, HttpProvider};
pub use config::Cfg;
pub use domain::{
    AMOUNT_MAX, ANOTHER_AMOUNT, Account, Ask, Call, Check, Decision, Entry, FIGURE_MAX, Finding,
    LOOKS_MAX, MethodMark, Payment, Phase, Refusal, Reply, State, Status, Verdict, View, What,
    decide, look_again, settle,
};
pub use service::{
    Failure, Limits, OutcomeUnknown, Payments, Provider, Resumed, Sweeper, SweeperSettings, TooMany,
};
pub use store::{Balance, Change, PaymentStore, Pruned, ROWS_MAX, SqliteStore, Standing, Step};
