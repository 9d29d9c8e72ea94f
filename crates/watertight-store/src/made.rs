//! The file that remembers that a database was made.
//!
//! SQLite takes a database that is missing or empty for a new one. For a store
//! that has answered callers it is a loss, and nobody must mistake it for a
//! fresh start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// `DIR/{name}.made`; that it exists is what counts, its text is for people.
pub(crate) struct Marker(PathBuf);

impl Marker {
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        Self(dir.join(format!("{name}.made")))
    }

    /// Refuses a `database` that was made before and is gone. To be asked
    /// before SQLite opens the file, which creates it.
    pub(crate) fn check(&self, database: &Path) -> Result<(), OpenError> {
        let bytes = match fs::metadata(database) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            // SQLite will say what is wrong with it.
            Err(_other) => return Ok(()),
        };
        if bytes > 0 || !self.0.exists() {
            return Ok(());
        }
        Err(OpenError::Vanished {
            file: database.to_path_buf(),
            marker: self.0.clone(),
        })
    }

    /// Remembers, on the disk, that there is a database with a schema.
    ///
    /// A failure is no reason not to start (a disk may be too full for one more
    /// file and yet serve reads); the next opening tries again.
    pub(crate) fn keep(&self) {
        if let Err(error) = self.write() {
            let marker = self.0.display();
            tracing::warn!(%marker, %error, "a lost database would not be noticed");
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = match options.write(true).create_new(true).open(&self.0) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            opened => opened?,
        };
        file.write_all(b"A database was made beside this file. Delete both, or neither.\n")?;
        file.sync_all()?;
        match self.0.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}
