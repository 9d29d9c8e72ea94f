//! Readers: a few connections, each with a thread, behind a semaphore.
//!
//! A read waits for a permit, under its deadline. The permit then travels with
//! the job and comes back when the job is done or dropped: a caller that
//! leaves while it waits has taken nothing, and one that leaves later can't
//! lose the reader. At most as many jobs as readers are queued.
//!
//! A reader that has nothing to do for a moment gives its page cache back.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use watertight_core::Deadline;

use crate::classify;
use crate::connection;
use crate::error::{RetryReason, StepError, StoreError};
use crate::meters::Gauges;

/// Instructions of SQLite's machine between two looks at the deadline: some
/// ten microseconds.
const INSTRUCTIONS_PER_LOOK: i32 = 1000;

type Work = Box<dyn FnOnce(&Connection) + Send>;

struct Job {
    deadline: Deadline,
    work: Work,
    permit: OwnedSemaphorePermit,
}

/// The jobs that wait for a reader thread.
#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// What a reader thread does next.
enum Next {
    Read(Job),
    /// Nothing came in time.
    Idle,
    End,
}

struct Shared {
    line: Mutex<Line>,
    came: Condvar,
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a job, `idle` at most.
    fn next(&self, idle: Option<Duration>) -> Next {
        let until = idle.map(|idle| Instant::now() + idle);
        let mut line = self.line();
        loop {
            if let Some(job) = line.jobs.pop_front() {
                return Next::Read(job);
            }
            if line.closed {
                return Next::End;
            }
            line = match until {
                None => self.came.wait(line).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Next::Idle;
                    }
                    let waited = self.came.wait_timeout(line, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The callers' side.
pub(crate) struct Readers {
    permits: Arc<Semaphore>,
    readers: usize,
    wait_max: Duration,
    shared: Arc<Shared>,
    gauges: Gauges,
    failing: AtomicBool,
}

impl Readers {
    pub(crate) fn new(readers: usize, wait_max: Duration, gauges: Gauges) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(readers)),
            readers,
            wait_max,
            shared: Arc::new(Shared {
                line: Mutex::default(),
                came: Condvar::new(),
            }),
            gauges,
            failing: AtomicBool::new(false),
        }
    }

    /// What a reader thread runs until the pool is closed.
    pub(crate) fn body(&self, connection: Connection) -> impl FnOnce() + Send + 'static {
        let (shared, gauges) = (self.shared.clone(), self.gauges.clone());
        move || serve(connection, &shared, &gauges)
    }

    pub(crate) fn busy(&self) -> usize {
        self.readers
            .saturating_sub(self.permits.available_permits())
    }

    /// Takes nothing new; threads end when the line is empty.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.shared.line().closed = true;
        self.shared.came.notify_all();
    }

    pub(crate) async fn read<T, F>(&self, deadline: Deadline, f: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StepError> + Send + 'static,
        T: Send + 'static,
    {
        let permit = self.permit(deadline).await?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            // Nobody waits any more: the reader is free at once.
            if !reply.is_closed() {
                drop(reply.send(snapshot(connection, f)));
            }
        });
        {
            // Looked at under the lock that closing takes: a job that comes
            // after the threads have gone would wait for nobody.
            let mut line = self.shared.line();
            if line.closed {
                return Err(closed());
            }
            line.jobs.push_back(Job {
                deadline,
                work,
                permit,
            });
        }
        self.shared.came.notify_one();
        match deadline.run(answer).await {
            Ok(Ok(answer)) => {
                self.note(&answer);
                answer
            }
            Ok(Err(_dropped)) => Err(StoreError::Unavailable("read panicked".to_owned())),
            Err(_passed) => Err(StoreError::Retry(RetryReason::Expired)),
        }
    }

    /// Logs when reads begin to fail and when they work again, not each one.
    fn note<T>(&self, read: &Result<T, StoreError>) {
        match read {
            Err(StoreError::Unavailable(why)) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::error!(why, "store can't be read");
            }
            Ok(_) if self.failing.load(Ordering::Relaxed) => {
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!("store can be read again");
            }
            _ => {}
        }
    }

    async fn permit(&self, deadline: Deadline) -> Result<OwnedSemaphorePermit, StoreError> {
        match self.permits.clone().try_acquire_owned() {
            Ok(permit) => {
                self.gauges.reader_wait_seconds.record(0.0);
                return Ok(permit);
            }
            Err(tokio::sync::TryAcquireError::Closed) => return Err(closed()),
            Err(tokio::sync::TryAcquireError::NoPermits) => {}
        }
        let started = Instant::now();
        let wait = deadline.min(Deadline::after(self.wait_max));
        let permit = wait.run(self.permits.clone().acquire_owned()).await;
        self.gauges.reader_wait_seconds.record(started.elapsed());
        match permit {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(closed()),
            Err(_passed) => Err(StoreError::Retry(RetryReason::NoReader)),
        }
    }
}

impl Drop for Readers {
    /// Lets the threads end, also when the store failed to open half way.
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("store is closed".to_owned())
}

/// Runs `f` in a transaction, so that all its statements see one state.
fn snapshot<T>(
    connection: &Connection,
    f: impl FnOnce(&Connection) -> Result<T, StepError>,
) -> Result<T, StoreError> {
    let statement = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(|error| classify::statement(&error))
    };
    statement("BEGIN")?;
    let read = f(connection).map_err(|error| classify::step(&error));
    if !connection.is_autocommit() {
        statement("ROLLBACK")?;
    }
    read
}

fn serve(mut connection: Connection, shared: &Shared, gauges: &Gauges) {
    let current: Arc<Mutex<Option<Deadline>>> = Arc::default();
    let watched = current.clone();
    let late = move || {
        let deadline = *watched.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.is_some_and(Deadline::has_passed)
    };
    if let Err(error) = connection.progress_handler(INSTRUCTIONS_PER_LOOK, Some(late)) {
        tracing::error!(%error, "reads can't be interrupted");
    }
    // Whether there may be something in the page cache; opening read the schema.
    let mut warm = true;
    loop {
        match shared.next(warm.then_some(connection::WARM)) {
            Next::Read(job) => {
                read(&connection, &current, job, gauges);
                warm = true;
            }
            Next::Idle => {
                connection::release(&connection);
                warm = false;
            }
            Next::End => return,
        }
    }
}

/// Runs one job; the permit comes back when all is as before.
fn read(connection: &Connection, current: &Mutex<Option<Deadline>>, job: Job, gauges: &Gauges) {
    let Job {
        deadline,
        work,
        permit,
    } = job;
    let set = |deadline| *current.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    gauges.readers_busy.increment(1.0);
    set(Some(deadline));
    let done = catch_unwind(AssertUnwindSafe(|| work(connection)));
    set(None);
    if done.is_err() {
        tracing::error!("read panicked");
    }
    if !connection.is_autocommit() {
        // A panic left its snapshot open; it would hold up the log.
        drop(connection.execute_batch("ROLLBACK"));
    }
    gauges.readers_busy.decrement(1.0);
    drop(permit);
}
