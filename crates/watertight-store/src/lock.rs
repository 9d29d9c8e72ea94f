//! The directory's lock: one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::OpenError;

/// Held by every thread of the store; the last one to end gives it up.
///
/// An advisory lock on `DIR/lock` that the kernel drops with the process, so
/// that a killed process leaves no stale lock behind. (POSIX locks of SQLite
/// itself guard single statements, not a process's claim to the directory.)
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Creates `dir` if needed and takes its lock.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let not_writable = |source| OpenError::NotWritable {
            dir: dir.to_path_buf(),
            source,
        };
        fs::create_dir_all(dir).map_err(|source| {
            let in_the_way = [ErrorKind::AlreadyExists, ErrorKind::NotADirectory];
            if in_the_way.contains(&source.kind()) {
                let dir = dir.to_path_buf();
                return OpenError::NotADirectory { dir };
            }
            not_writable(source)
        })?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("lock"))
            .map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
                dir: dir.to_path_buf(),
            }),
            Err(TryLockError::Error(source)) => Err(not_writable(source)),
        }
    }
}
