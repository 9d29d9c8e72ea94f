//! How long to pause before a try is repeated.

use std::time::Duration;

/// Exponential backoff with full jitter: a random pause between nothing and a
/// bound that doubles, which spreads callers that failed together ("Exponential
/// Backoff And Jitter", AWS Architecture Blog, 2015).
///
/// # Limits
///
/// The first bound is 25 ms, the last 1 s. It never gives up; its owner does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    pauses: u32,
}

impl Backoff {
    /// Bound of the first pause.
    pub const FIRST: Duration = Duration::from_millis(25);
    /// Bound of all later ones.
    pub const LAST: Duration = Duration::from_secs(1);

    /// The next pause; `random` is uniform in 0..1.
    pub fn pause(&mut self, random: f64) -> Duration {
        let bound = Self::FIRST
            .saturating_mul(1 << self.pauses.min(16))
            .min(Self::LAST);
        self.pauses = self.pauses.saturating_add(1);
        bound.mul_f64(random.clamp(0.0, 1.0))
    }

    /// Things go forward again: start small next time.
    pub fn reset(&mut self) {
        self.pauses = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_start_again() {
        let mut backoff = Backoff::default();
        let bounds: Vec<_> = (0..8).map(|_| backoff.pause(1.0).as_millis()).collect();
        assert_eq!(bounds, [25, 50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.pause(0.0), Duration::ZERO);
        backoff.reset();
        assert_eq!(backoff.pause(0.5), Duration::from_micros(12_500));
    }

    #[test]
    fn it_never_overflows() {
        let mut backoff = Backoff { pauses: u32::MAX };
        assert_eq!(backoff.pause(1.0), Backoff::LAST);
    }
}
