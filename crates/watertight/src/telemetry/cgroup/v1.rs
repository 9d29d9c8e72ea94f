//! Version 1.

use super::{Memory, Pressure, field, number};
use std::path::Path;

/// "No limit" is the largest number of pages that fits, in bytes; what is beyond
/// half of that is no limit of anybody's.
const NO_LIMIT: u64 = 1 << 62;

/// What the group's files say. Version 1 has no pressure of its own: that of the
/// whole machine would be somebody else's.
pub(super) fn read(dir: &Path) -> Memory {
    let text = |name| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
    let stat = text("memory.stat");
    let own = number(&dir.join("memory.limit_in_bytes"));
    // That of the groups above is in it, also if they can't be seen from here.
    let above = field(&stat, "hierarchical_memory_limit");
    let limit = own.into_iter().chain(above).min();
    Memory {
        usage: number(&dir.join("memory.usage_in_bytes")),
        limit: limit.filter(|limit| *limit < NO_LIMIT),
        inactive_file: field(&stat, "total_inactive_file"),
        oom_kills: field(&text("memory.oom_control"), "oom_kill"),
        pressure: Pressure::default(),
    }
}
