//! The rules of orders. Knows no transport and no database.

mod backoff;
mod cancel;
mod desk;
mod fingerprint;
mod job;
mod meters;
mod orders;
mod place;
mod places;
mod ports;
mod refused;
mod retain;
mod saga;
mod settings;
mod sweep;
#[cfg(test)]
mod testing;
mod trouble;
mod wait;
mod watch;

pub use backoff::Backoff;
pub use orders::{Orders, Parts};
pub use ports::{Stock, Till};
pub use refused::Refused;
pub use saga::{After, Call, Next, Refusal, Reply, Saga, Step};
pub use settings::{Bounds, Settings};
pub use watch::Watch;
