//! The last values of something, and how they look in one line.

use std::collections::VecDeque;

/// The last so many values, oldest first.
///
/// # Limits
///
/// Holds `max` values; the oldest makes room.
#[derive(Clone, Debug)]
pub(super) struct History {
    values: VecDeque<f64>,
    max: usize,
}

impl History {
    pub(super) fn new(max: usize) -> Self {
        Self {
            values: VecDeque::with_capacity(max),
            max,
        }
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.values.len() == self.max {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    pub(super) fn values(&self) -> Vec<f64> {
        self.values.iter().copied().collect()
    }
}

/// Where a sparkline begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From nothing: how much it is.
    Zero,
    /// From a little below the lowest: where it goes. What varies by less than
    /// a tenth looks flat, so that noise doesn't look like news.
    Trend,
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last `width` values as bars.
pub(super) fn sparkline(values: &[f64], width: usize, scale: Scale) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let least = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let most = shown.iter().copied().fold(0.0, f64::max);
    let (floor, top) = match scale {
        Scale::Zero => (0.0, most * 1.1),
        Scale::Trend => (least * 0.9, most.max(least * 1.2)),
    };
    let bar = |value: &f64| {
        let share = (value - floor) / (top - floor).max(f64::MIN_POSITIVE);
        // From 0 to 7 after the clamp, whatever went in; NaN becomes 0.
        #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=7")]
        let index = (share * 8.0).floor().clamp(0.0, 7.0) as usize;
        BARS[index.min(7)]
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_values_are_kept_and_shown() {
        let mut history = History::new(4);
        for value in 0..10 {
            history.push(f64::from(value));
        }
        assert_eq!(history.values(), [6.0, 7.0, 8.0, 9.0]);
        assert_eq!(
            sparkline(&history.values(), 2, Scale::Zero).chars().count(),
            2
        );
        assert_eq!(sparkline(&[], 9, Scale::Zero), "");
    }

    #[test]
    fn bars_tell_much_from_little_and_noise_from_a_trend() {
        assert_eq!(sparkline(&[0.0, 50.0, 100.0], 9, Scale::Zero), "▁▄█");
        let noise = sparkline(&[100.0, 101.0, 100.5], 9, Scale::Trend);
        assert_eq!(
            noise
                .chars()
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            1
        );
        assert_eq!(sparkline(&[10.0, 20.0], 9, Scale::Trend), "▁█");
        for odd in [&[0.0, 0.0][..], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0]] {
            assert_eq!(sparkline(odd, 9, Scale::Zero).chars().count(), 2);
            assert_eq!(sparkline(odd, 9, Scale::Trend).chars().count(), 2);
        }
    }
}
