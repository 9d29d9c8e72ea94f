//! Figures of this process from `/proc`; absent where there is none.

use std::fs;

/// `USER_HZ`: the unit of CPU times in `/proc`, 100 on every Linux platform.
const TICKS_PER_SECOND: f64 = 100.0;
/// Fields of `/proc/self/stat` counted after the closing parenthesis of the name.
const UTIME: usize = 11;
const STIME: usize = 12;
const THREADS: usize = 17;
const START: usize = 19;

/// Sets the `process_*` gauges; names as the Prometheus client libraries have them.
pub(super) fn collect() {
    if let Some(bytes) = resident_bytes() {
        metrics::gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Ok(fds) = fs::read_dir("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(fds.count() as f64);
    }
    if let Some(stat) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(Stat::parse)
    {
        metrics::gauge!("process_cpu_seconds_total").set(stat.cpu_seconds);
        metrics::gauge!("process_threads").set(stat.threads);
        if let Some(boot) = boot_seconds() {
            metrics::gauge!("process_start_time_seconds").set(boot + stat.start_seconds);
        }
    }
}

/// What of the machine's memory the process takes.
pub(crate) fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}

fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    start_seconds: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name may contain spaces and parentheses: count from the last one.
        let fields: Vec<_> = text
            .get(text.rfind(')')? + 1..)?
            .split_whitespace()
            .collect();
        let field = |i: usize| fields.get(i)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (field(UTIME)? + field(STIME)?) / TICKS_PER_SECOND,
            threads: field(THREADS)?,
            start_seconds: field(START)? / TICKS_PER_SECOND,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) b) S 1 1 1 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 9 0 12345 1 2 3";
        let stat = Stat {
            cpu_seconds: 4.0,
            threads: 9.0,
            start_seconds: 123.45,
        };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("garbage"), None);
        assert_eq!(Stat::parse("7 (short) S 1"), None);
    }
}
