//! The configuration as it holds, for people: secrets never with their text.

use super::SET;
use super::mistake::Origin;
use super::settings::Values;
use serde_json::{Value as Json, json};
use std::fmt;

/// What holds and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    setting: String,
    value: String,
    origin: Origin,
    live: bool,
}

impl Effective {
    pub(super) fn of(values: &Values) -> Self {
        let shown = values.entries.iter().filter(|(_, entry)| {
            // What only tests set is worth a line if somebody did.
            !entry.field.hidden || entry.origin > Origin::Default
        });
        let line = |(&(section, key), entry): (&(&str, &str), &super::settings::Entry)| Line {
            setting: format!("[{section}] {key}"),
            value: match &entry.parts {
                None => "(not set)".to_owned(),
                Some(_) if entry.field.secret => SET.to_owned(),
                Some(_) => entry.shown.clone().unwrap_or_default(),
            },
            origin: entry.origin.clone(),
            live: entry.field.live,
        };
        Self {
            lines: shown.map(line).collect(),
        }
    }

    /// One object per setting.
    pub(crate) fn json(&self) -> Json {
        let object = |line: &Line| {
            json!({
                "setting": line.setting,
                "value": line.value,
                "origin": line.origin.to_string(),
                "live": line.live,
            })
        };
        self.lines.iter().map(object).collect()
    }
}

/// One line per setting, in columns.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Line) -> &str| {
            let widths = self.lines.iter().map(|line| of(line).chars().count());
            widths.max().unwrap_or(0).min(48)
        };
        let (first, second) = (width(|line| &line.setting), width(|line| &line.value));
        for line in &self.lines {
            let Line {
                setting,
                value,
                origin,
                ..
            } = line;
            writeln!(f, "{setting:first$}  {value:second$}  {origin}")?;
        }
        Ok(())
    }
}
