//! The state machine of a task under loom: every order in which its threads can
//! meet, within the C11 memory model.
//!
//! What is modelled beside the machine itself: wakers as counted references, as
//! `Arc` counts them, and a runtime that, like tokio's, polls once for each time
//! it is woken.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap as tests do")]

use loom::sync::Arc;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::thread;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../src/task/sched.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the file of the crate, of which this uses a part"
)]
mod sched;

use sched::Sched;

/// The task's own reference; the registry's and the task's others never change.
const OWN: usize = 1;

/// A task, its runtime, and what it waits for.
struct Model {
    sched: Sched,
    references: AtomicUsize,
    /// Whether the runtime has a poll in store.
    notified: AtomicBool,
    polls: AtomicUsize,
    /// Where the task leaves its waker when it parks.
    slots: [Mutex<bool>; 2],
    /// What it waits for: told with no ordering of its own, so that the machine
    /// must give it.
    ready: [AtomicBool; 2],
    done: AtomicBool,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sched: Sched::queued(),
            references: AtomicUsize::new(OWN),
            notified: AtomicBool::new(true),
            polls: AtomicUsize::new(0),
            slots: [Mutex::new(false), Mutex::new(false)],
            ready: [AtomicBool::new(false), AtomicBool::new(false)],
            done: AtomicBool::new(false),
        })
    }

    /// Wakes the runtime; never while it still has a poll in store.
    fn notify(&self) {
        let before = self.notified.swap(true, Ordering::AcqRel);
        assert!(!before, "the runtime was woken twice for one poll");
    }

    /// What a waker does: the clone it goes through lives until all is done.
    fn wake(&self) {
        if self.sched.wake() {
            self.notify();
        }
    }

    fn clone_waker(&self) {
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    fn drop_waker(&self) {
        self.references.fetch_sub(1, Ordering::Release);
    }

    fn is_dead(&self) -> bool {
        self.sched.is_dead(|| {
            let references = self.references.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            references > OWN
        })
    }

    /// The event `which` comes: whoever left a waker for it is woken.
    fn tell(&self, which: usize) {
        self.ready[which].store(true, Ordering::Relaxed);
        let waiting = std::mem::take(&mut *self.slots[which].lock().unwrap());
        if waiting {
            self.wake();
            self.drop_waker();
        }
    }

    /// The owner of the event goes without a word.
    fn forget(&self, which: usize) {
        let waiting = std::mem::take(&mut *self.slots[which].lock().unwrap());
        if waiting {
            self.drop_waker();
        }
    }

    /// Lets the runtime poll, if it was woken: the task is done when each of the
    /// first `events` is there, and leaves a waker with those that aren't.
    fn run(&self, events: usize) {
        self.run_one(events, events);
    }

    /// The same, but it waits for one event after the other.
    fn run_in_turn(&self) {
        self.run_one(2, 1);
    }

    /// `at_once`: how many of the events it waits for at the same time.
    fn run_one(&self, events: usize, at_once: usize) {
        if !self.notified.swap(false, Ordering::AcqRel) {
            return;
        }
        assert!(
            !self.done.load(Ordering::Relaxed),
            "polled after it was done"
        );
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.sched.begin();
        let mut missing = 0;
        for which in 0..events {
            let mut waiting = self.slots[which].lock().unwrap();
            if missing == at_once || self.ready[which].load(Ordering::Relaxed) {
                continue;
            }
            missing += 1;
            if !*waiting {
                *waiting = true;
                self.clone_waker();
            }
        }
        if missing == 0 {
            // Its state stays as it is: a task that is done is never parked.
            self.done.store(true, Ordering::Relaxed);
        } else if self.sched.end() {
            self.notify();
        }
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Bugs of such small machines show with few switches; without a bound it
    // would take hours.
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn no_wake_up_is_lost_and_each_wakes_the_runtime_once() {
    check(|| {
        let model = Model::new();
        let tellers = [0, 1].map(|which| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.tell(which))
        });
        model.run(2);
        model.run(2);
        for teller in tellers {
            teller.join().unwrap();
        }
        // Two events and the first poll: no more polls than these.
        model.run(2);
        assert!(model.is_done(), "a wake-up was lost");
        assert!(model.polls.load(Ordering::Relaxed) <= 3);
    });
}

/// A waker that finds the task queued already does nothing; what was done before
/// must be seen by the poll to come all the same.
#[test]
fn a_wake_up_that_is_skipped_is_seen_by_the_poll_to_come() {
    check(|| {
        let model = Model::new();
        model.run(2);
        let told = [0, 1].map(|which| {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                // Without the slot's lock: only the machine is between them.
                model.ready[which].store(true, Ordering::Relaxed);
                model.wake();
            })
        });
        let polled = Arc::new(AtomicUsize::new(0));
        let look = |model: &Model| {
            if !model.notified.swap(false, Ordering::AcqRel) {
                return;
            }
            model.sched.begin();
            let seen = model
                .ready
                .iter()
                .filter(|ready| ready.load(Ordering::Relaxed));
            polled.store(seen.count(), Ordering::Relaxed);
            if model.sched.end() {
                model.notify();
            }
        };
        look(&model);
        for told in told {
            told.join().unwrap();
        }
        look(&model);
        look(&model);
        assert_eq!(polled.load(Ordering::Relaxed), 2, "an event was not seen");
    });
}

#[test]
fn what_will_be_woken_never_looks_dead() {
    check(|| {
        let model = Model::new();
        model.run(2);
        let worker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.tell(0);
                model.run(2);
                model.tell(1);
                model.run(2);
            })
        };
        // The task has a wake-up to come until it is done, and then it is done.
        assert!(!model.is_dead(), "dead, though it will be woken");
        assert!(!model.is_dead(), "dead, though it will be woken");
        worker.join().unwrap();
        assert!(model.is_done());
        assert!(!model.is_dead());
    });
}

/// Wakes come from one thread, polls happen on another, and a third one looks.
#[test]
fn what_is_being_woken_never_looks_dead() {
    check(|| {
        let model = Model::new();
        model.run(1);
        let teller = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.tell(0))
        };
        let warden = {
            let model = Arc::clone(&model);
            thread::spawn(move || assert!(!model.is_dead(), "dead, though it is being woken"))
        };
        model.run(1);
        teller.join().unwrap();
        model.run(1);
        warden.join().unwrap();
        assert!(model.is_done());
    });
}

/// Between one wait and the next there is a moment without any waker, and parked
/// before it looks like parked after it.
#[test]
fn what_waits_for_one_thing_after_another_never_looks_dead() {
    check(|| {
        let model = Model::new();
        model.run_in_turn();
        let worker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.tell(0);
                model.run_in_turn();
            })
        };
        assert!(!model.is_dead(), "dead, though it will be woken");
        worker.join().unwrap();
        model.tell(1);
        model.run_in_turn();
        assert!(model.is_done());
    });
}

#[test]
fn once_found_dead_it_is_never_polled_again() {
    check(|| {
        let model = Model::new();
        model.run(2);
        let teller = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.tell(0);
                model.forget(1);
            })
        };
        let warden = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.is_dead().then(|| model.polls.load(Ordering::Relaxed)))
        };
        model.run(2);
        teller.join().unwrap();
        model.run(2);
        // A poll after the last word leaves a waker nobody has.
        model.forget(1);
        let found = warden.join().unwrap();
        let polls = model.polls.load(Ordering::Relaxed);
        assert!(
            found.is_none_or(|found| found == polls),
            "dead, then polled"
        );
        assert!(model.is_dead(), "nobody can wake it, and it isn't found");
    });
}

#[test]
fn a_task_that_is_dropped_never_looks_dead() {
    check(|| {
        let model = Model::new();
        model.run(1);
        let runtime = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.sched.over();
                model.forget(0);
                model.drop_waker();
            })
        };
        assert!(!model.is_dead(), "dead, though it is being dropped");
        runtime.join().unwrap();
    });
}
