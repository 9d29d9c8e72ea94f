//! What one durable write costs on the disk that the shop's data is on.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use super::figures::Disk;

/// Bytes of one write: a page.
const BYTES: usize = 4_096;

/// Writes of one probe.
const WRITES: usize = 400;

/// Writes 4 KiB and syncs, many times over, and says how long each took.
///
/// # Errors
///
/// Whatever the disk says.
pub(super) fn probe(dir: &Path) -> std::io::Result<Disk> {
    let path = dir.join("fsync-probe");
    let mut file = std::fs::File::create(&path)?;
    let page = [0x5a; BYTES];
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let start = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    times.sort_unstable();
    Ok(Disk {
        fsync_p50_ms: at(&times, 50),
        fsync_p99_ms: at(&times, 99),
    })
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
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!((at(&times, 50), at(&times, 99)), (51.0, 100.0));
        assert_eq!(at(&[], 50), 0.0);
    }
}
