//! What the control group of this process has of memory, in version 1 and 2.
//!
//! The limit that ends a process in a container is the group's, and so is the usage
//! that counts against it: pages of files that it wrote are in it, RSS is not all of it.
//! What the kernel doesn't say is absent.

mod place;
mod v1;
mod v2;

use crate::series::{
    CGROUP_LIMIT, CGROUP_OOM_KILLS, CGROUP_PRESSURE, CGROUP_USAGE, CGROUP_WORKING_SET,
};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where the files of the memory controller are.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// The group's directory, and the one above which nothing is to be seen.
    V1 {
        dir: PathBuf,
    },
    V2 {
        dir: PathBuf,
        top: PathBuf,
    },
}

/// What a group says of its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Memory {
    usage: Option<u64>,
    /// The lowest limit of the group and those that it is part of.
    limit: Option<u64>,
    /// Pages of files that nobody has used for a while: given up before anybody is killed.
    inactive_file: Option<u64>,
    oom_kills: Option<u64>,
    pressure: Pressure,
}

/// Time in which tasks waited for memory, in microseconds since the group was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Pressure {
    /// Some of them.
    some: Option<u64>,
    /// All that weren't idle.
    full: Option<u64>,
}

impl Memory {
    fn read(place: &Place) -> Self {
        match place {
            Place::V1 { dir } => v1::read(dir),
            Place::V2 { dir, top } => v2::read(dir, top),
        }
    }
}

/// Sets the `cgroup_*` series.
pub(super) fn collect() {
    // A process is hardly ever moved, and where it is, only from outside.
    static PLACE: OnceLock<Option<Place>> = OnceLock::new();
    let place = PLACE.get_or_init(|| Place::find(Path::new("/")));
    if let Some(place) = place {
        show(&Memory::read(place));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a double; exact up to 2^53 bytes"
)]
fn show(memory: &Memory) {
    if let Some(usage) = memory.usage {
        CGROUP_USAGE.get().set(usage as f64);
        if let Some(inactive) = memory.inactive_file {
            CGROUP_WORKING_SET
                .get()
                .set(usage.saturating_sub(inactive) as f64);
        }
    }
    if let Some(limit) = memory.limit {
        CGROUP_LIMIT.get().set(limit as f64);
    }
    if let Some(kills) = memory.oom_kills {
        CGROUP_OOM_KILLS.get().absolute(kills);
    }
    let Pressure { some, full } = memory.pressure;
    for (who, waited) in [("some", some), ("full", full)] {
        if let Some(us) = waited {
            CGROUP_PRESSURE.with([who]).set(us as f64 / 1e6);
        }
    }
}

/// A file with one number; `None` also for `max`.
fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number after a word at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = |line: &str| {
        line.strip_prefix(name)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    };
    text.lines().find_map(line)
}

#[cfg(test)]
mod tests;
