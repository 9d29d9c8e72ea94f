//! How many lines of one call site get into the log.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tracing::{Level, Metadata};

/// Call sites that are counted apart. A program of this size has about 300; those
/// that find no place share one.
const SITES: usize = 1_024;
/// Places that are looked at for one.
const PROBES: usize = 8;

/// Whether a line is written, by its call site.
///
/// Warnings and errors always are. Of the others a site gets a number of lines
/// a second; when it says more than that, every k-th line is written, and k follows from
/// what the site said in the second before. So the lines that stand in the log are spread
/// over the second, and tell for how many they stand.
///
/// # Limits
///
/// 1,024 sites, 16 bytes each; further ones share what one site may say.
#[derive(Debug)]
pub(super) struct Sites {
    places: Box<[Place]>,
    shared: AtomicU64,
    skipped: AtomicU64,
}

#[derive(Debug, Default)]
struct Place {
    /// The address of the site's metadata, 0 for nobody's.
    site: AtomicUsize,
    pace: AtomicU64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Written, and stands for so many.
    Write(u32),
    Skip,
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            places: (0..SITES).map(|_| Place::default()).collect(),
            shared: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }
}

impl Sites {
    /// Decides about a line in a second, at `rate` lines a second.
    pub(super) fn decide(
        &self,
        site: &'static Metadata<'static>,
        second: u64,
        rate: u32,
    ) -> Verdict {
        if *site.level() <= Level::WARN {
            return Verdict::Write(1);
        }
        let pace = self.place(std::ptr::from_ref(site).addr());
        let mut verdict = Verdict::Skip;
        // Whoever loses the race counts again.
        let _always = pace.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |packed| {
            let (next, then) = Pace::unpack(packed).step(second, rate);
            verdict = then;
            Some(next.pack())
        });
        if verdict == Verdict::Skip {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
        verdict
    }

    /// Lines that were left out so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    fn place(&self, site: usize) -> &AtomicU64 {
        // Metadata lies in static memory, 8 bytes and more apart.
        let site_bits = u64::try_from(site >> 3).unwrap_or_default();
        let hash = site_bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
        let hash = usize::try_from(hash).unwrap_or_default();
        for probe in 0..PROBES {
            let place = &self.places[(hash + probe) % SITES];
            let taken = place
                .site
                .compare_exchange(0, site, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() || taken == Err(site) {
                return &place.pace;
            }
        }
        &self.shared
    }
}

/// What a site said in this second, and how many lines one of it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pace {
    /// Modulo 2^20, twelve days.
    second: u64,
    seen: u32,
    stride: u32,
}

const SECOND_BITS: u32 = 20;
const SEEN_BITS: u32 = 24;
const SEEN_MAX: u32 = (1 << SEEN_BITS) - 1;
const STRIDE_MAX: u32 = (1 << (64 - SECOND_BITS - SEEN_BITS)) - 1;

impl Pace {
    fn unpack(packed: u64) -> Self {
        let low = |bits: u32| (1_u64 << bits) - 1;
        Self {
            second: packed >> (64 - SECOND_BITS),
            seen: u32::try_from(packed & low(SEEN_BITS)).unwrap_or(SEEN_MAX),
            stride: u32::try_from(packed >> SEEN_BITS & low(64 - SECOND_BITS - SEEN_BITS))
                .unwrap_or(STRIDE_MAX),
        }
    }

    fn pack(self) -> u64 {
        self.second << (64 - SECOND_BITS)
            | u64::from(self.stride) << SEEN_BITS
            | u64::from(self.seen)
    }

    /// One line more.
    fn step(mut self, second: u64, rate: u32) -> (Self, Verdict) {
        let second = second % (1 << SECOND_BITS);
        if second != self.second || self.stride == 0 {
            let last = (self.second + 1) % (1 << SECOND_BITS) == second;
            let seen = if last { self.seen } else { 0 };
            self = Self {
                second,
                seen: 0,
                stride: seen.div_ceil(rate.max(1)).clamp(1, STRIDE_MAX),
            };
        }
        let nth = self.seen;
        self.seen = (nth + 1).min(SEEN_MAX);
        // The last of `stride` lines: it stands for those before it.
        let turn = (nth + 1).is_multiple_of(self.stride);
        let written = nth / self.stride;
        let verdict = if turn && written < rate {
            Verdict::Write(self.stride)
        } else {
            Verdict::Skip
        };
        (self, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(pace: &mut Pace, second: u64, lines: u32, rate: u32) -> Vec<u32> {
        let step = |_| {
            let (next, verdict) = Pace::unpack(pace.pack()).step(second, rate);
            *pace = next;
            match verdict {
                Verdict::Write(weight) => Some(weight),
                Verdict::Skip => None,
            }
        };
        (0..lines).filter_map(step).collect()
    }

    #[test]
    fn a_quiet_site_is_heard_in_full() {
        let mut pace = Pace::default();
        for second in 0..5 {
            assert_eq!(written(&mut pace, second, 10, 10), vec![1; 10]);
        }
    }

    #[test]
    fn a_loud_site_is_thinned_out_from_its_second_second() {
        let mut pace = Pace::default();
        assert_eq!(written(&mut pace, 7, 1_000, 10), vec![1; 10]);
        assert_eq!(written(&mut pace, 8, 1_000, 10), vec![100; 10]);
        // Less than before: the stride follows.
        assert_eq!(written(&mut pace, 9, 50, 10), vec![] as Vec<u32>);
        assert_eq!(written(&mut pace, 10, 50, 10), vec![5; 10]);
        // After a pause it starts anew.
        assert_eq!(written(&mut pace, 20, 3, 10), vec![1; 3]);
    }

    #[test]
    fn errors_are_always_written_and_sites_are_told_apart() {
        let sites = Sites::default();
        let error = tracing::callsite! { name: "e", kind: tracing::metadata::Kind::EVENT, target: "t", level: Level::ERROR, fields: };
        let one = tracing::callsite! { name: "a", kind: tracing::metadata::Kind::EVENT, target: "t", level: Level::INFO, fields: };
        let other = tracing::callsite! { name: "b", kind: tracing::metadata::Kind::EVENT, target: "t", level: Level::INFO, fields: };
        use tracing::Callsite as _;
        let decide = |site: &'static Metadata<'static>| sites.decide(site, 1, 2);
        for _ in 0..10 {
            assert_eq!(decide(error.metadata()), Verdict::Write(1));
        }
        let heard = |site| (0..10).filter(|_| decide(site) != Verdict::Skip).count();
        assert_eq!((heard(one.metadata()), heard(other.metadata())), (2, 2));
        assert_eq!(sites.skipped(), 16);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate(rate in 1_u32..200, seconds in prop::collection::vec((0_u64..3, 0_u32..2_000), 1..10)) {
            let (mut pace, mut second) = (Pace::default(), 0);
            for (pause, lines) in seconds {
                second += 1 + pause;
                let weights = written(&mut pace, second, lines, rate);
                prop_assert!(weights.len() <= rate as usize);
                // What a line stands for was said.
                prop_assert!(weights.iter().sum::<u32>() <= lines);
            }
        }

        #[test]
        fn a_pace_fits_its_64_bits(second in 0_u64..1 << SECOND_BITS, seen in 0..=SEEN_MAX, stride in 0..=STRIDE_MAX) {
            let pace = Pace { second, seen, stride };
            prop_assert_eq!(Pace::unpack(pace.pack()), pace);
        }
    }
}
