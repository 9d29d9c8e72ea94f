//! What was counted, by name and label set, within bounds.

use super::histogram::Buckets;
use super::text::{self, Sample};
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use watertight_core::catalogue::{self, Kind, LATENCY, Series};

/// Names that have series; handles of further ones count nothing.
const NAMES_MAX: usize = 2_000;
/// Lines that all label sets together may have in a scrape; what would be more goes
/// to `other`. A line is about 120 bytes, so that a scrape has 6 MB then, unless the
/// values of labels are long.
const LINES_MAX: usize = 50_000;
/// The longest value of a label; a longer one goes to `other`.
const VALUE_BYTES_MAX: usize = 512;
/// What the labels of all further sets say.
const OTHER: &str = "other";

/// A recorder of metrics with a bound on everything.
///
/// The chassis installs one for the process, and `/metrics` shows it; a test
/// makes its own.
///
/// Why not `metrics-exporter-prometheus`: it keeps each value of a histogram until
/// somebody scrapes or does its upkeep, wants all buckets before the first service
/// has declared its own, knows no counters but whole ones, and takes any label set.
///
/// # Limits
///
/// - label sets of one name: as set (500 unless told), further ones are counted under
///   the value `other` for each label, and each time that one is asked for it counts
///   in `metrics_label_sets_dropped_total{metric}`. What is set and not counted up,
///   such as a gauge, isn't shown then: of two queues' depths there is no common one
/// - 50,000 lines in all and 512 bytes for a value, with the same consequence
/// - 2,000 names; handles of further ones count nothing
/// - names and labels that Prometheus couldn't read, of a library, count nothing
///
/// # Metrics
///
/// `metrics_label_sets_dropped_total{metric}`.
///
/// # Examples
///
/// ```
/// watertight::catalogue! {
///     /// Parcels that left, by carrier.
///     pub PARCELS: Counters("parcels_total", Count, [carrier]);
/// }
///
/// let registry = watertight::MetricsRegistry::default();
/// registry.within(|| PARCELS.with(["snail"]).increment(2));
/// assert!(registry.render().contains("parcels_total{carrier=\"snail\"} 2\n"));
/// ```
#[derive(Clone, Debug)]
pub struct MetricsRegistry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    families: RwLock<BTreeMap<String, Family>>,
    label_sets_max: AtomicUsize,
    lines: AtomicUsize,
}

/// All label sets of one name.
#[derive(Debug)]
struct Family {
    kind: Kind,
    /// `None` for what isn't in the catalogue, of a library.
    series: Option<&'static Series>,
    cells: HashMap<Key, usize>,
    /// In the order in which they came, with their labels as text.
    samples: Vec<(String, Cell)>,
    /// Times that a label set beyond the bounds was asked for.
    dropped: u64,
}

/// Where one label set is counted.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

impl Cell {
    fn new(kind: Kind, settable: bool) -> Self {
        match kind {
            Kind::Histogram(bounds) => Self::Histogram(Arc::new(Buckets::new(bounds))),
            Kind::Counter if !settable => Self::Counter(Arc::default()),
            Kind::Counter | Kind::Gauge => Self::Gauge(Arc::default()),
        }
    }
}

/// Which handle is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Counter,
    Gauge,
    Histogram,
}

impl Wanted {
    /// What the catalogue says, or a guess for what isn't in it; `None` if it is something else.
    fn kind(self, series: Option<&'static Series>) -> Option<Kind> {
        let Some(series) = series else {
            return Some(match self {
                Self::Counter => Kind::Counter,
                Self::Gauge => Kind::Gauge,
                Self::Histogram => Kind::Histogram(LATENCY),
            });
        };
        let fits = match series.kind() {
            Kind::Counter => self != Self::Histogram,
            Kind::Gauge => self == Self::Gauge,
            Kind::Histogram(_) => self == Self::Histogram,
        };
        fits.then(|| series.kind())
    }
}

impl Default for MetricsRegistry {
    fn default() -> Self {
        Self::new(500)
    }
}

impl MetricsRegistry {
    /// One with room for so many label sets of each name.
    #[must_use]
    pub fn new(label_sets_max: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                families: RwLock::default(),
                label_sets_max: AtomicUsize::new(label_sets_max),
                lines: AtomicUsize::new(0),
            }),
        }
    }

    /// Holds for label sets that come from now on; those that are there stay.
    pub(super) fn set_label_sets_max(&self, label_sets_max: usize) {
        self.inner
            .label_sets_max
            .store(label_sets_max, Ordering::Relaxed);
    }

    /// Runs `f` with everything that this thread counts going here.
    pub fn within<T>(&self, f: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(self, f)
    }

    /// Everything in the text format of Prometheus, by name.
    ///
    /// Counting goes on meanwhile, and so does this if it is called twice at once: it
    /// changes nothing. While a name is written out, label sets that are new wait.
    #[must_use]
    pub fn render(&self) -> String {
        let names: Vec<String> = self.read().keys().cloned().collect();
        let mut out = String::new();
        let mut dropped = Vec::new();
        for name in names {
            let families = self.read();
            let Some(family) = families.get(&name) else {
                continue;
            };
            if family.dropped > 0 {
                dropped.push((text::labels([("metric", &*name)]), family.dropped));
            }
            family.render(&name, &mut out);
        }
        if !dropped.is_empty() {
            let series = crate::series::LABEL_SETS_DROPPED.series();
            text::head(&mut out, series.name(), series.kind(), Some(series.help()));
            for (labels, count) in dropped {
                text::sample(&mut out, series.name(), &labels, Sample::Whole(count));
            }
        }
        out
    }

    /// The cell of a label set, made if there is room.
    fn cell(&self, key: &Key, wanted: Wanted) -> Option<Cell> {
        let known = self
            .read()
            .get(key.name())
            .and_then(|family| family.known(key));
        if known.is_some() {
            return known;
        }
        let label_sets_max = self.inner.label_sets_max.load(Ordering::Relaxed);
        let mut families = self.write();
        if !families.contains_key(key.name()) {
            if families.len() >= NAMES_MAX || !text::is_name(key.name()) {
                return None;
            }
            let series = catalogue::find(key.name());
            let family = Family::new(wanted.kind(series)?, series);
            families.insert(key.name().to_owned(), family);
        }
        let family = families.get_mut(key.name())?;
        family.cell(key, wanted, label_sets_max, &self.inner.lines)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Family>> {
        self.inner
            .families
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Family>> {
        self.inner
            .families
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Family {
    fn new(kind: Kind, series: Option<&'static Series>) -> Self {
        Self {
            kind,
            series,
            cells: HashMap::new(),
            samples: Vec::new(),
            dropped: 0,
        }
    }

    fn known(&self, key: &Key) -> Option<Cell> {
        let (_, cell) = self.samples.get(*self.cells.get(key)?)?;
        Some(cell.clone())
    }

    /// How many lines one label set takes in a scrape.
    fn lines(&self) -> usize {
        match self.kind {
            Kind::Histogram(bounds) => bounds.len() + 3,
            Kind::Counter | Kind::Gauge => 1,
        }
    }

    fn cell(
        &mut self,
        key: &Key,
        wanted: Wanted,
        label_sets_max: usize,
        lines: &AtomicUsize,
    ) -> Option<Cell> {
        if let Some(cell) = self.known(key) {
            return Some(cell);
        }
        let histogram = matches!(self.kind, Kind::Histogram(_));
        // A histogram's lines have this one of their own.
        let legal = |key: &str| text::is_name(key) && !(histogram && key == "le");
        if !key.labels().all(|label| legal(label.key())) {
            return None;
        }
        let long = key
            .labels()
            .any(|label| label.value().len() > VALUE_BYTES_MAX);
        let many = self.samples.len() >= label_sets_max
            || lines.load(Ordering::Relaxed) + self.lines() > LINES_MAX;
        // A name without labels has one set, which the bounds let in.
        if (long || many) && key.labels().len() > 0 {
            self.dropped += 1;
            // The one set last would be taken for all of them.
            if wanted == Wanted::Gauge {
                return None;
            }
            let other = other(key);
            return Some(
                self.known(&other)
                    .unwrap_or_else(|| self.add(other, wanted, lines)),
            );
        }
        Some(self.add(key.to_retained(), wanted, lines))
    }

    fn add(&mut self, key: Key, wanted: Wanted, lines: &AtomicUsize) -> Cell {
        let cell = Cell::new(self.kind, wanted == Wanted::Gauge);
        let labels = text::labels(key.labels().map(|label| (label.key(), label.value())));
        lines.fetch_add(self.lines(), Ordering::Relaxed);
        self.cells.insert(key, self.samples.len());
        self.samples.push((labels, cell.clone()));
        cell
    }

    fn render(&self, name: &str, out: &mut String) {
        text::head(out, name, self.kind, self.series.map(Series::help));
        for (labels, cell) in &self.samples {
            match cell {
                Cell::Counter(count) => {
                    let count = count.load(Ordering::Relaxed);
                    text::sample(out, name, labels, Sample::Whole(count));
                }
                Cell::Gauge(bits) => {
                    let value = f64::from_bits(bits.load(Ordering::Relaxed));
                    text::sample(out, name, labels, Sample::Real(value));
                }
                Cell::Histogram(buckets) => {
                    text::histogram(out, name, labels, &buckets.snapshot());
                }
            }
        }
    }
}

/// The label set of all for which there is no room.
fn other(key: &Key) -> Key {
    let labels = key
        .labels()
        .map(|label| Label::new(label.key().to_owned(), OTHER));
    Key::from_parts(key.name().to_owned(), labels.collect::<Vec<_>>())
}

impl Recorder for MetricsRegistry {
    // What a series means stands in the catalogue.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let Some(Cell::Counter(count)) = self.cell(key, Wanted::Counter) else {
            return Counter::noop();
        };
        Counter::from_arc(count)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let Some(Cell::Gauge(bits)) = self.cell(key, Wanted::Gauge) else {
            return Gauge::noop();
        };
        Gauge::from_arc(bits)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let Some(Cell::Histogram(buckets)) = self.cell(key, Wanted::Histogram) else {
            return Histogram::noop();
        };
        Histogram::from_arc(buckets)
    }
}

#[cfg(test)]
mod tests;
