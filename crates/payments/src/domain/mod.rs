//! What a payment is and what may become of it: pure decisions.
//!
//! Nothing here knows of a clock, a store, a runtime or a transport. A decision
//! takes what stands and what is asked, and returns what shall stand.
//!
//! 1. [`decide`] turns an [`Ask`] into a [`Decision`]: an answer, a refusal, or
//!    an *intent* that is written down before the provider is called.
//! 2. [`Payment::call`] says which call an intent stands for.
//! 3. [`settle`] turns the provider's [`Reply`] into the payment's next state.
//! 4. [`Entry::between`] books the difference.
//! 5. [`look_again`] says what becomes of a payment that is in doubt.

mod ask;
mod check;
mod ledger;
mod payment;
mod settle;

pub use ask::{Ask, Decision, Refusal, What, decide};
pub use check::{Check, Finding, LOOKS_MAX, look_again};
pub use ledger::{Account, Entry};
pub use payment::{AMOUNT_MAX, Call, MethodMark, Payment, Phase, State};
pub use settle::{ANOTHER_AMOUNT, FIGURE_MAX, Reply, Status, Verdict, View, settle};

#[cfg(test)]
mod tests;
