//! Settings of a service, from wherever they come.
//!
//! A struct declared with [`crate::settings!`] is one section. Each of its
//! fields has *one* name in three forms: `[orders] saga_try` in a file,
//! `ORDERS_SAGA_TRY` in the environment, `--saga-try` on the command line. What
//! wins, from weak to strong:
//!
//! 1. the default;
//! 2. the file of `--config FILE`, in TOML;
//! 3. the file of `--environment NAME`: `orders.toml` → `orders.NAME.toml`,
//!    which must be there;
//! 4. the environment;
//! 5. flags.
//!
//! Unknown names and bad values are errors wherever they stand, also where
//! something stronger overrides them, and all are reported at once, each with
//! its place. Values with a unit must say it.

mod chassis;
mod docs;
mod effective;
mod field;
mod kinds;
mod live;
mod load;
mod mistake;
mod near;
mod reload;
mod settings;
mod source;
mod units;
mod value;

pub use chassis::ChassisSettings;
pub use docs::reference;
pub use field::{Fallback, Field, default, optional, required};
pub use kinds::{LogFilter, Secret, Url};
pub use live::{Changes, Live};
pub use mistake::{Mistake, Mistakes, Origin};
pub use settings::{Checks, Section, Settings, Values};
pub use source::watched::{Document, Source};
pub use units::{Bytes, Percent, parse_duration, show_duration};
pub use value::{Kind, Toml, Value};

pub(crate) use effective::Effective;
pub(crate) use kinds::SET;
pub(crate) use load::Inputs;
pub(crate) use reload::{Configured, Reloader, Why};
pub(crate) use settings::NoSettings;

/// What [`crate::settings!`] brings into scope.
#[doc(hidden)]
pub mod declare {
    pub use super::field::{default, optional, required};
}

#[cfg(test)]
mod tests;
