//! The store's handle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use watertight_core::catalogue::{self, Sampled};
use watertight_core::{Clock, Deadline};

use crate::command::{Claim, Command, Queued};
use crate::error::{OpenError, RetryReason, StepError, StoreError};
use crate::health::Health;
use crate::inbox::{Inbox, Message};
use crate::meters::{self, Gauges, Meters};
use crate::migrate::Migration;
use crate::open::{self, Opened};
use crate::options::Options;
use crate::readers::Readers;
use crate::series::BATCH_AGE;
use crate::threads::{Starter, Threads};
use crate::wal::Policy;
use crate::writer::Writer;

/// A database of durable steps; cheap to clone.
///
/// Dropping the last clone finishes what is queued and joins the threads, which
/// may wait for the disk; prefer [`Store::close`] in async code.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    name: &'static str,
    /// `None` only while being dropped.
    queue: Option<mpsc::Sender<Message>>,
    readers: Readers,
    health: Arc<Health>,
    counts: Arc<Counts>,
    clock: Clock,
    gauges: Gauges,
    threads: Threads,
    _sampled: Sampled,
}

/// What the store has done and how large it is, as its metrics say too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits that reached the disk.
    pub commits: u64,
    /// Commands in them.
    pub commands: u64,
    /// Commands that wait now.
    pub queue_commands: usize,
    /// Readers at work now.
    pub readers_busy: usize,
    /// Write-ahead log in use.
    pub wal_bytes: u64,
    /// The database file.
    pub file_bytes: u64,
}

/// Counted by the writer, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    commits: AtomicU64,
    commands: AtomicU64,
    wal_bytes: AtomicU64,
    file_bytes: AtomicU64,
    /// When the batch under way began; `None` between two.
    batch_since: Mutex<Option<Instant>>,
}

impl Counts {
    pub(crate) fn batch_begins(&self, at: Instant) {
        *self.lock_batch_since() = Some(at);
    }

    pub(crate) fn batch_is_over(&self) {
        *self.lock_batch_since() = None;
    }

    fn batch_age(&self) -> Duration {
        self.lock_batch_since()
            .map_or(Duration::ZERO, |at| at.elapsed())
    }

    fn lock_batch_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.batch_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn committed(&self, commands: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
    }

    pub(crate) fn wal_bytes(&self, bytes: u64) {
        self.wal_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn file_bytes(&self, bytes: u64) {
        self.file_bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Store {
    /// Opens `DIR/{name}.db`, brings its schema up to the last of `migrations`
    /// and starts one writer and the readers. Blocks on the disk; needs no
    /// runtime.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong and where; nothing is changed then,
    /// except that migrations before a failing one are kept.
    pub fn open(
        name: &'static str,
        options: Options,
        migrations: &'static [Migration],
    ) -> Result<Self, OpenError> {
        let Opened {
            lock,
            writer,
            readers: connections,
            clock,
            file,
        } = open::open(name, &options, migrations)?;
        let page_bytes = writer
            .query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))
            .map_err(|source| open::from_sqlite(&file, source))?;
        let (queue, inbox) = mpsc::channel(options.queue_commands_max.max(1));
        let gauges = Gauges::new(name);
        meters::bounds(name, &options);
        let (health, counts) = (Arc::<Health>::default(), Arc::<Counts>::default());
        let readers = Readers::new(connections.len(), options.reader_wait_max, gauges.clone());
        let starter = Starter::new(lock);
        for (i, connection) in connections.into_iter().enumerate() {
            starter.start(format!("{name}-read-{i}"), readers.body(connection))?;
        }
        let writer = Writer {
            store: name,
            connection: writer,
            file,
            page_bytes: u64::from(page_bytes),
            batch_commands_max: options.batch_commands_max.max(1),
            policy: Policy::new(options.wal_bytes_max),
            clock: clock.clone(),
            faults: options.faults,
            health: health.clone(),
            counts: counts.clone(),
            gauges: gauges.clone(),
            meters: Meters::new(name),
        };
        starter.start(format!("{name}-write"), move || {
            writer.run(Inbox::new(inbox))
        })?;
        let threads = starter.done();
        let queue = Some(queue);
        let shown = Arc::downgrade(&counts);
        let show = move || {
            let age = shown
                .upgrade()
                .map_or(Duration::ZERO, |counts| counts.batch_age());
            BATCH_AGE.with([name]).set(age.as_secs_f64());
        };
        let inner = Inner {
            _sampled: catalogue::sample(show),
            name,
            queue,
            readers,
            health,
            counts,
            clock,
            gauges,
            threads,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Hands a command to the writer and waits for its commit.
    ///
    /// # Limits
    ///
    /// At `queue_commands_max` waiting commands it waits for a slot, until the
    /// deadline.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], `Corrupt`: the command gave up, nothing is
    /// kept. `Retry`: it surely did not run. `Unavailable`: nothing is kept,
    /// the store can't work now. `Unknown`: the commit failed half way, or the
    /// deadline passed while it ran.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for a slot, the command never runs. Once it has
    /// a slot it is promised: dropping the future loses the answer, not the
    /// work (its deadline still drops it if that passes before it runs).
    ///
    /// # Metrics
    ///
    /// `watertight_store_commands_total{store, command, outcome}`,
    /// `watertight_store_queue_commands`, `watertight_store_batch_commands`,
    /// `watertight_store_commit_seconds`.
    pub async fn write<C: Command>(
        &self,
        deadline: Deadline,
        command: C,
    ) -> Result<C::Output, StoreError> {
        let claim = Claim::new();
        let (reply, answer) = oneshot::channel();
        {
            let slot = self.slot(deadline).await?;
            // The point of no return: no await stands between slot and queue.
            self.inner.gauges.queue_commands.increment(1.0);
            slot.send(Message::Run(Box::new(Queued::new(
                command,
                deadline,
                claim.clone(),
                reply,
            ))));
        }
        match deadline.run(answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(StoreError::Unknown("writer ended".to_owned())),
            Err(_passed) if claim.give_up() => Err(StoreError::Retry(RetryReason::Expired)),
            Err(_passed) => Err(StoreError::Unknown(
                "deadline passed while it ran".to_owned(),
            )),
        }
    }

    async fn slot(&self, deadline: Deadline) -> Result<mpsc::Permit<'_, Message>, StoreError> {
        use mpsc::error::TrySendError;
        let closed = || StoreError::Unavailable("store is closed".to_owned());
        let queue = self.inner.queue.as_ref().ok_or_else(closed)?;
        if deadline.has_passed() {
            return Err(StoreError::Retry(RetryReason::Expired));
        }
        match queue.try_reserve() {
            Ok(slot) => Ok(slot),
            Err(TrySendError::Closed(())) => Err(closed()),
            Err(TrySendError::Full(())) => match deadline.run(queue.reserve()).await {
                Ok(Ok(slot)) => Ok(slot),
                Ok(Err(_closed)) => Err(closed()),
                Err(_passed) => Err(StoreError::Retry(RetryReason::QueueFull)),
            },
        }
    }

    /// Runs `f` on a reader, in one snapshot, and returns what it read.
    ///
    /// # Limits
    ///
    /// `readers` at a time; waits `reader_wait_max` for one. Statements are
    /// interrupted at the deadline, so that no reader holds up the log for
    /// longer; code of `f` itself can't be.
    ///
    /// # Errors
    ///
    /// `Retry(NoReader)`: none was free in time. `Retry(Expired)`: the deadline
    /// passed. Others as [`Store::write`]; never `Unknown`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the answer and no reader; a read that has
    /// started ends on its own.
    pub async fn read<T, F>(&self, deadline: Deadline, f: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StepError> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.readers.read(deadline, f).await
    }

    /// Whether the last batch could be kept.
    ///
    /// # Errors
    ///
    /// The reason why not (full, read-only, failing disk, closed). All but the
    /// last recover with the next commit that works; an unhealthy store tries
    /// one each second.
    pub fn health(&self) -> Result<(), String> {
        // Also after a writer that died: it can't say so itself.
        let queue = self.inner.queue.as_ref();
        if queue.is_none_or(mpsc::Sender::is_closed) {
            return Err("store is closed".to_owned());
        }
        self.inner.health.check()
    }

    /// The clock that commands see: never behind any batch that was kept, even
    /// after the machine's clock was set back.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// What the store has done, and how large it is.
    pub fn stats(&self) -> Stats {
        let counts = &self.inner.counts;
        Stats {
            commits: counts.commits.load(Ordering::Relaxed),
            commands: counts.commands.load(Ordering::Relaxed),
            queue_commands: self.queued(),
            readers_busy: self.inner.readers.busy(),
            wal_bytes: counts.wal_bytes.load(Ordering::Relaxed),
            file_bytes: counts.file_bytes.load(Ordering::Relaxed),
        }
    }

    fn queued(&self) -> usize {
        self.inner
            .queue
            .as_ref()
            .map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Takes nothing new, finishes what is queued, moves the log into the
    /// database, ends the threads and unlocks the directory. Later calls on any
    /// clone answer `Unavailable`; closing twice is fine.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the store may be closing; call it again to wait for the
    /// end.
    pub async fn close(&self) {
        if let Some(queue) = &self.inner.queue {
            // Fails only if it is closed already.
            drop(queue.send(Message::Close).await);
        }
        self.inner.readers.close();
        self.inner.threads.ended().await;
        self.inner.threads.join();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer ends when no sender is left, the readers when told.
        self.queue = None;
        self.readers.close();
        self.threads.join();
    }
}
