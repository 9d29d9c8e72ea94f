//! What a PromQL expression reads, found without a parser: strings, selectors
//! and label lists are taken out, and what is left and isn't called is a series.
//!
//! Whether the expression is PromQL at all is what a real Prometheus says.

use std::collections::BTreeSet;

/// Words that aren't series.
const WORDS: [&str; 14] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "offset",
    "bool",
    "group_left",
    "group_right",
    "inf",
    "nan",
    "atan2",
];

/// Words whose parentheses have labels in them.
const LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// A series as an expression names it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) name: String,
    /// What stands in its braces.
    pub(crate) matchers: String,
    /// What stands in its brackets.
    pub(crate) range: String,
    /// The function right around it.
    pub(crate) function: String,
}

/// The names of the series that an expression reads.
pub(crate) fn series_in(expr: &str) -> BTreeSet<String> {
    uses(expr).into_iter().map(|found| found.name).collect()
}

/// All uses of series in an expression.
pub(crate) fn uses(expr: &str) -> Vec<Use> {
    let mut scan = Scan {
        rest: expr,
        calls: Vec::new(),
        word: String::new(),
        found: Vec::new(),
    };
    while scan.step() {}
    scan.found
}

struct Scan<'a> {
    rest: &'a str,
    /// The functions that are open, innermost last.
    calls: Vec<String>,
    /// The word that ended just before.
    word: String,
    found: Vec<Use>,
}

impl Scan<'_> {
    fn step(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        match first {
            'a'..='z' | 'A'..='Z' | '_' | ':' => self.word(),
            '(' if LISTS.contains(&self.word.as_str()) => {
                self.block(')');
                self.word.clear();
            }
            '(' => {
                self.calls.push(std::mem::take(&mut self.word));
                self.skip(1);
            }
            ')' => {
                self.calls.pop();
                self.skip(1);
            }
            '"' | '\'' => {
                self.skip(1);
                self.block(first);
            }
            '[' => drop(self.block(']')),
            '0'..='9' => self.number(),
            other => {
                self.word.clear();
                self.skip(other.len_utf8());
            }
        }
        true
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Everything up to a closing sign, which no string of ours contains.
    fn block(&mut self, end: char) -> String {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let inside = self.rest.get(..at).unwrap_or_default();
        let inside = inside.trim_start_matches(['{', '[', '(']).to_owned();
        self.skip(at + end.len_utf8());
        inside
    }

    /// A number, or a duration such as `15m`.
    fn number(&mut self) {
        let end = |c: char| !(c.is_ascii_alphanumeric() || c == '.');
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        self.skip(at);
    }

    fn word(&mut self) {
        let end = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let word = self.rest.get(..at).unwrap_or_default().to_owned();
        self.skip(at);
        let next = self.rest.trim_start();
        let aggregates = ["by ", "without "].iter().any(|it| next.starts_with(it));
        if WORDS.contains(&word.as_str()) || aggregates || next.starts_with('(') {
            self.word = word;
            return;
        }
        self.word.clear();
        let mut found = Use {
            name: word,
            matchers: String::new(),
            range: String::new(),
            function: self.calls.last().cloned().unwrap_or_default(),
        };
        if self.rest.starts_with('{') {
            found.matchers = self.block('}');
        }
        if self.rest.starts_with('[') {
            found.range = self.block(']');
        }
        self.found.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_from_functions_labels_and_words() {
        let expr = r#"sum by (le, job) (rate(a_total{x="}b"}[5m])) / on (job) group_left (c)
            (d:e - 3 * f offset 5m) and time() > 1e3 or label_replace(g, "h", "i", "", "")"#
            .replace("}b", "b");
        let names: Vec<_> = series_in(&expr).into_iter().collect();
        assert_eq!(names, ["a_total", "d:e", "f", "g"]);
    }

    #[test]
    fn a_use_knows_its_surroundings() {
        let found = uses(r#"sum(rate(a_total{job=~"$job"}[$__rate_interval]))"#);
        assert_eq!(
            found,
            [Use {
                name: "a_total".to_owned(),
                matchers: r#"job=~"$job""#.to_owned(),
                range: "$__rate_interval".to_owned(),
                function: "rate".to_owned(),
            }]
        );
    }
}
