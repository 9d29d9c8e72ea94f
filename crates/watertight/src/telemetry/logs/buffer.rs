//! Lines on their way out: decisions only; the thread around it is `writer`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many bytes are written without waiting for more. Between a page, below
/// which a system call costs more than its bytes, and 10 KB, from where on
/// larger writes gain nothing.
pub(super) const BATCH_BYTES: usize = 8 * 1_024;
/// How long a line waits for others.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// An empty buffer that is larger gives its memory back.
const IDLE_BYTES_MAX: usize = 64 * 1_024;

/// A bounded queue of whole lines.
///
/// # Limits
///
/// `bytes_max` for all that is waiting, and what the writer has in hand. The last
/// quarter is kept for warnings and errors. A line that finds no room is refused;
/// nothing that was accepted is thrown away for another one.
#[derive(Debug)]
pub(super) struct Buffer {
    queue: VecDeque<u8>,
    bytes_max: usize,
    /// What the writer took and has not written yet.
    in_hand: usize,
    /// When the first line came that is waiting.
    since: Option<Instant>,
    /// Something shall not wait for more.
    urgent: bool,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Info and less.
    Usual,
    /// A warning: has room when others have none.
    Important,
    /// An error: is written at once, too.
    Urgent,
}

/// There was no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// When there is something to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    At(Instant),
    Never,
}

impl Buffer {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes_max,
            in_hand: 0,
            since: None,
            urgent: false,
        }
    }

    /// Less than before refuses lines until so much has been written.
    pub(super) fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Takes a line, with its line break. `Ok(true)` if it made something due
    /// that was not.
    pub(super) fn push(&mut self, line: &[u8], weight: Weight, now: Instant) -> Result<bool, Full> {
        let room = match weight {
            Weight::Usual => self.bytes_max / 4 * 3,
            Weight::Important | Weight::Urgent => self.bytes_max,
        };
        if self.bytes() + line.len() > room {
            return Err(Full);
        }
        let before = self.due(now);
        self.make_room(line.len());
        self.queue.extend(line);
        self.since.get_or_insert(now);
        self.urgent |= weight == Weight::Urgent;
        let after = self.due(now);
        Ok(before != after && (after == Due::Now || before == Due::Never))
    }

    /// `VecDeque` would take up to twice of what it needs.
    fn make_room(&mut self, more: usize) {
        let needed = self.queue.len() + more;
        let capacity = self.queue.capacity();
        if needed > capacity {
            let grown = (capacity * 2).min(self.bytes_max).max(needed);
            self.queue.reserve_exact(grown - self.queue.len());
        }
    }

    /// Bytes that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.queue.len() + self.in_hand
    }

    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    pub(super) fn due(&self, now: Instant) -> Due {
        let Some(since) = self.since else {
            return Due::Never;
        };
        let at = since + LINGER;
        if self.urgent || self.queue.len() >= BATCH_BYTES || at <= now {
            Due::Now
        } else {
            Due::At(at)
        }
    }

    /// Moves the next lines to `batch`: as many as fit [`BATCH_BYTES`], one at least.
    pub(super) fn take(&mut self, batch: &mut Vec<u8>) {
        batch.clear();
        let length = self.whole_lines();
        batch.extend(self.queue.drain(..length));
        self.in_hand = batch.len();
        if self.queue.is_empty() {
            self.since = None;
            self.urgent = false;
        }
    }

    /// The batch is written, or lost.
    pub(super) fn done(&mut self) {
        self.in_hand = 0;
        if self.queue.is_empty() && self.queue.capacity() > IDLE_BYTES_MAX {
            self.queue.shrink_to(IDLE_BYTES_MAX / 2);
        }
    }

    fn whole_lines(&self) -> usize {
        let head = self.queue.len().min(BATCH_BYTES);
        let last = self.queue.range(..head).rposition(|b| *b == b'\n');
        if let Some(last) = last {
            return last + 1;
        }
        let next = self.queue.range(head..).position(|b| *b == b'\n');
        next.map_or(self.queue.len(), |next| head + next + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(length: usize) -> Vec<u8> {
        let mut line = vec![b'x'; length - 1];
        line.push(b'\n');
        line
    }

    #[test]
    fn a_line_waits_for_others_and_an_error_for_nobody() {
        let now = Instant::now();
        let mut buffer = Buffer::new(1 << 20);
        assert_eq!(buffer.due(now), Due::Never);
        assert_eq!(buffer.push(b"a\n", Weight::Usual, now), Ok(true));
        assert_eq!(buffer.due(now), Due::At(now + LINGER));
        let later = now + LINGER / 2;
        assert_eq!(buffer.push(b"b\n", Weight::Important, later), Ok(false));
        assert_eq!(buffer.due(now + LINGER), Due::Now);
        assert_eq!(buffer.push(b"c\n", Weight::Urgent, later), Ok(true));
        assert_eq!(buffer.due(later), Due::Now);
        let mut batch = Vec::new();
        buffer.take(&mut batch);
        assert_eq!(batch, b"a\nb\nc\n");
        assert_eq!((buffer.due(later), buffer.bytes()), (Due::Never, 6));
        buffer.done();
        assert_eq!(buffer.bytes(), 0);
    }

    #[test]
    fn a_full_batch_is_due() {
        let now = Instant::now();
        let mut buffer = Buffer::new(1 << 20);
        let mut woken = 0;
        for _ in 0..9 {
            woken += usize::from(buffer.push(&line(1_024), Weight::Usual, now) == Ok(true));
        }
        // At the first line, and when the batch was full.
        assert_eq!((woken, buffer.due(now)), (2, Due::Now));
    }

    #[test]
    fn the_last_quarter_is_for_what_matters() {
        let now = Instant::now();
        let mut buffer = Buffer::new(400);
        let mut push = |weight| buffer.push(&line(100), weight, now).is_ok();
        assert_eq!([Weight::Usual; 4].map(&mut push), [true, true, true, false]);
        assert!(!push(Weight::Usual) && push(Weight::Important) && !push(Weight::Urgent));
        // What is in hand still counts.
        buffer.take(&mut Vec::new());
        assert_eq!(buffer.push(b"x\n", Weight::Urgent, now), Err(Full));
        buffer.done();
        assert!(buffer.push(b"x\n", Weight::Urgent, now).is_ok());
    }

    #[test]
    fn memory_is_given_back() {
        let now = Instant::now();
        let mut buffer = Buffer::new(1 << 20);
        while buffer.push(&line(1_000), Weight::Usual, now).is_ok() {}
        assert!(buffer.queue.capacity() <= 1 << 20);
        let mut batch = Vec::new();
        while buffer.due(now) != Due::Never {
            buffer.take(&mut batch);
            buffer.done();
        }
        assert!(buffer.queue.capacity() <= IDLE_BYTES_MAX);
        assert!(batch.capacity() <= 2 * BATCH_BYTES);
    }

    proptest! {
        #[test]
        fn what_is_accepted_comes_out_in_order_in_whole_lines(
            lines in prop::collection::vec((1_usize..20_000, 0_usize..3), 1..100),
            max in 1_000_usize..200_000,
        ) {
            let now = Instant::now();
            let (mut buffer, mut batch) = (Buffer::new(max), Vec::new());
            let (mut accepted, mut out) = (Vec::<u8>::new(), Vec::<u8>::new());
            for (length, weight) in lines {
                let weight = [Weight::Usual, Weight::Important, Weight::Urgent][weight];
                let line = line(length);
                if buffer.push(&line, weight, now).is_ok() {
                    accepted.extend(line);
                } else if weight == Weight::Usual {
                    buffer.take(&mut batch);
                    out.extend(&batch);
                    buffer.done();
                }
                prop_assert!(buffer.bytes() <= max && buffer.queue.capacity() <= max.max(20_000));
            }
            while buffer.due(now) != Due::Never {
                buffer.take(&mut batch);
                prop_assert!(batch.ends_with(b"\n"));
                let lines = batch.iter().filter(|b| **b == b'\n').count();
                prop_assert!(batch.len() <= BATCH_BYTES || lines == 1);
                out.extend(&batch);
                buffer.done();
            }
            prop_assert_eq!(out, accepted);
        }
    }
}
