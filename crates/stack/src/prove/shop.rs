//! The demo with its Prometheus, a child of ours.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::http;
use super::provoke::provoke;
use crate::error::Error;
use crate::files::at;

/// Where each service of the demo shows metrics, from its first port on.
pub(super) const ADMIN_PORTS: [(&str, u16); 5] = [
    ("orders", 1),
    ("inventory", 3),
    ("payments", 5),
    ("provider", 9),
    ("gateway", 11),
];

/// Ports of the demo, and one for Prometheus.
const PORTS: u16 = 13;

/// Below what systems give to outgoing connections.
const FIRST_PORTS: std::ops::Range<u16> = 20_000..28_000;

/// How long a child may take to end by itself.
const END: Duration = Duration::from_secs(30);

/// How often a child is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// A child, ended with its owner.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Running {
    fn start(command: &mut Command, name: &'static str, dir: &Path) -> Result<Self, Error> {
        let log = dir.join(format!("{name}.log"));
        let failed = at("create", &log);
        let out = File::create(&log).and_then(|out| Ok((out.try_clone()?, out)));
        let (out, err) = out.map_err(failed)?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn();
        let child = child.map_err(|source| Error::Run {
            program: name.to_owned(),
            source,
        })?;
        Ok(Self { child, name, log })
    }

    /// Fails, with the end of what it said, unless it is still there.
    pub(super) fn must_be_alive(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ended => Err(self.failed()),
        }
    }

    fn failed(&self) -> Error {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines.get(lines.len().saturating_sub(30)..);
        Error::Failed {
            program: self.name.to_owned(),
            said: last.unwrap_or_default().join("\n"),
        }
    }

    /// Asks it to end, and waits until it has; it must end well.
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.ask_to_end();
        let begin = Instant::now();
        while begin.elapsed() < END {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(None) => std::thread::sleep(PAUSE),
                _failed => break,
            }
        }
        Err(self.failed())
    }

    fn ask_to_end(&self) {
        let id = i32::try_from(self.child.id()).ok();
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            // Gone already is what we want.
            let _gone = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Whoever sells must hear of it: its services end with it.
            self.ask_to_end();
            let begin = Instant::now();
            while begin.elapsed() < END && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(PAUSE);
            }
            let _killed = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

/// The demo, and the Prometheus that it starts.
#[derive(Debug)]
pub(super) struct Scene {
    demo: Running,
    base: u16,
    /// Removed with it.
    _dir: tempfile::TempDir,
}

impl Scene {
    /// Starts the demo `--with-prometheus`, which looks for it on `PATH`.
    pub(super) fn open(root: &Path, demo: &Path, tools: Option<&Path>) -> Result<Self, Error> {
        let dir = tempfile::tempdir();
        let dir = dir.map_err(at("create", Path::new("a directory")))?;
        let base = free_ports()?;
        let mut command = Command::new(demo);
        command.args(["--plain", "--with-prometheus", "--rps", "40"]);
        command.args(["--http-share", "0.5", "--base-port", &base.to_string()]);
        command.arg("--data").arg(dir.path().join("shop"));
        // The rules are found from there.
        command.current_dir(root);
        if let Some(tools) = tools {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let dirs = std::iter::once(tools.to_path_buf()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(dirs).unwrap_or(path.clone()));
        }
        Ok(Self {
            demo: Running::start(&mut command, "demo", dir.path())?,
            base,
            _dir: dir,
        })
    }

    /// Where Prometheus listens.
    pub(super) const fn port(&self) -> u16 {
        self.base + PORTS - 1
    }

    /// What each service shows.
    pub(super) fn metrics(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let pages = ADMIN_PORTS.map(|(name, offset)| {
            let page = http::get(self.base + offset, "/metrics");
            let failed = |source| Error::Silent {
                what: name.to_owned(),
                source,
            };
            page.map(|page| (name, page)).map_err(failed)
        });
        pages.into_iter().collect()
    }

    /// Fails unless it is there.
    pub(super) fn must_be_alive(&mut self) -> Result<(), Error> {
        self.demo.must_be_alive()
    }

    /// Lets happen what a quiet demo has none of; before it is ready, nothing does.
    pub(super) fn provoke(&self, round: u32) {
        let [gateway, admin] = [10, 11].map(|offset| self.base + offset);
        // A panel without data says what didn't happen.
        drop(provoke(gateway, admin, round));
    }

    /// Ends it; fails if an invariant doesn't hold, or if its Prometheus stays.
    pub(super) fn close(self) -> Result<(), Error> {
        self.demo.end()?;
        let port = self.base + PORTS - 1;
        let begin = Instant::now();
        while http::get(port, "/-/ready").is_ok() {
            if begin.elapsed() > END {
                return Err(Error::Found("Prometheus outlives the demo".to_owned()));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

fn free_ports() -> Result<u16, Error> {
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    FIRST_PORTS
        .step_by(usize::from(PORTS))
        .find(|&base| (base..base + PORTS).all(is_free))
        .ok_or_else(|| Error::Found(format!("no {PORTS} free ports in a row")))
}
