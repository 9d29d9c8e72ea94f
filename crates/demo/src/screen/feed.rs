//! Feeds the screen: a look at everything, once a second.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{
    model::{Model, Sample},
    terminal::Thread,
    view::{Event, Phase, Places, View},
};
use crate::{
    console::Console,
    hand,
    load::Session,
    services::Service,
    signals::Signals,
    stage::Stage,
    supervise::{Plan, Watcher},
};

/// How often the screen changes.
const PERIOD: Duration = Duration::from_secs(1);

/// Events handed to the screen: more than the largest shows.
const EVENTS_MAX: usize = 100;

/// A screen that is up. Dropped, the terminal is as it was before.
#[derive(Debug)]
pub(crate) struct Screen {
    feed: Arc<Feed>,
    thread: Thread,
}

#[derive(Debug)]
struct Feed {
    session: Arc<Session>,
    watcher: Watcher,
    console: Console,
    since: Instant,
    state: Mutex<(Phase, Model)>,
    views: watch::Sender<View>,
}

impl Screen {
    /// Takes the terminal. Keys that stop count as signals from now on.
    ///
    /// # Errors
    ///
    /// If there can't be another thread.
    pub(crate) fn open(stage: &Stage, signals: &Signals) -> io::Result<Self> {
        let (views, shown) = watch::channel(View::default());
        let feed = Arc::new(Feed {
            session: stage.session.clone(),
            watcher: stage.supervisor.watcher(),
            console: stage.console.clone(),
            since: Instant::now(),
            state: Mutex::new((
                Phase::default(),
                Model::new(places(stage.supervisor.plan())),
            )),
            views,
        });
        feed.look();
        let thread = Thread::start(shown, signals.keys(), &stage.console)?;
        say_panics(stage.console.clone());
        let fed = feed.clone();
        stage
            .scope
            .child("screen")
            .every("look", PERIOD, move |_scope| {
                let feed = fed.clone();
                async move { feed.look() }
            });
        Ok(Self { feed, thread })
    }

    /// Whether it is still there: a terminal can go away.
    pub(crate) fn is_up(&self) -> bool {
        self.thread.is_up()
    }

    /// Says how far the demo is.
    pub(crate) fn phase(&self, phase: Phase) {
        self.feed.state().0 = phase;
        self.feed.views.send_modify(|view| view.phase = phase);
    }
}

impl Feed {
    fn state(&self) -> std::sync::MutexGuard<'_, (Phase, Model)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) {
        // Nobody looks any more: leave the counts to the lines.
        if self.views.is_closed() {
            return;
        }
        let (window, place_all, read_all, errors_all) = {
            let mut stats = self.session.stats();
            let window = stats.turn();
            let all = stats.before();
            (
                window,
                all.place.quantiles(),
                all.read.quantiles(),
                all.errors.clone(),
            )
        };
        let tally = {
            let book = self.session.keeper.book();
            (book.len() > 0).then(|| book.tally())
        };
        let events = self.console.last(EVENTS_MAX).into_iter();
        let events = events.map(|kept| Event {
            at: kept.at.saturating_duration_since(self.since),
            text: kept.text,
            trouble: kept.trouble,
        });
        let seen = *self.session.seen();
        let findings = self.session.keeper.findings().clone();
        let mut state = self.state();
        let sample = Sample {
            at: self.since.elapsed(),
            phase: state.0,
            window,
            place_all,
            read_all,
            errors_all,
            tally,
            seen,
            findings,
            processes: self.watcher.look(),
            events: events.collect(),
        };
        let view = state.1.tick(sample);
        // With the lock held, so that no older phase overtakes a newer one.
        self.views.send_replace(view);
    }
}

fn places(plan: &Plan) -> Places {
    let place = |service: Service| (service.name(), plan.url(service), plan.admin_url(service));
    Places {
        services: Service::ALL.into_iter().map(place).collect(),
        docs: format!("{}/docs", plan.url(Service::Gateway)),
        curl: hand::curl(plan),
        data: plan.dir.path().display().to_string(),
    }
}

/// Has panics said among the events while a screen is up: on stderr they would
/// tear it and be wiped away.
fn say_panics(console: Console) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !console.keep(panic, true) {
            before(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    fn a_panic_is_said_among_the_events_while_a_screen_is_up() {
        let console = Console::new(false);
        say_panics(console.clone());
        console.hold();
        let panics = || std::thread::Builder::new().spawn(|| panic!("of the test"));
        assert!(panics().unwrap().join().is_err());
        let last = console.last(1);
        assert!(last[0].trouble && last[0].text.contains("of the test"));
        console.release();
        assert!(console.last(1).is_empty());
    }
}
