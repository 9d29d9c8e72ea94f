//! Tries the stack with the programs that it is for.

mod http;
mod panels;
mod promtool;
mod provoke;
mod shop;

pub(crate) use panels::{PanelArgs, panels};
pub(crate) use promtool::alerts;
