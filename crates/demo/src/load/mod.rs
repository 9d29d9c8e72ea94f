//! Customers: an open-loop load whose schedule is fixed before it runs, and a
//! closed loop that finds out how much the shop can take.

mod calls;
mod closed;
mod keeper;
mod live;
mod open;
mod schedule;
mod session;
mod stats;

pub(crate) use closed::{ClosedLoop, closed_loop};
pub(crate) use keeper::Keeper;
pub(crate) use live::{deliver, keep_shop, open_receipts};
pub(crate) use open::{OpenLoop, open_loop};
pub(crate) use session::{Seen, Session};
pub(crate) use stats::{Quantiles, Stats, Window};
