//! Declared series that hand out handles.

use super::labels::LabelValues;
use super::{Kind, Series, Unit, announce};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

static METADATA: Metadata<'static> = Metadata::new("watertight", Level::INFO, None);

/// A series with `N` labels, and whether recorders can find it.
struct Family<const N: usize> {
    series: Series,
    announced: AtomicBool,
}

impl<const N: usize> Family<N> {
    const fn new(series: Series) -> Self {
        assert!(
            series.labels.len() == N,
            "as many labels as the type says: `catalogue!` sees to that"
        );
        Self {
            series,
            announced: AtomicBool::new(false),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the catalogue meets the facade"
    )]
    fn register<T>(
        &'static self,
        values: impl LabelValues<N>,
        with: impl FnOnce(&dyn Recorder, &Key) -> T,
    ) -> T {
        // Twice does no harm, and not at all can't be: the store comes after.
        if !self.announced.load(Ordering::Acquire) {
            announce(&self.series);
            self.announced.store(true, Ordering::Release);
        }
        let names = self.series.labels.iter();
        let labels = names.zip(values.values());
        let labels: Vec<Label> = labels
            .map(|(name, value)| Label::new(*name, value))
            .collect();
        let key = Key::from_parts(KeyName::from_const_str(self.series.name), labels);
        metrics::with_recorder(|recorder| with(recorder, &key))
    }
}

macro_rules! family {
    ($(#[doc = $doc:literal])+ $family:ident, $handle:ident, $register:ident, $kind:expr $(, $buckets:ident)?) => {
        $(#[doc = $doc])+
        ///
        /// Declared by [`catalogue!`](crate::catalogue!).
        pub struct $family<const N: usize>(Family<N>);

        impl<const N: usize> $family<N> {
            #[doc(hidden)]
            #[must_use]
            pub const fn declare(
                home: &'static str,
                help: &'static str,
                labels: &'static [&'static str],
                name: &'static str,
                unit: Unit,
                $($buckets: &'static [f64],)?
            ) -> Self {
                let help = help.trim_ascii();
                let kind = $kind;
                Self(Family::new(Series { name, kind, unit, labels, help, home }))
            }

            /// The declaration.
            #[must_use]
            pub const fn series(&self) -> &Series {
                &self.0.series
            }

            /// The name, for whoever asks for the series.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                self.0.series.name
            }

            /// The handle for these values of the labels.
            ///
            /// It looks the label set up: a hot path does so once and keeps the handle,
            /// which is cheap to clone and to use.
            ///
            /// # Limits
            ///
            /// The recorder's: a label set that is one too many is counted under the
            /// values `other`.
            pub fn with(&'static self, values: impl LabelValues<N>) -> $handle {
                self.0.register(values, |recorder, key| recorder.$register(key, &METADATA))
            }
        }

        impl $family<0> {
            /// The handle of a series without labels.
            pub fn get(&'static self) -> $handle {
                self.with([""; 0])
            }
        }

        impl<const N: usize> fmt::Debug for $family<N> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.series.fmt(f)
            }
        }
    };
}

family!(
    /// Counters of one name.
    Counters, Counter, register_counter, Kind::Counter
);
family!(
    /// Counters of one name that aren't whole numbers, such as seconds, or that somebody
    /// else counts, such as the kernel: their handle is *set*, and never to less.
    Totals, Gauge, register_gauge, Kind::Counter
);
family!(
    /// Gauges of one name.
    Gauges, Gauge, register_gauge, Kind::Gauge
);
family!(
    /// Histograms of one name.
    Histograms, Histogram, register_histogram, Kind::Histogram(buckets), buckets
);
