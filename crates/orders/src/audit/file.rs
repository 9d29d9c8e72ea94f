//! A file of lines that never takes more than twice its bound.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Appends lines; at its bound the file makes room for a new one.
///
/// Nothing is synced: a line may be lost with the machine, not with the process.
///
/// # Limits
///
/// `bytes_max` each for the file and for the old one beside it. A line that is
/// longer by itself is written all the same.
#[derive(Debug)]
pub(super) struct LineFile {
    path: PathBuf,
    bytes_max: u64,
    /// `None` before the first line and after an error: then it is opened again.
    open: Mutex<Option<Open>>,
    failing: AtomicBool,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl LineFile {
    pub(super) fn new(path: PathBuf, bytes_max: u64) -> Self {
        Self {
            path,
            bytes_max,
            open: Mutex::new(None),
            failing: AtomicBool::new(false),
        }
    }

    /// Appends a line that brings its line break. Blocks on the disk, and on
    /// others who append.
    pub(super) fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let appended = self.append_to(&mut open, line);
        match &appended {
            Ok(()) => self.failing.store(false, Ordering::Release),
            Err(_broken) => *open = None,
        }
        appended
    }

    /// Whether errors begin with this one: those that follow are not news.
    pub(super) fn fails_anew(&self) -> bool {
        !self.failing.swap(true, Ordering::AcqRel)
    }

    fn append_to(&self, open: &mut Option<Open>, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let mut at = match open.take() {
            Some(at) => at,
            None => Open::at(&self.path)?,
        };
        if at.bytes > 0 && at.bytes.saturating_add(length) > self.bytes_max {
            drop(at);
            std::fs::rename(&self.path, old(&self.path))?;
            at = Open::at(&self.path)?;
        }
        at.file.write_all(line)?;
        at.bytes += length;
        *open = Some(at);
        Ok(())
    }
}

/// `audit.jsonl` → `audit.jsonl.1`.
fn old(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

impl Open {
    /// Goes on where the file ends; half a line that a killed process left there
    /// is closed off, so that the next one can be read.
    fn at(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).read(true).open(path)?;
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Self { file, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn at_its_bound_it_makes_room_and_keeps_one_old_file() {
        let dir = testkit::temp_dir();
        let path = dir.path().join("audit.jsonl");
        let file = LineFile::new(path.clone(), 25);
        for number in 0..7 {
            file.append(format!("line {number:03}\n").as_bytes())
                .unwrap();
        }
        assert_eq!(lines(&path), ["line 006"]);
        assert_eq!(lines(&old(&path)), ["line 004", "line 005"]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        let long = "x".repeat(100) + "\n";
        file.append(long.as_bytes()).unwrap();
        assert_eq!(lines(&path), [long.trim_end()]);
    }

    #[test]
    fn it_goes_on_where_it_ended_also_after_half_a_line() {
        let dir = testkit::temp_dir();
        let path = dir.path().join("audit.jsonl");
        LineFile::new(path.clone(), 1_000).append(b"one\n").unwrap();
        std::fs::write(&path, "one\nhal").unwrap();
        LineFile::new(path.clone(), 1_000).append(b"two\n").unwrap();
        assert_eq!(lines(&path), ["one", "hal", "two"]);
    }

    #[test]
    fn a_disk_that_says_no_is_asked_again() {
        let dir = testkit::temp_dir();
        let path = dir.path().join("not there").join("audit.jsonl");
        let file = LineFile::new(path.clone(), 1_000);
        assert!(file.append(b"one\n").is_err());
        assert!(file.fails_anew() && !file.fails_anew());
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!(lines(&path), ["two"]);
        assert!(file.fails_anew(), "it worked in between");
    }
}
