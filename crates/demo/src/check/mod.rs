//! The external checker: what was asked, what was answered, and whether the
//! shop agrees.
//!
//! It knows the shop from outside alone: gRPC and the provider's HTTP ledger.
//! [`Book`] is its memory, [`Journal`] makes that memory durable, [`Audit`]
//! compares it with what the shop says of itself, [`Live`] is the cheap part of
//! that for every second.

mod audit;
mod body;
mod book;
mod entry;
mod findings;
mod journal;
mod ledger;
mod live;
mod money;
mod outcome;
mod replay;
mod tally;
mod tracked;

pub(crate) use audit::Audit;
pub(crate) use body::{Body, Method};
pub(crate) use book::Book;
pub(crate) use entry::{Entry, Status};
pub(crate) use findings::{Findings, Invariant};
pub(crate) use journal::{Journal, JournalError};
pub(crate) use ledger::{Authorization, LedgerPage};
pub(crate) use live::{Live, Shelves, balance};
pub(crate) use money::{Money, Till};
pub(crate) use outcome::{CallError, Verdict};
pub(crate) use replay::BookError;
pub(crate) use tally::Tally;
pub(crate) use tracked::{Answer, Cancel, Door, Receipt, Slot, Tracked};
