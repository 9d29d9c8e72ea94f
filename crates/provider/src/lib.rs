//! A payment provider to test against: a process of its own, with its own
//! ledger, and faults that can be switched on while it runs.
//!
//! It stands for the company on the other side of the internet. Its ledger is
//! the *referee*: whatever the shop believes, this is what customers were
//! charged. So it never counts twice, unless it is told to lie.
//!
//! # The API
//!
//! JSON over HTTP; every act is idempotent by `reference`, the order's id.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/authorizations` `{reference, amount, currency, payment_method}` | 200 [`Authorization`], 402 `declined` (remembered), 409 `closed` or `mismatch` |
//! | `POST /v1/authorizations/{reference}/capture` `{amount?}` | 200, 404, 409 `declined`, `closed`, `mismatch` |
//! | `POST /v1/authorizations/{reference}/void` | 200 (a tombstone if the reference is unknown), 409 `captured` |
//! | `POST /v1/authorizations/{reference}/refund` `{amount?}` | 200, 404, 409 `not_captured`, `mismatch`; `amount` is how much shall be back *in all* |
//! | `GET /v1/authorizations/{reference}` | 200, 404 |
//! | `GET /v1/ledger?after=REF&limit=1000` | `{"authorizations": […], "next": REF or null}`, by reference; never faulty |
//! | `GET`, `PUT /control` | the [`FaultPlan`] of the listener that the request came in by |
//!
//! Errors are `{"error": WORD}`, with a `message` where it helps. The payment
//! methods `pm_card_declined` and `pm_card_insufficient` are declined, any
//! other is good.
//!
//! # Limits
//!
//! References of 1 to 64 visible ASCII characters, bodies of 16 KiB, amounts up
//! to [`AMOUNT_MAX`], eight extra listeners, delays of a minute, a ledger of
//! 8 GiB (then 503).

mod api;
mod app;
mod authorization;
mod config;
mod faults;
mod store;

pub use app::{build, run};
pub use authorization::{AMOUNT_MAX, Act, Authorization, Refusal, Status, apply};
pub use config::{Cfg, ENDPOINTS_MAX};
pub use faults::{DELAY_MS_MAX, Fate, FaultPlan};
pub use store::{Ledger, PAGE_MAX};
