//! The checker's memory on disk: an append-only file, synced before it counts.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{Book, BookError, Entry};

/// Lines that may wait for the disk; beyond it callers wait.
const QUEUE_MAX: usize = 4_096;

/// Lines that one sync covers at most.
const BATCH_MAX: usize = 1_024;

/// How long the writer gathers lines before it syncs, so that the checker
/// doesn't compete with the shop for the disk.
const GATHER: Duration = Duration::from_millis(20);

/// Why the journal is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("the checker's journal {0} can't be used")]
    Io(PathBuf, #[source] std::io::Error),
    #[error("line {1} of the checker's journal {0} is damaged")]
    Damaged(PathBuf, usize, #[source] serde_json::Error),
    #[error("line {1} of the checker's journal {0} can't be")]
    Impossible(PathBuf, usize, #[source] BookError),
    #[error("the checker's journal can't take more")]
    Full(#[source] BookError),
    #[error("the checker's journal can't be written: is the disk full?")]
    Closed,
}

struct Line {
    text: String,
    /// Told once the line is on the disk.
    synced: Option<oneshot::Sender<()>>,
    /// Whether the writer ends behind it, whoever else holds a sender.
    last: bool,
}

/// Appends entries from many tasks; one thread writes them in batches, syncs
/// once, and then says so to those who wait.
///
/// # Limits
///
/// 4,096 lines wait at most, then callers do. The file grows by about 250 bytes
/// an order while the data directory is kept.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    lines: mpsc::Sender<Line>,
    thread: Arc<std::sync::Mutex<Option<JoinHandle<std::io::Result<()>>>>>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Journal {
    /// Replays what is there into a book, cuts off a last line that was torn,
    /// and goes on behind it.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the file can't be used, or isn't such a journal.
    #[expect(
        clippy::disallowed_methods,
        reason = "the journal joins it when it is closed"
    )]
    pub(crate) fn open(path: &Path) -> Result<(Self, Book), JournalError> {
        let io = |error| JournalError::Io(path.to_owned(), error);
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(io)?;
        let (book, good) = replay(path, &file)?;
        file.set_len(good).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        let (lines, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_batches(file, queue))
            .map_err(io)?;
        let thread = Arc::new(std::sync::Mutex::new(Some(thread)));
        Ok((Self { lines, thread }, book))
    }

    /// Reads a journal without writing to it; an empty book if there is none.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    #[cfg(test)]
    pub(crate) fn read(path: &Path) -> Result<Book, JournalError> {
        let file = File::open(path).map_err(|error| JournalError::Io(path.to_owned(), error))?;
        replay(path, &file).map(|(book, _)| book)
    }

    /// Hands entries over in order, without waiting for the disk.
    ///
    /// # Errors
    ///
    /// [`JournalError::Closed`] after the disk refused.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for room, the entries that were not handed over
    /// are lost, later ones first.
    pub(crate) async fn note(&self, entries: &[Entry]) -> Result<(), JournalError> {
        for entry in entries {
            self.send(entry, None).await?;
        }
        Ok(())
    }

    /// Hands entries over in order and waits until they are on the disk.
    ///
    /// # Errors
    ///
    /// [`JournalError::Closed`] if the disk refused.
    ///
    /// # Cancel safety
    ///
    /// As [`Journal::note`]; what was handed over is written.
    pub(crate) async fn append(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let Some((last, before)) = entries.split_last() else {
            return Ok(());
        };
        self.note(before).await?;
        let (synced, done) = oneshot::channel();
        self.send(last, Some(synced)).await?;
        done.await.map_err(|_gone| JournalError::Closed)
    }

    async fn send(
        &self,
        entry: &Entry,
        synced: Option<oneshot::Sender<()>>,
    ) -> Result<(), JournalError> {
        // Entries are plain data, so turning one into text can't fail.
        let mut text = serde_json::to_string(entry).unwrap_or_default();
        text.push('\n');
        let line = Line {
            text,
            synced,
            last: false,
        };
        let sent = self.lines.send(line).await;
        sent.map_err(|_gone| JournalError::Closed)
    }

    /// Writes what was handed over before, and ends the thread.
    ///
    /// # Errors
    ///
    /// [`JournalError::Closed`] if anything couldn't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the thread ends when the last clone is gone.
    pub(crate) async fn close(self) -> Result<(), JournalError> {
        let line = Line {
            text: String::new(),
            synced: None,
            last: true,
        };
        // A closed queue means that the thread is over: join says why.
        let _over = self.lines.send(line).await.is_err();
        let thread = self.thread.lock().ok().and_then(|mut slot| slot.take());
        match thread.map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(_) => Err(JournalError::Closed),
        }
    }
}

/// Reads the whole lines; gives the book and where the last whole line ends.
fn replay(path: &Path, file: &File) -> Result<(Book, u64), JournalError> {
    let (mut book, mut good, mut line) = (Book::default(), 0, Vec::new());
    let mut reader = BufReader::new(file);
    for number in 1.. {
        line.clear();
        let read = reader
            .read_until(b'\n', &mut line)
            .map_err(|error| JournalError::Io(path.to_owned(), error))?;
        if !line.ends_with(b"\n") {
            break;
        }
        let entry = serde_json::from_slice(&line)
            .map_err(|error| JournalError::Damaged(path.to_owned(), number, error))?;
        book.replay(&entry)
            .map_err(|error| JournalError::Impossible(path.to_owned(), number, error))?;
        good += read as u64;
    }
    Ok((book, good))
}

/// Until every sender is gone: gather, write, sync, tell.
fn write_batches(mut file: File, mut queue: mpsc::Receiver<Line>) -> std::io::Result<()> {
    let (mut text, mut waiting) = (String::new(), Vec::new());
    while let Some(first) = queue.blocking_recv() {
        std::thread::sleep(GATHER);
        let more = std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH_MAX - 1);
        let mut last = false;
        for line in std::iter::once(first).chain(more) {
            text.push_str(&line.text);
            waiting.extend(line.synced);
            last |= line.last;
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        text.clear();
        for waiter in waiting.drain(..) {
            // A waiter that left doesn't need to know.
            let _left: Result<(), ()> = waiter.send(());
        }
        if last {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Door;

    fn entry(seq: u32) -> Entry {
        let lines = vec![("timer".to_owned(), 1)];
        Entry::Place {
            seq,
            lines,
            method: "pm_card_ok".to_owned(),
            door: Door::Grpc,
        }
    }

    fn run() -> Entry {
        Entry::Run {
            run: "r".to_owned(),
            seed: 0,
            at_ms: 0,
        }
    }

    #[watertight::test]
    async fn what_was_appended_is_there_and_a_torn_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let (journal, book) = Journal::open(&path).unwrap();
        assert_eq!(book.len(), 0);
        journal.append(&[run(), entry(0), entry(1)]).await.unwrap();
        assert_eq!(
            Journal::read(&path).unwrap().len(),
            2,
            "synced before close"
        );
        journal.close().await.unwrap();

        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"t":"place","seq":2,"li"#).unwrap();
        let (journal, book) = Journal::open(&path).unwrap();
        assert_eq!(book.len(), 2);
        journal.append(&[entry(2)]).await.unwrap();
        journal.close().await.unwrap();
        assert_eq!(Journal::read(&path).unwrap().len(), 3);
    }

    #[test]
    fn a_damaged_journal_is_refused_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        std::fs::write(&path, "{\"t\":\"catalog_done\"}\nnonsense\n").unwrap();
        let error = Journal::open(&path).map(|_| ()).unwrap_err();
        assert!(matches!(error, JournalError::Damaged(_, 2, _)), "{error:?}");
        std::fs::write(&path, "{\"t\":\"unsent\",\"of\":[0,0]}\n").unwrap();
        let error = Journal::open(&path).map(|_| ()).unwrap_err();
        assert!(
            matches!(error, JournalError::Impossible(_, 1, _)),
            "{error:?}"
        );
    }
}
