//! The places settings come from.

pub(super) mod env;
pub(super) mod file;
pub(super) mod flags;
pub(super) mod watched;

use super::Field;
use super::mistake::Origin;

/// What one place says about one setting.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) section: &'static str,
    pub(super) field: &'static Field,
    pub(super) parts: Vec<String>,
    pub(super) origin: Origin,
}
