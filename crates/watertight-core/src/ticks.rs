//! Time as the processor counts it: what each poll can afford.
//!
//! Two `Instant::now` cost more than everything else that is done around a
//! poll; two reads of the time stamp counter cost 18 ns. Where it can't be
//! trusted, `quanta` falls back to the operating system's clock.

use std::sync::LazyLock;
use std::time::Duration;

static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// A point in time, as the counter shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    #[inline]
    pub(crate) fn now() -> Self {
        Self(CLOCK.raw())
    }

    /// From then to `later`; zero if that was before. Counters of two cores
    /// can be apart by some ticks.
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_nanos(CLOCK.delta_as_nanos(self.0, self.0.max(later.0)))
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.until(Self::now())
    }
}

/// So many ticks as a duration.
pub(crate) fn duration(ticks: u64) -> Duration {
    Duration::from_nanos(CLOCK.delta_as_nanos(0, ticks))
}

/// So many ticks as `of` takes, about.
pub(crate) fn ticks(of: Duration) -> u64 {
    const SAMPLE: u64 = 1 << 32;
    let sample = CLOCK.delta_as_nanos(0, SAMPLE).max(1);
    let ticks = of.as_nanos().saturating_mul(u128::from(SAMPLE)) / u128::from(sample);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_durations_agree() {
        let second = Duration::from_secs(1);
        let back = duration(ticks(second));
        assert!(back.abs_diff(second) < Duration::from_micros(1), "{back:?}");
        let now = Ticks::now();
        assert_eq!(Ticks(now.0 + 1).until(now), Duration::ZERO);
    }
}
