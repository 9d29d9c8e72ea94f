//! The data directory: a temporary one, or one that is kept and taken up again.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::services::Service;

/// Why a directory can't hold the shop's data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirError {
    #[error("the data directory {0} can't be used")]
    Io(PathBuf, #[source] std::io::Error),
    #[error(
        "the data directory {0} is in use by another demo{1}: stop that one first, \
         or give this one a directory of its own with --data"
    )]
    Locked(PathBuf, String),
    #[error("there is no shop in {0}: it has no checker/journal.jsonl")]
    NoShop(PathBuf),
}

/// A data directory, locked for as long as this value lives; a temporary one
/// is removed when it is dropped.
///
/// ```text
/// DIR/demo.lock  DIR/endpoints.json  DIR/checker/journal.jsonl
/// DIR/{provider,payments,inventory,orders}/  DIR/logs/NAME.log
/// ```
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    temporary: AtomicBool,
    _lock: File,
}

impl DataDir {
    /// Takes the directory the caller named, or a new temporary one.
    ///
    /// # Errors
    ///
    /// [`DirError`] if it can't be made or another demo has it.
    pub(crate) fn open(kept: Option<&Path>) -> Result<Self, DirError> {
        let path = match kept {
            Some(path) => std::path::absolute(path).unwrap_or_else(|_bad| path.to_owned()),
            None => std::env::temp_dir().join(format!("watertight-demo-{}", uuid::Uuid::new_v4())),
        };
        let io = |error| DirError::Io(path.clone(), error);
        for part in ["logs", "checker"] {
            std::fs::create_dir_all(path.join(part)).map_err(io)?;
        }
        let lock = lock(&path)?;
        Ok(Self {
            path,
            temporary: AtomicBool::new(kept.is_none()),
            _lock: lock,
        })
    }

    /// Takes a directory in which a shop was run before.
    ///
    /// # Errors
    ///
    /// [`DirError::NoShop`] if there was none; else as [`DataDir::open`].
    pub(crate) fn existing(path: &Path) -> Result<Self, DirError> {
        if !path.join("checker").join("journal.jsonl").is_file() {
            return Err(DirError::NoShop(path.to_owned()));
        }
        Self::open(Some(path))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the directory, temporary or not: it is evidence now.
    pub(crate) fn keep(&self) {
        self.temporary.store(false, Ordering::Relaxed);
    }

    /// Where a service keeps its store.
    pub(crate) fn store(&self, service: Service) -> PathBuf {
        self.path.join(service.name())
    }

    /// Where a service's output goes.
    pub(crate) fn log(&self, service: Service) -> PathBuf {
        self.path
            .join("logs")
            .join(format!("{}.log", service.name()))
    }

    /// The checker's memory.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("checker").join("journal.jsonl")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if *self.temporary.get_mut() {
            // What can't be removed stays for the system's own cleaning.
            std::fs::remove_dir_all(&self.path).unwrap_or_default();
        }
    }
}

fn lock(dir: &Path) -> Result<File, DirError> {
    let path = dir.join("demo.lock");
    let io = |error| DirError::Io(dir.to_owned(), error);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    let mut file = options.open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(io)?;
            writeln!(file, "{}", std::process::id()).map_err(io)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The number only helps to find the other one.
            file.read_to_string(&mut pid).unwrap_or_default();
            let who = match pid.trim() {
                "" => String::new(),
                pid => format!(" (process {pid})"),
            };
            Err(DirError::Locked(dir.to_owned(), who))
        }
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_demo_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("shop");
        assert!(matches!(DataDir::existing(&dir), Err(DirError::NoShop(_))));
        let first = DataDir::open(Some(&dir)).unwrap();
        let error = DataDir::open(Some(&dir)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        assert!(DataDir::open(Some(&dir)).is_ok());
        assert!(dir.exists(), "a named directory is kept");
    }

    #[test]
    fn a_temporary_directory_goes_away() {
        let dir = DataDir::open(None).unwrap();
        let path = dir.path().to_owned();
        assert!(path.join("logs").is_dir());
        drop(dir);
        assert!(!path.exists());
    }
}
