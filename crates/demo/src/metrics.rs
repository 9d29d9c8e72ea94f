//! `demo metrics`: the reference of all series, from the catalogues that the code counts with.

use std::fmt::Write as _;
use watertight::catalogue::{Kind, Series};

/// What stands above the tables.
const INTRODUCTION: &str = "# Metrics

<!-- Written by `cargo xtask docs` from the catalogues in `series.rs` of each crate. Change them there. -->

Each process shows these at `/metrics` of its admin port, in Prometheus' text format. A series is there from the first time
that something was counted; what a platform can't give is absent, not zero. Names of requests and calls are those of
OpenTelemetry's semantic conventions in Prometheus' form. Values are in base units, and counters begin anew with the process.

A name has at most `label_sets_max` label sets ([configuration](configuration.md)), and no label is a text that callers make up: a
path that is no route is `unmatched`. Label sets beyond the bound are counted under the value `other`, gauges
beyond it aren't shown, and `metrics_label_sets_dropped_total` says for which name. All histograms have the buckets that stand here, in the series' unit; there
are no summaries, as they can't be added up over processes.
";

/// The series of every crate, and what the crate is.
#[must_use]
pub fn catalogues() -> [(&'static str, &'static [&'static Series]); 8] {
    [
        ("Every service: the chassis", watertight::series::ALL),
        (
            "Every service: tasks and detached work",
            watertight::series::core::ALL,
        ),
        ("Every service with a store", watertight_store::series::ALL),
        ("gateway", gateway::series::ALL),
        ("orders", orders::series::ALL),
        ("inventory", inventory::series::ALL),
        ("payments", payments::series::ALL),
        ("demo load", crate::series::ALL),
    ]
}

/// All series of all crates.
pub fn all_series() -> impl Iterator<Item = &'static Series> {
    catalogues()
        .into_iter()
        .flat_map(|(_, series)| series.iter().copied())
}

/// The reference as Markdown.
pub(crate) fn text() -> String {
    let mut out = INTRODUCTION.to_owned();
    for (title, all) in catalogues() {
        let home = all.first().map_or("", |series| series.home());
        out.push_str(&format!(
            "\n## {title}\n\nDeclared in `crates/{home}/src/series.rs`.\n\n\
             | series | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
        ));
        let mut all = all.to_vec();
        all.sort_by_key(|series| series.name());
        all.iter().for_each(|series| row(&mut out, series));
    }
    out
}

fn row(out: &mut String, series: &Series) {
    let labels: Vec<_> = series
        .labels()
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let buckets = match series.kind() {
        Kind::Counter | Kind::Gauge => String::new(),
        Kind::Histogram(bounds) => {
            let bounds: Vec<_> = bounds.iter().map(f64::to_string).collect();
            format!(" Buckets: {}.", bounds.join(", "))
        }
    };
    // A `String` takes everything.
    let _written = writeln!(
        out,
        "| `{}` | {} | {} | {} | {}{buckets} |",
        series.name(),
        series.kind().word(),
        series.unit().word(),
        labels.join(", "),
        series.help().replace('|', "\\|"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_reference_is_what_the_catalogues_say() {
        let written = include_str!("../../../docs/metrics.md");
        assert!(
            written == text(),
            "docs/metrics.md is out of date: run `cargo xtask docs`"
        );
    }

    #[test]
    fn every_declaration_is_in_order_and_no_name_is_taken_twice() {
        let mistakes: Vec<_> = all_series()
            .flat_map(|series| {
                series
                    .mistakes()
                    .into_iter()
                    .map(|what| (series.name(), what))
            })
            .collect();
        assert_eq!(mistakes, []);
        let mut names = BTreeSet::new();
        for series in all_series() {
            assert!(
                names.insert(series.name()),
                "{} stands twice",
                series.name()
            );
        }
    }

    /// Words of a text that look like the name of a series: of several parts, the
    /// last of which is one that our names have.
    fn named(text: &str) -> impl Iterator<Item = &str> {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        text.split(word).filter(|word| {
            let metric = [
                "_total",
                "_seconds_bucket",
                "_seconds_count",
                "_seconds_sum",
            ];
            metric.iter().any(|end| word.ends_with(end))
        })
    }

    /// Pages that people read: what they name must be there to be looked at.
    #[test]
    fn every_series_that_a_page_names_exists() {
        let names: BTreeSet<_> = all_series().map(Series::name).collect();
        let known = |word: &str| {
            let stem = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| word.strip_suffix(end));
            names.contains(word) || stem.is_some_and(|stem| names.contains(stem))
        };
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut pages = vec![root.join("README.md"), root.join("ARCHITECTURE.md")];
        for dir in ["docs", "docs/design", "docs/runbooks"] {
            let entries = std::fs::read_dir(root.join(dir));
            let pages_of = entries
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path());
            pages.extend(pages_of.filter(|path| path.extension().is_some_and(|end| end == "md")));
        }
        let mut missing = BTreeSet::new();
        let mut seen = 0;
        for page in pages {
            let text = std::fs::read_to_string(&page).unwrap();
            for word in named(&text) {
                seen += 1;
                if !known(word) {
                    missing.insert((page.clone(), word.to_owned()));
                }
            }
        }
        assert!(
            seen > 30,
            "the pages name {seen} series: are they read at all?"
        );
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
