//! What the kernel knows about a process, and about this machine.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Ticks of `/proc/PID/stat` a second; the kernel's ABI has fixed it at this.
const TICKS_PER_S: f64 = 100.0;

/// CPU time of all threads of a process since it began, in seconds.
///
/// `None` once it is gone.
pub(crate) fn cpu_s(pid: u32) -> Option<f64> {
    by_thread(pid).or_else(|| by_ticks(pid))
}

/// Exact to the nanosecond, where the kernel keeps it.
fn by_thread(pid: u32) -> Option<f64> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread that ends meanwhile takes its time with it.
        let Ok(text) = std::fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        sum += Duration::from_nanos(text.split(' ').next()?.parse().ok()?);
    }
    (sum > Duration::ZERO).then_some(sum.as_secs_f64())
}

fn by_ticks(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field may contain anything but ends with the last bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_S)
}

/// Resident memory of a process; `None` once it is gone.
pub(crate) fn rss_bytes(pid: u32) -> Option<u64> {
    status_bytes(pid, "VmRSS")
}

/// The most resident memory a process has had; `None` once it is gone.
pub(crate) fn peak_bytes(pid: u32) -> Option<u64> {
    status_bytes(pid, "VmHWM")
}

fn status_bytes(pid: u32, name: &str) -> Option<u64> {
    let kib = field(&format!("/proc/{pid}/status"), name)?;
    let kib: u64 = kib.trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// Memory of all TCP sockets of this machine's network, which is the kernel's
/// and in nobody's resident memory.
pub(crate) fn sockets_bytes() -> Option<u64> {
    const PAGE: u64 = 4_096;
    let counts = field("/proc/net/sockstat", "TCP")?;
    let mut words = counts.split(' ').skip_while(|word| *word != "mem");
    let pages: u64 = words.nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// File descriptors that a process has open; `None` once it is gone.
pub(crate) fn files_of(pid: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Asks for as many file descriptors as the hard limit allows; how many there are.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // A refusal leaves what there was, which is then what is reported.
    let _refused = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A machine in a few words; what the system doesn't say is absent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: Option<usize>,
    pub(crate) cpu: Option<String>,
    pub(crate) memory_gib: Option<u64>,
    pub(crate) system: Option<String>,
    pub(crate) build: &'static str,
    pub(crate) open_files: u64,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let kib = field("/proc/meminfo", "MemTotal");
        let kib = kib.and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok());
        let version = std::fs::read_to_string("/proc/version").ok();
        let words = |text: String| text.split(' ').take(3).collect::<Vec<_>>().join(" ");
        Self {
            cores: std::thread::available_parallelism().ok().map(Into::into),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_gib: kib.map(|kib| kib.div_ceil(1_048_576)),
            system: version.map(words),
            build: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
            open_files: raise_open_files(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unknown = || "unknown".to_owned();
        write!(
            f,
            "{} cores, {}, {} GiB, {}; {} build",
            self.cores.map_or_else(unknown, |cores| cores.to_string()),
            self.cpu.clone().unwrap_or_else(unknown),
            self.memory_gib.map_or_else(unknown, |gib| gib.to_string()),
            self.system.clone().unwrap_or_else(unknown),
            self.build,
        )
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let me = std::process::id();
        assert!(rss_bytes(me).unwrap() > 100_000);
        let begin = (cpu_s(me).unwrap(), by_ticks(me).unwrap());
        testkit::wait_until(testkit::LIVENESS, || {
            std::hint::black_box(vec![1_u8; 1 << 20]);
            cpu_s(me).unwrap() > begin.0 && by_ticks(me).unwrap() > begin.1
        });
        assert!(cpu_s(u32::MAX).is_none() && rss_bytes(u32::MAX).is_none());
        assert!(raise_open_files() > 0);
        assert!(sockets_bytes().is_some() && files_of(me).unwrap() > 2);
    }
}
