//! From an event to a line in the buffer.

use super::buffer::Weight;
use super::line::{self, About, Scratch};
use super::sites::{Sites, Verdict};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Makes lines of events, and gives them to `out`.
pub(super) struct Lines<O> {
    pub(super) service: &'static str,
    pub(super) counts: Arc<Counts>,
    pub(super) out: O,
}

/// What was said, and what became of it.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) sites: Sites,
    /// Lines a second that each site may say.
    pub(super) rate: AtomicU32,
    /// Lines that were made, by level.
    made: [AtomicU64; 5],
    /// Fields that were cut or left out.
    pub(super) cut: AtomicU64,
}

/// How levels are called in metrics, the worst first.
pub(super) const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

impl Counts {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            sites: Sites::default(),
            rate: AtomicU32::new(rate),
            made: Default::default(),
            cut: AtomicU64::new(0),
        }
    }

    /// Lines of each of [`LEVELS`].
    pub(super) fn made(&self) -> [u64; 5] {
        std::array::from_fn(|level| self.made[level].load(Ordering::Relaxed))
    }
}

fn index(level: Level) -> usize {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a line is put beside those of other machines: it tells what the machine's clock shows, also when that is set"
)]
fn since_1970() -> Duration {
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl<O: Fn(&[u8], Weight)> Lines<O> {
    fn write(&self, scratch: &mut Scratch, about: About, event: &Event<'_>) {
        let level = *event.metadata().level();
        let (line, cut) = line::write(scratch, about, event);
        let weight = match level {
            Level::ERROR => Weight::Urgent,
            Level::WARN => Weight::Important,
            _ => Weight::Usual,
        };
        (self.out)(line, weight);
        self.counts.made[index(level)].fetch_add(1, Ordering::Relaxed);
        self.counts.cut.fetch_add(cut, Ordering::Relaxed);
        scratch.tidy();
    }
}

impl<S, O> Layer<S> for Lines<O>
where
    S: Subscriber,
    O: Fn(&[u8], Weight) + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let since_1970 = since_1970();
        let rate = self.counts.rate.load(Ordering::Relaxed);
        let sites = &self.counts.sites;
        let stands_for = match sites.decide(event.metadata(), since_1970.as_secs(), rate) {
            Verdict::Write(lines) => lines,
            Verdict::Skip => return,
        };
        let about = About {
            service: self.service,
            since_1970,
            stands_for,
        };
        let used = SCRATCH.try_with(|scratch| {
            let Ok(mut scratch) = scratch.try_borrow_mut() else {
                return false;
            };
            self.write(&mut scratch, about, event);
            true
        });
        if used != Ok(true) {
            // A value logs while it is written, or the thread is ending.
            self.write(&mut Scratch::default(), about, event);
        }
    }
}
