//! A budget for HTTP/2 frames that carry no request.
//!
//! hyper and h2 bound what such frames cost in memory, but not in time: a peer
//! may send PINGs, SETTINGS or WINDOW_UPDATEs for ever, and each is handled and
//! some are answered. Honest peers send them in proportion to the traffic:
//! two window updates for some kilobytes received, a reset for a request given
//! up. So traffic earns frames, a steady trickle is free, and who is beyond
//! both floods.

use std::time::Duration;
use tokio::time::Instant;

/// Length of a frame's header (RFC 9113, 4.1).
const HEAD: usize = 9;

const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// One control frame, in the unit of the account.
const FRAME: u64 = 1_024;
/// Each 256 bytes of one cost another: 16 KiB of SETTINGS are 2,730 of them.
const PER_BYTE: u64 = FRAME / 256;
/// A request may be reset once and prioritised once.
const PER_REQUEST: u64 = 2 * FRAME;
/// A frame for each 32 bytes we send: a peer may open two windows for each
/// message of one byte and headers. Less than a PING earns by its answer (17 bytes).
const PER_BYTE_SENT: u64 = FRAME / 32;
/// A frame for each KiB that comes, for peers that measure with PINGs.
const PER_BYTE_COME: u64 = 1;
/// What traffic can earn ahead. What is in flight to a slow peer comes back as
/// window updates all at once; 256 Ki of them cost us about 0.1 s.
const EARNED_MAX: u64 = 256 * 1_024 * FRAME;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) len: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
}

/// A piece of a stream of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Head(FrameHead),
    /// Some of the payload that belongs to the head before.
    Payload(&'a [u8]),
}

/// Finds the headers of frames in a stream of bytes, however it is cut.
#[derive(Debug, Default)]
pub(super) struct FrameHeads {
    head: [u8; HEAD],
    have: usize,
    /// Payload still to be passed over.
    skip: usize,
}

impl FrameHeads {
    /// Reads on; each header goes to `on` once it is complete, payload as it comes.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut on: impl FnMut(Piece<'_>)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                let (payload, rest) = bytes.split_at(skipped);
                on(Piece::Payload(payload));
                bytes = rest;
                continue;
            }
            let take = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + take].copy_from_slice(&bytes[..take]);
            self.have += take;
            bytes = &bytes[take..];
            if self.have == HEAD {
                let head = self.head;
                let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                self.have = 0;
                self.skip = len as usize;
                on(Piece::Head(FrameHead {
                    len,
                    kind: head[3],
                    flags: head[4],
                }));
            }
        }
    }
}

/// What a frame does to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Earns(u64),
    Costs(u64),
}

fn effect(frame: FrameHead) -> Effect {
    let len = u64::from(frame.len);
    match frame.kind {
        HEADERS => Effect::Earns(PER_REQUEST),
        DATA if len > 0 => Effect::Earns(len * PER_BYTE_COME),
        // How a request's body ends, once for each request.
        DATA if frame.flags & END_STREAM != 0 => Effect::Earns(0),
        _ => Effect::Costs(FRAME + len * PER_BYTE),
    }
}

/// The account: a token bucket that traffic fills beyond its refill.
#[derive(Debug)]
pub(super) struct FrameBudget {
    left: u64,
    burst: u64,
    per_s: u64,
    refilled: Instant,
}

impl FrameBudget {
    pub(super) fn new(per_s: u32, burst: u32, now: Instant) -> Self {
        let burst = u64::from(burst) * FRAME;
        Self {
            left: burst,
            burst,
            per_s: u64::from(per_s) * FRAME,
            refilled: now,
        }
    }

    /// We sent so many bytes.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.earn(
            u64::try_from(bytes)
                .unwrap_or(u64::MAX)
                .saturating_mul(PER_BYTE_SENT),
        );
    }

    fn earn(&mut self, credit: u64) {
        let max = EARNED_MAX.max(self.burst);
        self.left = self.left.saturating_add(credit).min(max);
    }

    /// A frame came; false if it is one too many. The clock is read only when
    /// the account is empty, so that honest peers don't pay for it.
    pub(super) fn came(&mut self, frame: FrameHead, now: impl FnOnce() -> Instant) -> bool {
        let cost = match effect(frame) {
            Effect::Earns(credit) => {
                self.earn(credit);
                return true;
            }
            Effect::Costs(cost) => cost,
        };
        if self.left < cost {
            self.refill(now());
        }
        let enough = self.left >= cost;
        self.left = self.left.saturating_sub(cost);
        enough
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled);
        // A refill to the brim needs no exact figure, and can't overflow.
        let passed = passed.min(Duration::from_secs(3600));
        let refill = u128::from(self.per_s) * passed.as_micros() / 1_000_000;
        let refill = u64::try_from(refill).unwrap_or(u64::MAX);
        self.left = self
            .left
            .max(self.burst.min(self.left.saturating_add(refill)));
        self.refilled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RST_STREAM: u8 = 3;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn head(kind: u8, len: u32) -> FrameHead {
        FrameHead {
            len,
            kind,
            flags: 0,
        }
    }

    fn encode(frames: &[(u16, u8, u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (len, kind, flags) in frames {
            let size = u32::from(*len).to_be_bytes();
            bytes.extend([size[1], size[2], size[3], *kind, *flags, 0, 0, 0, 1]);
            bytes.extend(vec![0xff; usize::from(*len)]);
        }
        bytes
    }

    proptest! {
        #[test]
        fn frames_are_found_however_the_bytes_come(
            frames in prop::collection::vec((0_u16..300, any::<u8>(), any::<u8>()), 0..20),
            cuts in prop::collection::vec(1_usize..400, 1..50),
        ) {
            let bytes = encode(&frames);
            let (mut heads, mut seen, mut rest) = (FrameHeads::default(), Vec::new(), &bytes[..]);
            let mut payload = 0;
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                heads.feed(now, |piece| match piece {
                    Piece::Head(head) => seen.push(head),
                    Piece::Payload(bytes) => payload += bytes.len(),
                });
                rest = later;
            }
            let sent: Vec<_> = frames
                .iter()
                .map(|(len, kind, flags)| FrameHead { len: u32::from(*len), kind: *kind, flags: *flags })
                .collect();
            prop_assert_eq!(seen, sent);
            prop_assert_eq!(payload, bytes.len() - frames.len() * HEAD);
        }

        /// A peer that resets what it asked for, opens both windows for each
        /// frame it gets, however late, and measures with a ping per 16 KiB.
        #[test]
        fn an_honest_peer_never_hits_it(
            turns in prop::collection::vec((0_u8..4, 1_u32..16_384, 1_usize..64), 1..200),
        ) {
            let now = Instant::now();
            let mut budget = FrameBudget::new(0, 64, now);
            let mut owed = 0_usize;
            for (what, len, many) in turns {
                for _ in 0..many {
                    let fine = match what {
                        0 => budget.came(head(HEADERS, 30), || now)
                            && budget.came(head(RST_STREAM, 4), || now),
                        1 => {
                            budget.came(head(DATA, 16_384), || now)
                                && budget.came(head(PING, 8), || now)
                        }
                        2 => {
                            // 64 bytes are the shortest frame that pays for two updates.
                            budget.sent(len.max(80) as usize);
                            owed += 2;
                            true
                        }
                        _ => {
                            let fine = (0..owed).all(|_| budget.came(head(WINDOW_UPDATE, 4), || now));
                            owed = 0;
                            fine
                        }
                    };
                    prop_assert!(fine);
                }
            }
        }

        /// Whatever it sends: not more than the burst twice and the rate.
        #[test]
        fn a_flood_ends(
            kinds in prop::collection::vec(2_u8..=255, 1..10),
            burst in 0_u32..1_000,
            per_s in 0_u32..1_000,
            step_us in 0_u64..10_000,
        ) {
            let opened = Instant::now();
            let mut now = opened;
            let mut budget = FrameBudget::new(per_s, burst, opened);
            let (mut passed, mut came) = (0_u64, true);
            while came && passed < 20_000 {
                now += Duration::from_micros(step_us);
                // Our answer to a ping must not pay for the next one.
                budget.sent(17);
                came = budget.came(head(kinds[usize::try_from(passed).unwrap() % kinds.len()], 8), || now);
                passed += u64::from(came);
                let seconds = now.duration_since(opened).as_secs_f64();
                let allowed = 2.0 * f64::from(burst) + f64::from(per_s) * seconds;
                // Half of a frame comes back with each answer.
                prop_assert!((passed as f64) <= 2.2 * allowed + 3.0, "{passed} of {allowed}");
            }
        }
    }

    #[test]
    fn big_control_frames_cost_more_and_the_end_of_a_body_nothing() {
        let now = Instant::now();
        let mut budget = FrameBudget::new(0, 66, now);
        assert!(budget.came(head(4, 16_384), || now));
        assert!(budget.came(head(4, 0), || now));
        let end = FrameHead {
            len: 0,
            kind: DATA,
            flags: END_STREAM,
        };
        assert!(budget.came(end, || now));
        assert!(!budget.came(head(DATA, 0), || now));
    }

    #[test]
    fn time_refills_up_to_the_burst() {
        let opened = Instant::now();
        let mut budget = FrameBudget::new(10, 5, opened);
        let empty = |budget: &mut FrameBudget, now| {
            (0..100)
                .take_while(|_| budget.came(head(PING, 0), || now))
                .count()
        };
        assert_eq!(empty(&mut budget, opened), 5);
        assert_eq!(empty(&mut budget, opened + Duration::from_millis(300)), 3);
        assert_eq!(empty(&mut budget, opened + Duration::from_secs(60)), 5);
    }
}
