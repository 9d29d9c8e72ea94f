//! Version 2.

use super::{Memory, Pressure, field, number};
use std::path::Path;

/// What the group's files say. The topmost group of a machine has none of them.
pub(super) fn read(dir: &Path, top: &Path) -> Memory {
    let text = |name| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
    // A group above may be the one that is full; `max` is none.
    let groups = dir.ancestors().take_while(|group| group.starts_with(top));
    let limit = groups
        .filter_map(|group| number(&group.join("memory.max")))
        .min();
    Memory {
        usage: number(&dir.join("memory.current")),
        limit,
        inactive_file: field(&text("memory.stat"), "inactive_file"),
        oom_kills: field(&text("memory.events"), "oom_kill"),
        pressure: pressure(&text("memory.pressure")),
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, and the same for `full`.
pub(super) fn pressure(text: &str) -> Pressure {
    let total = |who: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(who)?.strip_prefix(' '))?;
        line.split(' ')
            .find_map(|word| word.strip_prefix("total="))?
            .parse()
            .ok()
    };
    Pressure {
        some: total("some"),
        full: total("full"),
    }
}
