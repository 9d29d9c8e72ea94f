//! Whether a series of memory readings keeps growing.

/// Windows that all have to grow.
const WINDOWS: usize = 4;
/// Growth for each repetition, in bytes, from which it is a leak on one thread:
/// jemalloc's smallest size class, so that one object for each repetition is
/// always more.
pub(super) const BYTES_MIN: i64 = 8;
/// Fewer would give windows of less than three repetitions.
pub(super) const REPETITIONS_MIN: usize = 16;

/// Bytes for each repetition, if each window after the warm-up grew.
///
/// `kept` is what was kept before the first repetition and after each one. A
/// cache that fills up, a buffer that doubles, or memory that goes up and down
/// has a window that doesn't grow; only what grows for ever grows in all of them,
/// by `bytes_min` or more for each repetition.
pub(super) fn steady_growth(kept: &[i64], bytes_min: i64) -> Option<f64> {
    let last = kept.len().checked_sub(1)?;
    let width = (last - last / 4) / WINDOWS;
    if width == 0 {
        return None;
    }
    let begin = last - width * WINDOWS;
    let grows = |window: usize| {
        let from = begin + window * width;
        kept[from + width] - kept[from] >= bytes_min * width as i64
    };
    (0..WINDOWS)
        .all(grows)
        .then(|| (kept[last] - kept[begin]) as f64 / (width * WINDOWS) as f64)
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MIN, REPETITIONS_MIN, WINDOWS};
    use proptest::prelude::*;

    fn steady_growth(kept: &[i64]) -> Option<f64> {
        super::steady_growth(kept, BYTES_MIN)
    }

    /// Readings of `n` repetitions, each of which keeps what `each` says.
    fn series(n: usize, each: impl Fn(usize) -> i64) -> Vec<i64> {
        let mut kept = vec![0];
        kept.extend((1..=n).scan(0, |sum, i| {
            *sum += each(i);
            Some(*sum)
        }));
        kept
    }

    proptest! {
        #[test]
        fn one_object_for_each_repetition_is_found(n in REPETITIONS_MIN..500, bytes in 8_i64..100_000) {
            let found = steady_growth(&series(n, |_| bytes));
            prop_assert!(found.is_some_and(|found| (found - bytes as f64).abs() < 1e-6));
        }

        #[test]
        fn so_is_one_of_64_bytes_in_every_eighth(n in 100_usize..500, first in 0_usize..8) {
            let found = steady_growth(&series(n, |i| if i % 8 == first { 64 } else { 0 }));
            // A window whose width is no multiple of eight may hold one less than its share.
            let exact = ((n - n / 4) / WINDOWS).is_multiple_of(8);
            prop_assert!(found.is_some() || !exact, "{n}");
        }

        #[test]
        fn a_leak_is_found_through_noise(n in 64_usize..500, noise in prop::collection::vec(-100_i64..100, 500)) {
            let mut kept = series(n, |_| 64);
            for (reading, noise) in kept.iter_mut().zip(&noise) {
                *reading += noise;
            }
            prop_assert!(steady_growth(&kept).is_some());
        }

        #[test]
        fn what_stops_growing_is_no_leak(n in REPETITIONS_MIN..500, bytes in 1_i64..1_000_000) {
            // Full when the last window begins, at the latest.
            let full = n - (n - n / 4) / WINDOWS;
            prop_assert_eq!(steady_growth(&series(n, |i| if i <= full { bytes } else { 0 })), None);
        }

        #[test]
        fn what_goes_up_and_down_is_no_leak(kept in prop::collection::vec(0_i64..96, 17..500)) {
            prop_assert_eq!(steady_growth(&kept), None);
        }

        #[test]
        fn a_buffer_that_doubles_is_no_leak(n in REPETITIONS_MIN..500) {
            let doubles = |i: usize| if i.is_power_of_two() { i as i64 * 64 } else { 0 };
            prop_assert_eq!(steady_growth(&series(n, doubles)), None);
        }

        #[test]
        fn where_it_begins_does_not_matter(kept in prop::collection::vec(-1_000_i64..1_000, 17..100), from in -1_000_000_i64..1_000_000) {
            let moved: Vec<i64> = kept.iter().map(|kept| kept + from).collect();
            prop_assert_eq!(steady_growth(&kept), steady_growth(&moved));
        }
    }

    #[test]
    fn no_readings_are_no_leak() {
        assert_eq!(steady_growth(&[]), None);
        assert_eq!(steady_growth(&[1]), None);
        assert_eq!(steady_growth(&[1, 99_999]), None);
    }

    #[test]
    fn less_than_the_threshold_is_no_leak() {
        let kept = series(100, |_| 1_000);
        assert_eq!(super::steady_growth(&kept, 1_001), None);
        assert!(super::steady_growth(&kept, 1_000).is_some());
    }
}
