//! Figures of this process from `/proc`; absent where there is none.

use crate::series::{
    MACHINE_AVAILABLE, MACHINE_MEMORY, PROCESS_CPU, PROCESS_FDS, PROCESS_FDS_MAX, PROCESS_RESIDENT,
    PROCESS_START, PROCESS_THREADS, PROCESS_VIRTUAL,
};
use rustix::process::{Resource, getrlimit};
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
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, gauge) in [("VmRSS:", &PROCESS_RESIDENT), ("VmSize:", &PROCESS_VIRTUAL)] {
        if let Some(bytes) = kib(&status, field) {
            gauge.get().set(bytes);
        }
    }
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    for (field, gauge) in [
        ("MemTotal:", &MACHINE_MEMORY),
        ("MemAvailable:", &MACHINE_AVAILABLE),
    ] {
        if let Some(bytes) = kib(&machine, field) {
            gauge.get().set(bytes);
        }
    }
    if let Some(max) = getrlimit(Resource::Nofile).current {
        PROCESS_FDS_MAX.get().set(max as f64);
    }
    if let Ok(fds) = fs::read_dir("/proc/self/fd") {
        PROCESS_FDS.get().set(fds.count() as f64);
    }
    if let Some(stat) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(Stat::parse)
    {
        PROCESS_CPU.get().set(stat.cpu_seconds);
        PROCESS_THREADS.get().set(stat.threads);
        if let Some(boot) = boot_seconds() {
            PROCESS_START.get().set(boot + stat.start_seconds);
        }
    }
}

/// What of the machine's memory the process takes.
pub(crate) fn resident_bytes() -> Option<f64> {
    kib(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The bytes of a line such as `VmRSS:     5120 kB`.
fn kib(text: &str, field: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
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
    fn sizes_are_bytes_and_what_is_not_there_is_absent() {
        let text = "VmSize:\t  20480 kB\nVmRSS:\t    5120 kB\nOdd: x kB\n";
        assert_eq!(kib(text, "VmRSS:"), Some(5120.0 * 1024.0));
        assert_eq!(kib(text, "Odd:"), None);
        assert_eq!(kib(text, "VmHWM:"), None);
    }

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
