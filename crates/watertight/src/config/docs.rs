//! The reference of all settings as Markdown, from the same tables that read them.

use super::{Fallback, Field, Section};
use std::fmt::Write;

/// A chapter per section, a table row per setting; hidden ones are left out.
#[must_use]
pub fn reference(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        chapter(&mut text, section);
    }
    text
}

fn chapter(text: &mut String, section: &Section) {
    let name = section.name;
    let about = one_line(section.about);
    let env = name.to_uppercase();
    let head = format!(
        "\n## `[{name}]`\n\n{about} In the environment: `{env}_` and the name in capitals.\n\n"
    );
    text.push_str(&head);
    text.push_str(
        "| setting | meaning | value | what breaks | shown by |\n|---|---|---|---|---|\n",
    );
    for field in section.fields.iter().filter(|field| !field.hidden) {
        // A `String` takes whatever is written to it.
        let _infallible = writeln!(text, "{}", row(field));
    }
}

fn row(field: &Field) -> String {
    let mark = if field.live { " ↻" } else { "" };
    let metrics: Vec<_> = metrics(field).map(|name| format!("`{name}`")).collect();
    format!(
        "| `{}`{mark} | {} | {} | {} | {} |",
        field.key,
        cell(&one_line(field.doc)),
        cell(&values(field)),
        cell(&breaks(field)),
        metrics.join(", "),
    )
}

/// The series that show whether a value fits.
fn metrics(field: &Field) -> impl Iterator<Item = &'static str> {
    let names = field.metric.split(", ");
    names.filter(|name| !name.is_empty())
}

fn values(field: &Field) -> String {
    let mut words = vec![field.kind.name.to_owned()];
    if field.kind.many {
        words.push("(list)".to_owned());
    }
    if field.secret {
        words.push("from the environment alone".to_owned());
    }
    if let Some((least, greatest)) = field.range {
        words.push(format!("{least} to {greatest}"));
    }
    let fallback = match field.fallback {
        Fallback::Default(text) => format!("default `{text}`"),
        Fallback::Required => "**required**".to_owned(),
        Fallback::Optional => "optional".to_owned(),
    };
    format!("{}; {fallback}", words.join(" "))
}

fn breaks(field: &Field) -> String {
    match (field.low, field.high) {
        (wrong, "") => wrong.to_owned(),
        (low, high) => format!("low: {low}; high: {high}"),
    }
}

fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

impl Section {
    /// What its table leaves open, and should not: a setting without an
    /// account of what breaks or of the series that shows it. For a test.
    #[must_use]
    pub fn left_open(&self) -> Vec<String> {
        let open = self.fields.iter().filter(|field| {
            let one_ended = field.range.is_some() && field.high.is_empty();
            let silent = field.low.is_empty() || field.metric.is_empty() || field.doc.is_empty();
            !field.hidden && (one_ended || silent)
        });
        open.map(|field| format!("[{}] {}", self.name, field.key))
            .collect()
    }

    /// The series that its settings name. For a test that they exist.
    pub fn metrics(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().flat_map(metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    crate::settings! {
        /// For the
        /// test.
        [docs]
        pub(super) struct Docs {
            /// How long a|b
            /// takes.
            pub(super) time: Duration = default("1s").range("0s", "1m")
                .breaks("hurry", "boredom").metric("a_total, b_total").live(),
            /// Nobody knows.
            pub(super) open: Vec<u8> = optional(),
            /// For tests.
            pub(super) hidden: Option<u8> = optional().hidden(),
        }
    }

    #[test]
    fn each_setting_is_a_row() {
        use crate::config::Settings;
        // The struct is only here for its table.
        let _unused = |docs: Docs| (docs.time, docs.open, docs.hidden);
        let section = Docs::SECTION;
        let text = reference(&[section]);
        assert!(
            text.contains("## `[docs]`\n\nFor the test. In the environment: `DOCS_`"),
            "{text}"
        );
        let row = r"| `time` ↻ | How long a\|b takes. | DURATION 0s to 1m; default `1s` | low: hurry; high: boredom | `a_total`, `b_total` |";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(
            text.contains("| `open` | Nobody knows. | N (list); optional |  |  |"),
            "{text}"
        );
        assert!(!text.contains("hidden"), "{text}");
        assert_eq!(section.left_open(), ["[docs] open"]);
        assert_eq!(
            section.metrics().collect::<Vec<_>>(),
            ["a_total", "b_total"]
        );
    }
}
