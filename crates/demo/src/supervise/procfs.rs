//! What Linux says of a process: resident memory and processor time.
//!
//! Elsewhere both are absent, not zero.

use std::time::Duration;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, 100 on every architecture
/// Rust runs Linux on.
const TICKS_PER_S: u64 = 100;

/// Resident bytes of a process; `None` where or when nobody knows.
pub(crate) fn rss_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse_rss(&status)
}

/// Processor time that a process and its threads have used, in user and kernel
/// mode; `None` where or when nobody knows. Its resolution is 10 ms.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_cpu(&stat)
}

fn parse_rss(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

fn parse_cpu(stat: &str) -> Option<Duration> {
    // The second field is the name in brackets and may hold anything, so count
    // from the last bracket: utime and stime are the 14th and 15th field.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        assert_eq!(
            parse_rss("VmPeak:\t 9 kB\nVmRSS:\t    12 kB\n"),
            Some(12 * 1_024)
        );
        assert_eq!(parse_rss("Name: x"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 3 0 1 2 3";
        assert_eq!(parse_cpu(stat), Some(Duration::from_millis(420)));
        assert_eq!(parse_cpu("7 (a"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory() {
        assert!(rss_bytes(std::process::id()).unwrap() > 100_000);
        assert!(cpu_time(std::process::id()).is_some());
        assert_eq!(rss_bytes(u32::MAX), None);
    }
}
