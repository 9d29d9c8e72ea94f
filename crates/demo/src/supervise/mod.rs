//! The processes of the shop: where they listen, how they start, what
//! happens when one dies, and how they end.

mod child;
mod directory;
mod endpoints;
mod logs;
mod plan;
mod ports;
mod probe;
mod procfs;
mod restart;
mod shared;
mod supervisor;
mod watcher;

pub(crate) use directory::{DataDir, DirError};
pub(crate) use plan::{Plan, Tuning};
pub(crate) use ports::{PortError, Ports};
pub(crate) use procfs::cpu_time;
pub(crate) use shared::CrashAt;
pub(crate) use supervisor::{StartError, Supervisor};
pub(crate) use watcher::{Process, Watcher};
