//! One batch: one transaction, a savepoint per command, one commit.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use watertight_core::Faults;

use crate::classify;
use crate::command::{Job, Stepped, Tx};
use crate::error::{RetryReason, StoreError};
use crate::mark;

/// A command with what became of it; told to its caller once that is certain.
type Ran = (Box<dyn Job>, Result<(), StoreError>);

/// How a batch ended.
pub(crate) struct Batch {
    /// Every command with its verdict, in order.
    pub(crate) ran: Vec<Ran>,
    /// Whether a commit reached the disk.
    pub(crate) committed: bool,
    /// How long the commit alone took.
    pub(crate) sync: Duration,
    /// Why the store should call itself unhealthy, if it should.
    pub(crate) sick: Option<String>,
}

/// Runs `jobs` in one transaction and commits it.
///
/// 1. Commands whose deadline passed are dropped: they surely did not run.
/// 2. `BEGIN IMMEDIATE`, so that no later statement meets a lock.
/// 3. Each command runs in a savepoint. One that fails or panics is rolled
///    back alone; one that ends the transaction (disk, memory) ends the batch,
///    and nobody's work is kept.
/// 4. The clock's mark is raised in the same transaction.
/// 5. `COMMIT`. Only now is anything certain, so refusals wait for it too:
///    they may rest on what a neighbour wrote.
pub(crate) fn run(
    connection: &Connection,
    jobs: Vec<Box<dyn Job>>,
    now_ms: i64,
    faults: &Faults,
) -> Batch {
    let expired = Err(StoreError::Retry(RetryReason::Expired));
    let (taken, late): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.take());
    let mut ran: Vec<Ran> = late.into_iter().map(|job| (job, expired.clone())).collect();
    if taken.is_empty() {
        return Batch {
            ran,
            committed: false,
            sync: Duration::ZERO,
            sick: None,
        };
    }
    let outcome = transact(connection, taken, now_ms, faults);
    ran.extend(outcome.ran);
    Batch { ran, ..outcome }
}

fn transact(
    connection: &Connection,
    jobs: Vec<Box<dyn Job>>,
    now_ms: i64,
    faults: &Faults,
) -> Batch {
    if let Err(error) = statement(connection, "BEGIN IMMEDIATE") {
        return lost(connection, jobs, &classify::statement(&error));
    }
    let tx = Tx::new(connection, now_ms);
    let mut ran: Vec<Ran> = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter();
    while let Some(mut job) = jobs.next() {
        match step(connection, &tx, job.as_mut()) {
            Ok(verdict) => ran.push((job, verdict)),
            Err(ended) => {
                let everybody = ran.into_iter().map(|(job, _)| job).chain([job]).chain(jobs);
                return lost(connection, everybody.collect(), &ended);
            }
        }
    }
    commit(connection, ran, now_ms, faults)
}

/// Runs one command in its savepoint. `Err`: the whole transaction is lost.
fn step(
    connection: &Connection,
    tx: &Tx<'_>,
    job: &mut dyn Job,
) -> Result<Result<(), StoreError>, StoreError> {
    let lost = |error: rusqlite::Error| classify::statement(&error);
    statement(connection, "SAVEPOINT command").map_err(lost)?;
    let verdict = match job.step(tx) {
        Stepped::Done => Ok(()),
        Stepped::Failed(error) => {
            let verdict = classify::step(&error);
            if let crate::StepError::Sqlite(error) = &error
                && classify::ends_batch(error)
            {
                return Err(verdict);
            }
            Err(verdict)
        }
        Stepped::Panicked => {
            tracing::error!(command = job.name(), "command panicked");
            Err(StoreError::Unavailable(format!(
                "command {} panicked",
                job.name()
            )))
        }
    };
    if connection.is_autocommit() {
        // SQLite (or a command that mustn't) has ended the transaction.
        let why = verdict.err().unwrap_or_else(|| {
            StoreError::Unavailable(format!("command {} ended the transaction", job.name()))
        });
        return Err(why);
    }
    if verdict.is_err() {
        statement(connection, "ROLLBACK TO command").map_err(lost)?;
    }
    statement(connection, "RELEASE command").map_err(lost)?;
    Ok(verdict)
}

fn commit(connection: &Connection, ran: Vec<Ran>, now_ms: i64, faults: &Faults) -> Batch {
    let jobs = |ran: Vec<Ran>| ran.into_iter().map(|(job, _)| job).collect();
    if let Err(error) = mark::raise(connection, now_ms) {
        return lost(connection, jobs(ran), &classify::statement(&error));
    }
    faults.point("store.before_commit");
    let begun = Instant::now();
    if let Err(error) = statement(connection, "COMMIT") {
        return lost(connection, jobs(ran), &classify::commit(&error));
    }
    let sync = begun.elapsed();
    faults.point("store.after_commit");
    let sick = ran.iter().find_map(|(_, verdict)| match verdict {
        Err(error) if classify::is_full(error) => Some(error.to_string()),
        _ => None,
    });
    Batch {
        ran,
        committed: true,
        sync,
        sick,
    }
}

/// Nothing of the transaction is kept; everybody in it hears the same.
fn lost(connection: &Connection, jobs: Vec<Box<dyn Job>>, why: &StoreError) -> Batch {
    if !connection.is_autocommit()
        && let Err(error) = statement(connection, "ROLLBACK")
    {
        tracing::error!(%error, "rollback failed");
    }
    // A neighbour's corrupt row or interrupted statement is no news about the
    // others: for them the batch was simply not done.
    let why = match why {
        StoreError::Unknown(_) | StoreError::Unavailable(_) => why.clone(),
        StoreError::Conflict(text) | StoreError::Corrupt(text) => {
            StoreError::Unavailable(text.clone())
        }
        StoreError::Retry(reason) => StoreError::Unavailable(reason.to_string()),
    };
    let ran = jobs
        .into_iter()
        .map(|job| (job, Err(why.clone())))
        .collect();
    Batch {
        ran,
        committed: false,
        sync: Duration::ZERO,
        sick: Some(why.to_string()),
    }
}

fn statement(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
