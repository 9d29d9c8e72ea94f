//! What a load has seen.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest that is told apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// When counting begins and ends; before is for warming up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

impl Window {
    /// So long from now, after a while for warming up.
    pub(crate) fn new(warm_up: Duration, length: Duration) -> Self {
        let begin = Instant::now() + warm_up;
        Self {
            begin,
            end: begin + length,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// A load, measured; one line of JSON between processes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) requests: u64,
    /// Connections that broke, and calls that failed or were never answered.
    pub(crate) errors: u64,
    pub(crate) rps: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// CPU of the server for each request.
    pub(crate) server_us: f64,
    /// CPU of the generator for each request.
    pub(crate) client_us: f64,
}

/// Counts of all connections together.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    counts: Arc<Mutex<Counts>>,
    window: Window,
    /// Between two requests of a connection that keeps time.
    pace: Option<Duration>,
}

#[derive(Debug)]
struct Counts {
    times: Histogram<u64>,
    errors: u64,
}

impl Tally {
    pub(crate) fn new(window: Window, pace: Option<Duration>) -> Self {
        // These bounds are valid, whatever the value: a constant of this file.
        let times = Histogram::new_with_max(LONGEST_NS, 3).unwrap_or_else(|_bad| fallback());
        Self {
            counts: Arc::new(Mutex::new(Counts { times, errors: 0 })),
            window,
            pace,
        }
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// A request that has been answered.
    ///
    /// A connection that keeps time could not send while it waited; what it
    /// would have seen is filled in, or a stall would count once.
    pub(crate) fn answered(&self, begin: Instant) {
        let now = Instant::now();
        if begin < self.window.begin || now > self.window.end {
            return;
        }
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NS);
        let mut counts = self.lock();
        let took = ns(now.duration_since(begin)).min(LONGEST_NS);
        let _in_bounds = match self.pace {
            Some(pace) => counts.times.record_correct(took, ns(pace)),
            None => counts.times.record(took),
        };
    }

    /// A connection broke, or a request got no answer.
    pub(crate) fn failed(&self) {
        let window = self.window;
        if (window.begin..window.end).contains(&Instant::now()) {
            self.lock().errors += 1;
        }
    }

    /// A request had got no answer when the time was over: it took at least so long.
    pub(crate) fn unanswered(&self, begin: Instant) {
        let ns = u64::try_from(self.window.end.duration_since(begin).as_nanos());
        let mut counts = self.lock();
        counts.errors += 1;
        let _in_bounds = counts
            .times
            .record(ns.unwrap_or(LONGEST_NS).min(LONGEST_NS));
    }

    /// All together, with what CPU server and generator used in the window.
    pub(crate) fn sample(&self, server_s: f64, client_s: f64) -> Sample {
        let counts = self.lock();
        let requests = counts.times.len();
        let each = |cpu_s: f64| cpu_s * 1e6 / requests.max(1) as f64;
        let us = |quantile| counts.times.value_at_quantile(quantile) as f64 / 1e3;
        let length = self.window.end.duration_since(self.window.begin);
        Sample {
            requests,
            errors: counts.errors,
            rps: requests as f64 / length.as_secs_f64(),
            p50_us: us(0.5),
            p99_us: us(0.99),
            max_us: counts.times.max() as f64 / 1e3,
            server_us: each(server_s),
            client_us: each(client_s),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that takes everything and grows on demand.
fn fallback() -> Histogram<u64> {
    let mut times = Histogram::new_with_max(2, 1).unwrap_or_else(|_bad| unreachable!());
    times.auto(true);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_counts_as_often_as_it_was_waited_for() {
        let pace = Duration::from_millis(1);
        let mut window = Window::new(Duration::ZERO, Duration::from_secs(3_600));
        window.begin -= Duration::from_secs(1);
        let tally = Tally::new(window, Some(pace));
        tally.answered(Instant::now() - 10 * pace);
        assert!(tally.sample(0.0, 0.0).requests >= 10);
        let before = tally.window().begin - pace;
        let free = Tally::new(window, None);
        free.answered(before);
        assert_eq!(free.sample(0.0, 0.0).requests, 0, "before the window");
        free.answered(Instant::now());
        free.failed();
        let sample = free.sample(1e-6, 3e-6);
        assert_eq!((sample.requests, sample.errors), (1, 1));
        assert!((sample.server_us - 1.0).abs() < 1e-9 && (sample.client_us - 3.0).abs() < 1e-9);
    }
}
