//! `demo load`: customers and the checker as a service of their own, for a shop
//! that somebody else runs, such as containers.
//!
//! It starts nothing and stops nothing: it is told where the services listen,
//! sells for as long as it lives, and shows on its admin port what it found. It
//! knows the shop from outside alone, as the demo's checker does.
//!
//! ```text
//! app ─► period ─► load::open_loop, keep_shop   one memory of the checker, bounded
//!    ├─► series                                 what it counts, as metrics
//!    └─► alerts                                 what Alertmanager sends, as log lines
//! ```

mod alerts;
mod app;
mod config;
mod period;
mod series;

pub(crate) use app::{LoadArgs, load};
pub(crate) use config::Cfg;
