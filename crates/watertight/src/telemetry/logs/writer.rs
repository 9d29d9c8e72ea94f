//! The thread that writes the lines.

use super::buffer::{Buffer, Due, Weight};
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a line was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// More came than was taken: the reader is slow or stands still.
    Full,
    /// Nobody reads any more.
    Closed,
    /// It could not be written: the disk is full, say.
    Failed,
}

impl Loss {
    pub(super) const ALL: [Self; 3] = [Self::Full, Self::Closed, Self::Failed];

    /// How it is called in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }
}

/// Hands lines to a thread of its own, and never waits for it.
///
/// Whoever logs holds a lock for as long as it takes to copy a line. The
/// thread holds it while it copies a batch out; it writes without.
///
/// # Limits
///
/// See [`Buffer`]. Lines that find no room are dropped and counted.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is due.
    work: Condvar,
    /// A batch was written.
    done: Condvar,
    lost: [AtomicU64; Loss::ALL.len()],
}

#[derive(Debug)]
struct State {
    buffer: Buffer,
    /// The reader has gone. Nobody comes back to a pipe.
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, why: Loss, lines: u64) {
        self.lost[why as usize].fetch_add(lines, Ordering::Relaxed);
    }
}

impl Writer {
    /// Starts the thread. Without one, which is no reason not to serve, all lines are lost.
    #[expect(
        clippy::disallowed_methods,
        reason = "nobody joins it: it may be stuck in a write for ever, and ends with the process"
    )]
    pub(super) fn start(sink: impl Write + Send + 'static, bytes_max: usize) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                buffer: Buffer::new(bytes_max),
                closed: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            lost: Default::default(),
        });
        let thread = Thread {
            shared: Arc::clone(&shared),
            sink,
            torn: false,
        };
        let started = std::thread::Builder::new()
            .name("logs".to_owned())
            .stack_size(64 * 1_024)
            .spawn(move || thread.run());
        shared.lock().closed = started.is_err();
        Self { shared }
    }

    /// Takes a line, with its line break.
    pub(super) fn push(&self, line: &[u8], weight: Weight) {
        let mut state = self.shared.lock();
        let pushed = if state.closed {
            Err(Loss::Closed)
        } else {
            let now = Instant::now();
            let pushed = state.buffer.push(line, weight, now);
            pushed.map_err(|_full| Loss::Full)
        };
        drop(state);
        match pushed {
            Ok(true) => self.shared.work.notify_one(),
            Ok(false) => {}
            Err(why) => self.shared.lose(why, 1),
        }
    }

    pub(super) fn set_bytes_max(&self, bytes_max: usize) {
        self.shared.lock().buffer.set_bytes_max(bytes_max);
    }

    /// Bytes that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.shared.lock().buffer.bytes()
    }

    pub(super) fn lost(&self, why: Loss) -> u64 {
        self.shared.lost[why as usize].load(Ordering::Relaxed)
    }

    /// Waits until all is written, for so long at most. `true` if it is.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut state = self.shared.lock();
        state.buffer.hurry();
        self.shared.work.notify_one();
        let waits = |state: &mut State| state.buffer.bytes() > 0 && !state.closed;
        let (state, _) = self
            .shared
            .done
            .wait_timeout_while(state, within, waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.buffer.bytes() == 0
    }
}

struct Thread<W> {
    shared: Arc<Shared>,
    sink: W,
    /// The last write ended within a line.
    torn: bool,
}

impl<W: Write> Thread<W> {
    fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            self.next(&mut batch);
            let outcome = self.write(&batch);
            let mut state = self.shared.lock();
            state.buffer.done();
            if let Err((lines, why)) = outcome {
                self.shared.lose(why, lines);
                state.closed |= why == Loss::Closed;
            }
            if state.closed {
                self.give_up(&mut state, &mut batch);
            }
            drop(state);
            self.shared.done.notify_all();
        }
    }

    /// What was waiting is lost with the reader.
    fn give_up(&self, state: &mut State, batch: &mut Vec<u8>) {
        while state.buffer.bytes() > 0 {
            state.buffer.take(batch);
            self.shared.lose(Loss::Closed, lines(batch));
            state.buffer.done();
        }
    }

    /// Waits for the next batch.
    fn next(&self, batch: &mut Vec<u8>) {
        let mut state = self.shared.lock();
        loop {
            state = match state.buffer.due(Instant::now()) {
                Due::Now => break,
                Due::At(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    let waited = self.shared.work.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Due::Never => {
                    let waited = self.shared.work.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        state.buffer.take(batch);
    }

    /// The number of lines that were lost, if not all was written.
    fn write(&mut self, batch: &[u8]) -> Result<(), (u64, Loss)> {
        if self.torn {
            // What comes now must not become part of half a line.
            write_all(&mut self.sink, b"\n").map_err(|(_, error)| (lines(batch), loss(&error)))?;
            self.torn = false;
        }
        write_all(&mut self.sink, batch).map_err(|(written, error)| {
            let (done, rest) = batch.split_at(written);
            self.torn = !matches!(done, [] | [.., b'\n']);
            (lines(rest), loss(&error))
        })
    }
}

fn loss(error: &io::Error) -> Loss {
    if error.kind() == ErrorKind::BrokenPipe {
        Loss::Closed
    } else {
        Loss::Failed
    }
}

fn lines(batch: &[u8]) -> u64 {
    batch.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Like [`Write::write_all`], but says how far it came.
fn write_all(sink: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match sink.write(&bytes[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::mpsc;
    use testkit::wait_until;

    const LIVENESS: Duration = Duration::from_secs(60);

    /// Does with each write what the script says: so many bytes, or an error.
    #[derive(Clone, Default)]
    struct Script {
        steps: Arc<Mutex<VecDeque<Result<usize, ErrorKind>>>>,
        out: Arc<Mutex<Vec<u8>>>,
    }

    impl Script {
        fn new(steps: impl IntoIterator<Item = Result<usize, ErrorKind>>) -> Self {
            let script = Self::default();
            script.steps.lock().unwrap().extend(steps);
            script
        }

        fn text(&self) -> String {
            String::from_utf8(self.out.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let step = self.steps.lock().unwrap().pop_front();
            let length = step.unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.out.lock().unwrap().extend(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lost(writer: &Writer) -> [u64; 3] {
        Loss::ALL.map(|why| writer.lost(why))
    }

    #[test]
    fn lines_arrive_whole_however_they_are_written() {
        let sink = Script::new([Ok(1), Err(ErrorKind::Interrupted), Ok(3)]);
        let writer = Writer::start(sink.clone(), 1 << 20);
        for line in ["one\n", "two\n", "three\n"] {
            writer.push(line.as_bytes(), Weight::Usual);
        }
        assert!(writer.flush(LIVENESS));
        assert_eq!(sink.text(), "one\ntwo\nthree\n");
        assert_eq!(lost(&writer), [0, 0, 0]);
        // And after it.
        writer.push(b"four\n", Weight::Urgent);
        wait_until(LIVENESS, || sink.text().ends_with("four\n"));
    }

    #[test]
    fn a_full_disk_loses_lines_but_never_glues_them() {
        let sink = Script::new([Ok(6), Err(ErrorKind::StorageFull)]);
        let writer = Writer::start(sink.clone(), 1 << 20);
        writer.push(b"one\ntwo\nthree\n", Weight::Urgent);
        assert!(writer.flush(LIVENESS));
        writer.push(b"four\n", Weight::Urgent);
        assert!(writer.flush(LIVENESS));
        assert_eq!(sink.text(), "one\ntw\nfour\n");
        assert_eq!(lost(&writer), [0, 0, 2]);
    }

    #[test]
    fn a_reader_that_left_costs_lines_and_nothing_else() {
        let sink = Script::new([Err(ErrorKind::BrokenPipe)]);
        let writer = Writer::start(sink.clone(), 1 << 20);
        writer.push(b"one\n", Weight::Urgent);
        wait_until(LIVENESS, || writer.lost(Loss::Closed) == 1);
        writer.push(b"two\n", Weight::Usual);
        assert!(writer.flush(LIVENESS));
        assert_eq!((sink.text().as_str(), lost(&writer)), ("", [0, 2, 0]));
    }

    /// Stands still until it is told to go on.
    struct Stuck(mpsc::Receiver<()>, Script);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _told_or_gone = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stands_still_holds_nobody_up() {
        let (go, wait) = mpsc::sync_channel(0);
        let sink = Script::default();
        let writer = Writer::start(Stuck(wait, sink.clone()), 64 * 1_024);
        let line = [&[b'x'; 99][..], b"\n"].concat();
        for _ in 0..10_000 {
            writer.push(&line, Weight::Usual);
        }
        let before = writer.lost(Loss::Full);
        assert!(before > 9_000 && writer.bytes() <= 64 * 1_024);
        assert!(!writer.flush(Duration::from_millis(1)));
        for _ in 0..100 {
            writer.push(&line, Weight::Important);
        }
        assert_eq!(writer.lost(Loss::Full), before, "no room for what matters");
        drop(go);
        assert!(writer.flush(LIVENESS));
        let written = sink.text().lines().count() as u64;
        assert_eq!(written + writer.lost(Loss::Full), 10_100);
    }
}
