//! What one durable write costs on the disk that the shop's data is on.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, SyncSender},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::figures::Disk;

/// Bytes of one write: a page.
const BYTES: usize = 4_096;

/// Writes of one probe.
const WRITES: usize = 400;

/// Writes that one probe remembers at most.
const WRITES_MAX: usize = 100_000;

/// Between two writes of a probe that runs beside the shop.
const PAUSE: Duration = Duration::from_millis(25);

/// Probes beside the shop until it is told to stop.
///
/// # Errors
///
/// If there is no thread for it.
#[expect(clippy::disallowed_methods, reason = "the probe joins it")]
pub(super) fn beside(dir: &Path) -> std::io::Result<Beside> {
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let dir = dir.to_owned();
    let work = move || {
        let mut probe = Probe::new(&dir)?;
        // Until the other end is gone; a write in between takes what it takes.
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            probe.write()?;
        }
        probe.finish()
    };
    let thread = std::thread::Builder::new().name("fsync probe".to_owned());
    Ok(Beside {
        stop,
        thread: thread.spawn(work)?,
    })
}

/// A probe at work.
#[derive(Debug)]
pub(super) struct Beside {
    stop: SyncSender<()>,
    thread: JoinHandle<std::io::Result<Disk>>,
}

impl Beside {
    /// Ends it and gives what it has measured.
    ///
    /// # Errors
    ///
    /// Whatever the disk said.
    pub(super) fn finish(self) -> std::io::Result<Disk> {
        drop(self.stop);
        let panicked = |_panic| Err(std::io::Error::other("the fsync probe panicked"));
        self.thread.join().unwrap_or_else(panicked)
    }
}

/// Writes 4 KiB and syncs, many times over, and says how long each took.
///
/// # Errors
///
/// Whatever the disk says.
pub(super) fn probe(dir: &Path) -> std::io::Result<Disk> {
    let mut probe = Probe::new(dir)?;
    for _ in 0..WRITES {
        probe.write()?;
    }
    probe.finish()
}

struct Probe {
    path: PathBuf,
    file: File,
    times: Vec<Duration>,
}

impl Probe {
    fn new(dir: &Path) -> std::io::Result<Self> {
        let path = dir.join("fsync-probe");
        let file = File::create(&path)?;
        Ok(Self {
            path,
            file,
            times: Vec::with_capacity(WRITES),
        })
    }

    fn write(&mut self) -> std::io::Result<()> {
        let start = Instant::now();
        self.file.write_all(&[0x5a; BYTES])?;
        self.file.sync_data()?;
        // A longer probe measures on and forgets what comes beyond its room.
        if self.times.len() < WRITES_MAX {
            self.times.push(start.elapsed());
        }
        Ok(())
    }

    fn finish(mut self) -> std::io::Result<Disk> {
        std::fs::remove_file(&self.path)?;
        self.times.sort_unstable();
        Ok(Disk {
            fsync_p50_ms: at(&self.times, 50),
            fsync_p99_ms: at(&self.times, 99),
        })
    }
}

fn at(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    let time = sorted.get(index).copied().unwrap_or_default();
    (time.as_secs_f64() * 1e5).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_cleans_up_and_orders_its_quantiles() {
        let dir = tempfile::tempdir().unwrap();
        let disk = probe(dir.path()).unwrap();
        assert!(disk.fsync_p50_ms <= disk.fsync_p99_ms);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let beside = beside(dir.path()).unwrap();
        testkit::wait_until(testkit::LIVENESS, || {
            let probe = dir.path().join("fsync-probe");
            std::fs::metadata(probe).is_ok_and(|file| file.len() > 0)
        });
        assert!(beside.finish().unwrap().fsync_p99_ms >= 0.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!((at(&times, 50), at(&times, 99)), (51.0, 100.0));
        assert_eq!(at(&[], 50), 0.0);
    }
}
