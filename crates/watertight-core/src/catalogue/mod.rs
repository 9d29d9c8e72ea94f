//! The typed catalogue of metrics: a series is declared once, with its kind, unit,
//! labels and meaning, and whoever counts names the declaration.
//!
//! Why not `metrics::counter!("name", …)` at each place that counts: a name that is
//! a text can be misspelt, a label can be forgotten, buckets follow from patterns
//! over names, and nothing knows which series there are. From a declaration come
//! the handles, HELP and TYPE, the buckets, `docs/metrics.md`, and the names that
//! dashboards and alerts use: a series that is renamed breaks their build.
//!
//! ```
//! watertight_core::catalogue! {
//!     /// Parcels that left, by carrier.
//!     pub PARCELS: Counters("parcels_total", Count, [carrier]);
//!     /// Time from the order to the parcel.
//!     pub PACKING: Histograms("packing_seconds", Seconds; watertight_core::catalogue::LATENCY);
//!     /// Parcels that wait.
//!     pub WAITING: Gauges("parcels_waiting", Count);
//! }
//!
//! PARCELS.with(["snail"]).increment(1);
//! PACKING.get().record(0.7);
//! // A hot path keeps the handle: `with` hashes labels, the handle doesn't.
//! let waiting: watertight_core::catalogue::Gauge = WAITING.get();
//! waiting.increment(1.0);
//! assert_eq!(ALL.len(), 3);
//! ```
//!
//! A service needs no registration: a series is known from its first use on.

mod buckets;
mod declare;
mod family;
mod labels;
mod sample;

pub use buckets::{BYTES, COUNTS, LATENCY};
pub use family::{Counters, Gauges, Histograms, Totals};
pub use labels::{LabelValue, LabelValues};
pub use metrics::{Counter, Gauge, Histogram};
pub use sample::{Sampled, read_samples, sample};

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

/// What a series shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// What only grows while the process lives: use it inside `rate` and `increase`.
    Counter,
    /// What goes up and down.
    Gauge,
    /// A distribution, by the upper bounds of its buckets (without +Inf).
    Histogram(&'static [f64]),
}

impl Kind {
    /// Its word in the text format of Prometheus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What a value is measured in: base units alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things that are counted.
    Count,
    /// Seconds; the name says so.
    Seconds,
    /// A point in time, in seconds since 1970.
    UnixSeconds,
    /// Bytes; the name says so.
    Bytes,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// 0 or 1: no or yes.
    Flag,
}

impl Unit {
    /// Its word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::UnixSeconds => "seconds since 1970",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::Flag => "0 or 1",
        }
    }
}

/// One declared series: all that is known of it before anything was counted.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
    home: &'static str,
}

impl Series {
    /// Its name, as Prometheus stores it; a histogram's has `_bucket`, `_sum` and `_count` behind it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Counter, gauge or histogram.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What its values are measured in.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The names of its labels, in the order of [`LabelValues`].
    #[must_use]
    pub const fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// What it means, in one line.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// The crate that declares it.
    #[must_use]
    pub const fn home(&self) -> &'static str {
        self.home
    }

    /// What is wrong with the declaration; a test asks of all of them.
    #[must_use]
    pub fn mistakes(&self) -> Vec<&'static str> {
        let snake = |text: &str| {
            let mut bytes = text.bytes();
            bytes.next().is_some_and(|b| b.is_ascii_lowercase())
                && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let counter = self.kind == Kind::Counter;
        let stem = self.name.strip_suffix("_total").unwrap_or(self.name);
        let ascends = match self.kind {
            Kind::Histogram(bounds) => !bounds.is_empty() && bounds.is_sorted_by(|a, b| a < b),
            Kind::Counter | Kind::Gauge => true,
        };
        let rules = [
            (snake(self.name), "the name isn't snake_case"),
            (
                self.labels.iter().all(|label| snake(label)),
                "a label isn't snake_case",
            ),
            (
                counter == self.name.ends_with("_total"),
                "counters, and they alone, end with _total",
            ),
            (
                matches!(self.unit, Unit::Seconds | Unit::UnixSeconds)
                    == stem.ends_with("_seconds"),
                "seconds, and they alone, have _seconds in their name",
            ),
            (
                (self.unit == Unit::Bytes)
                    == (stem.ends_with("_bytes") || stem.ends_with("_bytes_max")),
                "bytes, and they alone, have _bytes in their name",
            ),
            (
                !self
                    .labels
                    .iter()
                    .any(|label| ["le", "quantile", "job", "instance"].contains(label)),
                "a label is one that Prometheus sets",
            ),
            (ascends, "the buckets don't ascend"),
            (self.help.ends_with('.'), "the meaning is no sentence"),
        ];
        let broken = rules.iter().filter(|(holds, _)| !holds);
        broken.map(|(_, rule)| *rule).collect()
    }
}

/// The series that have been used. A recorder asks here for what a name means.
static USED: LazyLock<RwLock<HashMap<&'static str, &'static Series>>> =
    LazyLock::new(RwLock::default);

/// The declaration of a series that has been used; two of one name are one series,
/// the first.
#[must_use]
pub fn find(name: &str) -> Option<&'static Series> {
    let used = USED.read().unwrap_or_else(PoisonError::into_inner);
    used.get(name).copied()
}

fn announce(series: &'static Series) {
    let mut used = USED.write().unwrap_or_else(PoisonError::into_inner);
    used.entry(series.name).or_insert(series);
}
