//! What the screen shows, as a plain value.

use std::{sync::Arc, time::Duration};

use crate::{
    check::{Shelves, Tally, Till},
    load::Quantiles,
    supervise::Process,
};

/// How far the demo is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The catalogue goes in.
    #[default]
    Stocking,
    Selling,
    /// The load has stopped; orders under way come to their end.
    Settling,
    /// Everything is read and compared.
    Verifying,
    /// The processes end.
    Closing,
}

impl Phase {
    /// In one word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Stocking => "stocking",
            Self::Selling => "selling",
            Self::Settling => "settling",
            Self::Verifying => "verifying",
            Self::Closing => "closing",
        }
    }

    /// What the keys do now.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Stocking => "q or Ctrl-C stops",
            Self::Selling => "q or Ctrl-C stops, verifies and sums up",
            Self::Settling | Self::Verifying => "q or Ctrl-C again ends at once, unverified",
            Self::Closing => "one moment",
        }
    }
}

/// A rate now and over the last minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rate {
    pub(super) per_s: f64,
    pub(super) history: Vec<f64>,
}

/// A process now, and its memory over the last minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ProcessRow {
    pub(super) process: Process,
    /// Of one core, over the last second.
    pub(super) cpu_percent: Option<f64>,
    /// MiB.
    pub(super) rss_history: Vec<f64>,
}

/// Where the shop is, fixed for a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Name, URL, admin URL.
    pub(super) services: Vec<(&'static str, String, String)>,
    /// What there is to read, in a browser.
    pub(super) docs: String,
    /// An order, ready to be pasted.
    pub(super) curl: String,
    /// Data and logs.
    pub(super) data: String,
}

/// One line of the event area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) text: String,
    pub(super) trouble: bool,
}

/// Everything that is on the screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(super) phase: Phase,
    pub(super) elapsed: Duration,
    pub(super) orders: Rate,
    pub(super) calls: Rate,
    /// Errors of the last second and of the whole run, by kind.
    pub(super) errors: Vec<(&'static str, u64, u64)>,
    pub(super) place: Quantiles,
    pub(super) read: Quantiles,
    pub(super) place_all: Quantiles,
    pub(super) read_all: Quantiles,
    pub(super) processes: Vec<ProcessRow>,
    pub(super) tally: Tally,
    /// `None` if they couldn't be read.
    pub(super) shelves: Option<Shelves>,
    pub(super) till: Option<Till>,
    /// By invariant; empty if all hold.
    pub(super) violations: Vec<(&'static str, u64)>,
    /// The first ones, for people.
    pub(super) examples: Vec<String>,
    pub(super) events: Vec<Event>,
    pub(super) places: Arc<Places>,
}
