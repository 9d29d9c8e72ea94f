//! Made-up series in promtool's notation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Labels by name.
pub(crate) type Labels = BTreeMap<&'static str, &'static str>;

/// Labels from pairs.
pub(crate) fn labels<const N: usize>(pairs: [(&'static str, &'static str); N]) -> Labels {
    Labels::from(pairs)
}

/// Where made-up series come from.
pub(crate) const JOB: (&str, &str) = ("job", "orders");
/// Where made-up series come from.
pub(crate) const INSTANCE: (&str, &str) = ("instance", "orders:9090");

/// Values at one-minute intervals: straight pieces one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(String, f64);

impl Values {
    /// Begins at a value.
    pub(crate) fn from(value: f64) -> Self {
        Self(number(value), value)
    }

    /// Goes on for some minutes, each that much more than the one before.
    pub(crate) fn then(mut self, minutes: u32, step: f64) -> Self {
        if minutes == 0 {
            return self;
        }
        let first = self.1 + step;
        let sign = if step < 0.0 { '-' } else { '+' };
        // Writing to a string can't fail. `a+bxn` are n+1 values.
        let _ = write!(
            self.0,
            " {}{sign}{}x{}",
            number(first),
            number(step.abs()),
            minutes - 1
        );
        self.1 += step * f64::from(minutes);
        self
    }

    /// Stays where it is.
    pub(crate) fn stay(self, minutes: u32) -> Self {
        self.then(minutes, 0.0)
    }

    /// Jumps to a value.
    pub(crate) fn jump(mut self, value: f64) -> Self {
        // Writing to a string can't fail.
        let _ = write!(self.0, " {}", number(value));
        self.1 = value;
        self
    }

    /// Rises steadily for so many minutes.
    pub(crate) fn rising(from: f64, step: f64, minutes: u32) -> Self {
        Self::from(from).then(minutes, step)
    }

    /// The same value for so many minutes.
    pub(crate) fn flat(value: f64, minutes: u32) -> Self {
        Self::from(value).stay(minutes)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Without an exponent, which promtool's notation doesn't know.
fn number(value: f64) -> String {
    format!("{value}")
}

/// A made-up series.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) values: Values,
}

impl Input {
    /// Of orders.
    pub(crate) fn new(name: impl Into<String>, values: Values) -> Self {
        Self {
            name: name.into(),
            labels: labels([JOB, INSTANCE]),
            values,
        }
    }

    /// With a further label.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.labels.insert(name, value);
        self
    }

    /// As promtool reads it.
    pub(crate) fn selector(&self) -> String {
        let labels = self.labels.iter();
        let labels: Vec<_> = labels.map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        format!("{}{{{}}}", self.name, labels.join(", "))
    }

    /// Whether it is the same series.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.labels == other.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other() {
        let values = Values::from(10.0).then(3, 2.5).stay(2).jump(0.0);
        assert_eq!(values.text(), "10 12.5+2.5x2 17.5+0x1 0");
    }

    #[test]
    fn large_numbers_have_no_exponent() {
        assert_eq!(number(4.0 * 1_073_741_824.0), "4294967296");
    }
}
