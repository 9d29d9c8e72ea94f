//! Processes of this program: each server, generator and attacker is one.

use std::{
    ffi::OsString,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use watertight_core::Deadline;

use crate::{error::Error, rest::rest, serve::Kind, system};

/// A server that isn't there by then won't come.
const READY_MAX: Duration = Duration::from_secs(20);

/// Between two looks whether it is.
const READY_PAUSE: Duration = Duration::from_millis(5);

/// A process that has been told to end in so many seconds gets these on top.
const GRACE: Duration = Duration::from_secs(30);

/// Makes this process end with the one that started it, however that ends.
pub(crate) fn end_with_parent() {
    // Where the kernel refuses, an orphan ends with its own time limit.
    let _refused = set_parent_process_death_signal(Some(Signal::KILL));
}

/// A process whose answer is a line of JSON; killed on drop.
#[derive(Debug)]
pub(crate) struct Helper {
    what: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    /// Starts `edge-bench WORDS`.
    ///
    /// # Errors
    ///
    /// If it can't be started.
    pub(crate) fn start(words: impl IntoIterator<Item = impl ToString>) -> Result<Self, Error> {
        let words: Vec<_> = words.into_iter().map(|word| word.to_string()).collect();
        let what = words.join(" ");
        let failed = |source| Error::Start {
            what: what.clone(),
            source,
        };
        let mut child = command()
            .map_err(failed)?
            .args(&words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take();
        let stdout = stdout.ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self {
            what,
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// The next line it says, within a time.
    ///
    /// # Errors
    ///
    /// If it ends without, takes longer, or says something else.
    ///
    /// # Cancel safety
    ///
    /// Dropped, a line may be lost.
    pub(crate) async fn answer<T: DeserializeOwned>(&mut self, time: Duration) -> Result<T, Error> {
        let line = Deadline::after(time + GRACE)
            .run(self.lines.next_line())
            .await;
        let line = line.map_err(|_late| self.failed("took too long"))?;
        let line = line.map_err(|error| self.failed(error))?;
        let line = line.ok_or_else(|| self.failed("ended without an answer"))?;
        serde_json::from_str(&line).map_err(|error| self.failed(format_args!("{error} in {line}")))
    }

    /// Ends it at once.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is killed all the same, but not waited for.
    pub(crate) async fn kill(&mut self) {
        // Gone already is as good.
        let _gone = self.child.kill().await;
    }

    fn failed(&self, why: impl ToString) -> Error {
        Error::Child {
            what: self.what.clone(),
            why: why.to_string(),
        }
    }
}

/// Runs a helper to its end.
///
/// # Errors
///
/// As [`Helper::start`] and [`Helper::answer`].
///
/// # Cancel safety
///
/// Dropped, it is killed.
pub(crate) async fn ask<T: DeserializeOwned>(
    words: impl IntoIterator<Item = impl ToString>,
    time: Duration,
) -> Result<T, Error> {
    let mut helper = Helper::start(words)?;
    let answer = helper.answer(time).await?;
    // Until it is gone it would disturb what is measured next.
    let _status = helper.child.wait().await;
    Ok(answer)
}

/// Where a server's log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// To whoever watches; our own stdout is for figures.
    Shown,
    /// Nowhere, at once.
    Discarded,
    /// Into a pipe, see [`Server::log`].
    Piped,
}

/// A server; killed on drop.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    /// Only the chassis has one.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) pid: u32,
    /// The end of the pipe that its log goes into, if it does; while nobody
    /// reads it, the server's stdout is blocked.
    pub(crate) log: Option<ChildStdout>,
    child: Child,
    _dir: TempDir,
}

impl Server {
    /// Starts a server, with flags for the chassis, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If it can't be started, or ends.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is killed.
    pub(crate) async fn start(kind: Kind, flags: &[String]) -> Result<Self, Error> {
        Self::start_with(kind, &[], flags, Log::Shown).await
    }

    /// The same, with words for `edge-bench serve` itself.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is killed.
    pub(crate) async fn start_with(
        kind: Kind,
        own: &[String],
        flags: &[String],
        log: Log,
    ) -> Result<Self, Error> {
        let what = format!(
            "serve {} {} -- {}",
            kind.name(),
            own.join(" "),
            flags.join(" ")
        );
        let failed = |source| Error::Start {
            what: what.clone(),
            source,
        };
        let dir = tempfile::tempdir().map_err(failed)?;
        let ready = dir.path().join("ready.json");
        let mut words: Vec<OsString> = vec!["serve".into(), kind.name().into()];
        words.extend(["--ready-file".into(), ready.clone().into()]);
        words.extend(own.iter().map(Into::into));
        words.push("--".into());
        words.extend(flags.iter().map(Into::into));
        let mut child = command()
            .map_err(failed)?
            .args(words)
            .stdin(Stdio::null())
            .stdout(match log {
                Log::Shown => std::io::stderr().into(),
                Log::Discarded => Stdio::null(),
                Log::Piped => Stdio::piped(),
            })
            .spawn()
            .map_err(failed)?;
        let begin = Instant::now();
        let (addr, admin) = loop {
            if let Some(addrs) = listens(&ready) {
                break addrs;
            }
            let ended = child.try_wait().map_err(failed)?;
            if ended.is_some() || begin.elapsed() > READY_MAX {
                let why = ended.map_or("doesn't listen".to_owned(), |how| how.to_string());
                return Err(Error::Child { what, why });
            }
            rest(READY_PAUSE).await;
        };
        Ok(Self {
            addr,
            admin,
            log: child.stdout.take(),
            pid: child.id().unwrap_or_default(),
            child,
            _dir: dir,
        })
    }

    /// Kills it without waiting: its peers are to notice.
    pub(crate) fn hang_up(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }

    /// Tells it to end, and waits for that; `None` if it had to be killed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is killed, but not waited for.
    pub(crate) async fn terminate(mut self, limit: Duration) -> Option<ExitStatus> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It isn't reaped yet, so the pid is still its own.
            let _gone = kill_process(pid, Signal::TERM);
        }
        let ended = Deadline::after(limit).run(self.child.wait()).await;
        if ended.is_err() {
            let _gone = self.child.kill().await;
        }
        ended.ok()?.ok()
    }

    /// Its resident memory; 0 if it is gone.
    pub(crate) fn rss_bytes(&self) -> u64 {
        system::rss_bytes(self.pid).unwrap_or(0)
    }

    /// Ends it and waits for that.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is killed all the same, but not waited for.
    pub(crate) async fn stop(mut self) {
        let _gone = self.child.kill().await;
    }
}

/// Where it listens, and its admin port.
fn listens(ready: &std::path::Path) -> Option<(SocketAddr, Option<SocketAddr>)> {
    let text = std::fs::read_to_string(ready).ok()?;
    let ready: serde_json::Value = serde_json::from_str(&text).ok()?;
    let addr = |name| ready.get(name)?.as_str()?.parse().ok();
    Some((addr("listen")?, addr("admin")))
}

fn command() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.kill_on_drop(true);
    Ok(command)
}
