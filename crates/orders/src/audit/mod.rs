//! A line for each order that came to an end, written beside the answer and
//! never before it.
//!
//! The store says what is true; this is a record of what happened, for people
//! and programs that read along. It may miss lines, and each that it misses is
//! counted: an answer doesn't wait for it, and neither does a saga.

mod entry;
mod file;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watertight::catalogue::Counter;
use watertight_core::{Detached, DetachedLimits, Full, Refused, Scope, Snapshot, TaskError};

use crate::series::AUDIT_LINES;
pub(crate) use entry::Entry;
use file::LineFile;

/// Lines written at once. They take turns at the file, so more would only wait.
const RUNNING: usize = 4;

/// Where the lines go: `audit.jsonl` in the directory of the database.
const NAME: &str = "audit.jsonl";

/// Bounds of an [`Audit`].
#[derive(Clone, Copy, Debug)]
pub struct AuditLimits {
    /// How long a line may take from the order's end until it is written.
    pub within: Duration,
    /// Lines that wait; one more is refused.
    pub waiting: usize,
    /// A file that would grow beyond this becomes `audit.jsonl.1`, in place of
    /// the one that was.
    pub bytes_max: u64,
}

/// Takes lines and has them written.
///
/// # Limits
///
/// [`AuditLimits`]. At most two files of `bytes_max` are on the disk.
///
/// # Metrics
///
/// `orders_audit_lines_total{outcome}` with `written`, `failed` (the disk says
/// no) and `refused` (no room, or the service ends); `detached_total{pool="audit"}`
/// says which were late.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    pool: Option<Pool>,
}

#[derive(Clone, Debug)]
struct Pool {
    lines: Detached<Book>,
    within: Duration,
    refused: Counter,
}

/// What the work needs; it belongs to the service.
struct Book {
    file: Arc<LineFile>,
    written: Counter,
    failed: Counter,
}

impl Audit {
    /// An audit that writes nothing, for tests of what it isn't about.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Writes to `audit.jsonl` in `dir`, on `scope`, which is the service's:
    /// closing it waits for the lines. The file is made with the first line.
    #[must_use]
    pub fn to(dir: &Path, scope: &Scope, limits: AuditLimits) -> Self {
        let line = |outcome: &'static str| AUDIT_LINES.with([outcome]);
        let book = Book {
            file: Arc::new(LineFile::new(dir.join(NAME), limits.bytes_max)),
            written: line("written"),
            failed: line("failed"),
        };
        let bounds = DetachedLimits {
            running: RUNNING,
            waiting: limits.waiting,
            full: Full::Reject,
        };
        Self {
            pool: Some(Pool {
                lines: Detached::new(scope, "audit", book, bounds),
                within: limits.within,
                refused: line("refused"),
            }),
        }
    }

    /// Has a line written, after the caller has gone on. A line that there is no
    /// room for is dropped and counted.
    pub(crate) fn note(&self, scope: &Scope, entry: Entry) {
        let Some(pool) = &self.pool else {
            return;
        };
        let write = move |book: Arc<Book>, snapshot| async move {
            book.write(entry, snapshot).await;
        };
        let noted = pool.lines.detach(scope, pool.within, write);
        if let Err(Refused::Full | Refused::Closed) = noted {
            pool.refused.increment(1);
        }
    }
}

impl Book {
    async fn write(&self, entry: Entry, snapshot: Snapshot) {
        // Detached work has a scope of its own, with the line's deadline.
        let Some(scope) = watertight_core::current() else {
            return;
        };
        let file = Arc::clone(&self.file);
        let line = entry.line(snapshot.trace());
        let written = scope.spawn_blocking("audit line", move |_scope| file.append(&line));
        match written.await {
            Ok(Ok(())) => self.written.increment(1),
            Ok(Err(error)) => {
                self.failed.increment(1);
                if self.file.fails_anew() {
                    tracing::warn!(%error, "the audit file can't be written, each line tries again");
                }
            }
            // No thread was free, or the service ends.
            Err(TaskError::Full | TaskError::Cancelled | TaskError::Panicked) => {
                self.failed.increment(1);
            }
        }
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
