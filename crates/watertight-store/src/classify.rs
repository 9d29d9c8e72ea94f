//! From an SQLite result code to what a caller may conclude from it.

use rusqlite::{Error, ErrorCode, ffi};

use crate::error::{RetryReason, StepError, StoreError};

/// The result code, if SQLite itself failed.
pub(crate) fn code(error: &Error) -> Option<ErrorCode> {
    if let Error::SqlInputError { error, .. } = error {
        return Some(error.code);
    }
    error.sqlite_error_code()
}

/// Whether the whole batch is lost with this statement.
///
/// After these SQLite may have rolled back the transaction, or can't be
/// trusted to go on with it. `SQLITE_FULL` is not among them: the pager either
/// undoes the statement alone, or ends the transaction, which the caller sees
/// from autocommit.
pub(crate) fn ends_batch(error: &Error) -> bool {
    matches!(
        code(error),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::InternalMalfunction
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted
        )
    )
}

/// What a failed step means to its caller; nothing of it was kept.
pub(crate) fn step(error: &StepError) -> StoreError {
    match error {
        StepError::Conflict(why) => StoreError::Conflict(why.clone()),
        StepError::Corrupt(why) => StoreError::Corrupt(why.clone()),
        StepError::Sqlite(error) => statement(error),
    }
}

/// What a failed statement means; nothing of it was kept.
pub(crate) fn statement(error: &Error) -> StoreError {
    let text = error.to_string();
    match code(error) {
        Some(ErrorCode::ConstraintViolation) => {
            if is_unique(error) {
                StoreError::Conflict(text)
            } else {
                // A CHECK or a foreign key that fires means that a command
                // would have broken an invariant.
                StoreError::Corrupt(text)
            }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(text),
        Some(ErrorCode::OperationInterrupted) => StoreError::Retry(RetryReason::Expired),
        Some(ErrorCode::DiskFull) => StoreError::Unavailable(format!("{FULL}: {text}")),
        Some(_) => StoreError::Unavailable(text),
        None => StoreError::Corrupt(text),
    }
}

/// Whether a row with this key is there already.
fn is_unique(error: &Error) -> bool {
    let unique = [
        ffi::SQLITE_CONSTRAINT_UNIQUE,
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ffi::SQLITE_CONSTRAINT_ROWID,
    ];
    error
        .sqlite_error()
        .is_some_and(|error| unique.contains(&error.extended_code))
}

/// What a failed COMMIT means.
///
/// When the log can't grow or a constraint holds it back, SQLite has not
/// written the commit frame. After anything else (a failed write or fsync) the
/// frame may be on the disk and survive a crash, or not.
pub(crate) fn commit(error: &Error) -> StoreError {
    match code(error) {
        Some(ErrorCode::DiskFull) => StoreError::Unavailable(format!("{FULL}: {error}")),
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly,
        ) => StoreError::Unavailable(format!("commit refused: {error}")),
        _ => StoreError::Unknown(format!("commit failed: {error}")),
    }
}

/// Text that marks a full store in an `Unavailable`.
const FULL: &str = "store is full";

/// Whether the command failed for want of space.
pub(crate) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(why) if why.starts_with(FULL))
}
