//! The machine that the figures come from; what the system doesn't say is absent.

use serde::Serialize;

/// A machine in a few words.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: Option<usize>,
    pub(super) cpu: Option<String>,
    pub(super) memory_gib: Option<u64>,
    pub(super) system: Option<String>,
    pub(super) build: &'static str,
}

impl Machine {
    /// This one.
    pub(super) fn here() -> Self {
        let field = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kib = field("/proc/meminfo", "MemTotal");
        let kib = kib.and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok());
        let version = std::fs::read_to_string("/proc/version").ok();
        let words = |text: String| text.split(' ').take(3).collect::<Vec<_>>().join(" ");
        Self {
            cores: std::thread::available_parallelism().ok().map(Into::into),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_gib: kib.map(|kib| kib.div_ceil(1_048_576)),
            system: version
                .map(words)
                .or_else(|| Some(std::env::consts::OS.to_owned())),
            build: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
        }
    }
}
