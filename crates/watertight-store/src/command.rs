//! Commands, and what the writer knows of one once its type is erased.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;
use watertight_core::Deadline;

use crate::error::{StepError, StoreError};

/// One durable step: checks everything, then writes.
///
/// It runs on the writer thread in a savepoint of its own, beside other
/// commands of the same batch, and its caller hears the output only after the
/// batch is on the disk. It must be quick (it holds up everybody), must not
/// end the transaction, and must take the time from [`Tx::now_ms`].
///
/// Make commands idempotent by a key of the caller's: after
/// [`StoreError::Unknown`] the caller can only ask again.
pub trait Command: Send + 'static {
    /// Name in metrics and logs, for example `reserve`.
    const NAME: &'static str;
    /// What the caller gets. Business refusals belong in here.
    type Output: Send + 'static;

    /// Does the step.
    ///
    /// # Errors
    ///
    /// Any [`StepError`] rolls this command back, alone.
    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError>;
}

/// The open transaction, as a command sees it.
///
/// Derefs to the connection; use `prepare_cached`.
#[derive(Debug)]
pub struct Tx<'a> {
    connection: &'a Connection,
    now_ms: i64,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a Connection, now_ms: i64) -> Self {
        Self { connection, now_ms }
    }

    /// Milliseconds since 1970, the same for the whole batch, and never less
    /// than in any batch before, even across restarts.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

const QUEUED: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Who has the last word on a command: the writer that takes it, or the caller
/// whose deadline passed. Exactly one of the two wins, so that the caller
/// never says "surely not done" about a command that runs.
#[derive(Clone, Debug)]
pub(crate) struct Claim(Arc<AtomicU8>);

impl Claim {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(QUEUED)))
    }

    fn set(&self, to: u8) -> bool {
        self.0
            .compare_exchange(QUEUED, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// The writer takes it; false when the caller gave up before.
    pub(crate) fn take(&self) -> bool {
        self.set(TAKEN)
    }

    /// The caller gives up; false when the writer has it already.
    pub(crate) fn give_up(&self) -> bool {
        self.set(GIVEN_UP)
    }
}

/// How a step ended, seen from outside.
pub(crate) enum Stepped {
    /// Its output waits for the commit.
    Done,
    /// It gave up.
    Failed(StepError),
    /// It panicked.
    Panicked,
}

/// A queued command whose type is erased.
pub(crate) trait Job: Send {
    fn name(&self) -> &'static str;
    /// False when nobody wants it any more: its deadline passed.
    fn take(&self) -> bool;
    /// How long it has been in the queue.
    fn waited(&self) -> Duration;
    /// Runs the command once.
    fn step(&mut self, tx: &Tx<'_>) -> Stepped;
    /// Tells the caller, who may have left.
    fn answer(self: Box<Self>, verdict: Result<(), StoreError>);
}

/// A command on its way through the writer, with the way back to its caller.
pub(crate) struct Queued<C: Command> {
    command: Option<C>,
    output: Option<C::Output>,
    deadline: Deadline,
    claim: Claim,
    since: Instant,
    reply: oneshot::Sender<Result<C::Output, StoreError>>,
}

impl<C: Command> Queued<C> {
    pub(crate) fn new(
        command: C,
        deadline: Deadline,
        claim: Claim,
        reply: oneshot::Sender<Result<C::Output, StoreError>>,
    ) -> Self {
        Self {
            command: Some(command),
            output: None,
            deadline,
            claim,
            since: Instant::now(),
            reply,
        }
    }
}

impl<C: Command> Job for Queued<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn take(&self) -> bool {
        !self.deadline.has_passed() && self.claim.take()
    }

    fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    fn step(&mut self, tx: &Tx<'_>) -> Stepped {
        let Some(command) = self.command.take() else {
            return Stepped::Failed(StepError::Corrupt("command ran twice".to_owned()));
        };
        // The command is consumed and the savepoint rolled back, so nothing
        // that a panic left half done can be seen afterwards.
        match catch_unwind(AssertUnwindSafe(|| command.apply(tx))) {
            Ok(Ok(output)) => {
                self.output = Some(output);
                Stepped::Done
            }
            Ok(Err(error)) => Stepped::Failed(error),
            Err(_panic) => Stepped::Panicked,
        }
    }

    fn answer(self: Box<Self>, verdict: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        let answer = match (verdict, output) {
            (Ok(()), Some(output)) => Ok(output),
            (Ok(()), None) => Err(StoreError::Unavailable("command did not run".to_owned())),
            (Err(error), _) => Err(error),
        };
        // A caller that left doesn't undo the command; its answer is dropped.
        drop(reply.send(answer));
    }
}
