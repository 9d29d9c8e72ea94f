//! What an order is. Knows no transport, no database and no runtime.

mod order;
mod state;

pub use order::{FirstEnd, Line, NewOrder, Order, Priced, Rejection};
pub use state::{Reason, State};
