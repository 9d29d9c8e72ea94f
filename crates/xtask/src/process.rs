//! Child processes with a wall limit, each in a process group of its own.
//!
//! A group, because what hangs is seldom cargo itself: it is the test binary or
//! the service below it, and killing only the parent would leave that behind.
//! The terminal's Ctrl-C no longer reaches such a group, so it is forwarded.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use watertight_core::{Deadline, Either, join, race};

use crate::error::Error;

/// How long a group that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How many lines are shown of what a failed command said.
const SHOWN: usize = 40;

/// A command of the given program, reading nothing from the terminal.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The cargo that runs this program, so that the toolchain is the same.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<(), Error> {
    block_on(async {
        let mut running = Running::start(command)?;
        let status = running.wait(limit).await?;
        running.verdict(status)
    })
}

/// Runs a command to its end, shows its standard output line by line, and
/// returns the last line.
pub(crate) fn run_for_last_line(command: &mut Command, limit: Duration) -> Result<String, Error> {
    let (program, (status, said)) = (name(command), output(command, limit)?);
    if !status.success() {
        return Err(Error::Ended { program, status });
    }
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

/// Runs a command to its end, shows its standard output line by line, and
/// returns how it ended and what it said.
pub(crate) fn output(
    command: &mut Command,
    limit: Duration,
) -> Result<(ExitStatus, String), Error> {
    output_where(command, limit, |_| true)
}

/// [`output`] that shows only some of the lines.
pub(crate) fn output_where(
    command: &mut Command,
    limit: Duration,
    show: impl Fn(&str) -> bool,
) -> Result<(ExitStatus, String), Error> {
    block_on(async {
        let mut running = Running::start(command.stdout(Stdio::piped()))?;
        let stdout = running.child.stdout.take();
        // Both at once: a child whose pipe nobody reads never ends.
        let (status, said) = join(running.wait(limit), show_lines(stdout, show)).await;
        Ok((status?, said))
    })
}

/// Runs a command that puts things in order again, and returns what it said.
///
/// Ctrl-C doesn't end it: what an interrupted run made must still go.
pub(crate) fn to_the_end(command: &mut Command, limit: Duration) -> Result<String, Error> {
    block_on(async {
        let mut running = Running::start(command.stdout(Stdio::piped()))?;
        let stdout = running.child.stdout.take();
        let (status, said) = join(running.ended(limit), show_lines(stdout, |_| false)).await;
        running.verdict(status?)?;
        Ok(said)
    })
}

/// Waits a moment; an interrupt that came since the last command ends the wait.
pub(crate) fn pause(moment: Duration) -> Result<(), Error> {
    block_on(async {
        let mut terminate = listen()?;
        let asked = race(tokio::signal::ctrl_c(), terminate.recv());
        match Deadline::after(moment).run(asked).await {
            Ok(_signal) => Err(Error::Interrupted),
            Err(_passed) => Ok(()),
        }
    })
}

/// Starts a command that runs beside what we do next. What it says goes to a
/// file, and from there to us if it fails.
pub(crate) fn start(command: &mut Command) -> Result<Beside, Error> {
    let failed = |source| Error::File {
        verb: "create",
        path: "a file for what a command says".into(),
        source,
    };
    let said = tempfile::NamedTempFile::new().map_err(failed)?;
    command.stdout(said.reopen().map_err(failed)?);
    command.stderr(said.reopen().map_err(failed)?);
    let runtime = runtime()?;
    let running = runtime.block_on(async { Running::start(command) })?;
    Ok(Beside {
        runtime,
        running,
        said,
    })
}

/// A command that runs beside us; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Beside {
    runtime: tokio::runtime::Runtime,
    running: Running,
    said: tempfile::NamedTempFile,
}

impl Beside {
    /// Fails, and shows what it said, unless it is still there.
    pub(crate) fn must_be_alive(&mut self) -> Result<(), Error> {
        if matches!(self.running.child.try_wait(), Ok(None)) {
            return Ok(());
        }
        self.show();
        let program = &self.running.program;
        Err(Error::Found(format!("{program} ended by itself")))
    }

    /// Sends what Ctrl-C sends, and waits for the end.
    pub(crate) fn interrupt(mut self, limit: Duration) -> Result<(), Error> {
        self.running.send(Signal::INT);
        let ended = self.runtime.block_on(async {
            let status = self.running.wait(limit).await?;
            self.running.verdict(status)
        });
        if ended.is_err() {
            self.show();
        }
        ended
    }

    /// [`interrupt`](Self::interrupt) that Ctrl-C doesn't cut short.
    pub(crate) fn end(mut self, limit: Duration) -> Result<(), Error> {
        self.running.send(Signal::INT);
        let ended = self.runtime.block_on(self.running.ended(limit));
        let verdict = ended.and_then(|status| self.running.verdict(status));
        if verdict.is_err() {
            self.show();
        }
        verdict
    }

    /// What it said last.
    fn show(&self) {
        let said = std::fs::read(self.said.path()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        for line in &lines[lines.len().saturating_sub(SHOWN)..] {
            println!("{line}");
        }
    }
}

#[derive(Debug)]
struct Running {
    child: Child,
    program: String,
    /// Kept apart from the child: the group can outlive its leader.
    group: Option<Pid>,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self, Error> {
        let program = name(command);
        match command.spawn() {
            Ok(child) => {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                Ok(Self {
                    child,
                    program,
                    group: id.and_then(Pid::from_raw),
                })
            }
            Err(source) => Err(Error::Start { program, source }),
        }
    }

    /// Waits for the end, the limit, Ctrl-C or SIGTERM, whichever comes first.
    async fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        let mut terminate = listen()?;
        let asked = race(tokio::signal::ctrl_c(), terminate.recv());
        let first = race(self.child.wait(), asked);
        let stopped = match Deadline::after(limit).run(first).await {
            Ok(Either::Left(status)) => return self.reaped(status),
            Ok(Either::Right(_signal)) => Error::Interrupted,
            Err(_passed) => Error::TimedOut {
                program: self.program.clone(),
                limit,
            },
        };
        self.stop().await;
        Err(stopped)
    }

    /// Waits for the end or the limit, and for nothing else.
    async fn ended(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        match Deadline::after(limit).run(self.child.wait()).await {
            Ok(status) => self.reaped(status),
            Err(_passed) => {
                self.stop().await;
                Err(Error::TimedOut {
                    program: self.program.clone(),
                    limit,
                })
            }
        }
    }

    fn reaped(&self, status: std::io::Result<ExitStatus>) -> Result<ExitStatus, Error> {
        status.map_err(|source| Error::Start {
            program: self.program.clone(),
            source,
        })
    }

    /// Asks the group to end, then makes it.
    async fn stop(&mut self) {
        self.send(Signal::TERM);
        let ended = Deadline::after(GRACE).run(self.child.wait()).await;
        self.send(Signal::KILL);
        if ended.is_err() {
            drop(self.child.wait().await);
        }
    }

    /// Signals the whole group. A group that is gone already is what we want.
    fn send(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    fn verdict(&self, status: ExitStatus) -> Result<(), Error> {
        let program = self.program.clone();
        if status.success() {
            Ok(())
        } else {
            Err(Error::Ended { program, status })
        }
    }
}

/// Somebody's SIGTERM.
fn listen() -> Result<tokio::signal::unix::Signal, Error> {
    signal(SignalKind::terminate()).map_err(|source| Error::Start {
        program: "a signal handler".to_owned(),
        source,
    })
}

/// The command as a person would type it.
fn name(command: &Command) -> String {
    let command = command.as_std();
    let program = std::path::Path::new(command.get_program());
    let program = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let rest = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program)
        .chain(rest)
        .collect::<Vec<_>>()
        .join(" ")
}

async fn show_lines(
    stdout: Option<tokio::process::ChildStdout>,
    show: impl Fn(&str) -> bool,
) -> String {
    let mut said = String::new();
    let Some(stdout) = stdout else { return said };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if show(&line) {
            println!("{line}");
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|source| Error::Start {
        program: "a runtime".to_owned(),
        source,
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    runtime()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = command("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_child_beyond_its_limit_is_killed_with_everything_below_it() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut shell = shell("sleep 60 & wait");
        shell.stdout(writer);
        let error = run(&mut shell, Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");

        // The end of the pipe comes once nobody holds it any more: neither we
        // nor the shell nor the `sleep` below it.
        drop(shell);
        let begin = std::time::Instant::now();
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the grandchild lived on"
        );
    }

    #[test]
    fn a_failing_child_is_named() {
        let error = run(&mut shell("exit 3"), Duration::from_secs(60)).unwrap_err();
        assert!(
            error.to_string().contains("sh -c exit 3 ended with"),
            "{error}"
        );
    }

    #[test]
    fn the_last_line_is_the_result() {
        let last = run_for_last_line(&mut shell("echo one; echo two"), Duration::from_secs(60));
        assert_eq!(last.unwrap(), "two");
    }

    #[test]
    fn what_a_command_said_and_how_it_ended_are_known() {
        let (status, said) = output(
            &mut shell("echo one; echo two; exit 3"),
            Duration::from_secs(60),
        )
        .unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(3), "one\ntwo\n"));
    }

    #[test]
    fn what_puts_things_in_order_says_what_it_did_and_has_a_limit() {
        let minute = Duration::from_secs(60);
        assert_eq!(to_the_end(&mut shell("echo one"), minute).unwrap(), "one\n");
        let error = to_the_end(&mut shell("exit 3"), minute).unwrap_err();
        assert!(matches!(error, Error::Ended { .. }), "{error}");
        let error = to_the_end(&mut shell("sleep 60"), Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    }

    #[test]
    fn a_command_beside_us_ends_on_interrupt() {
        let mut shell = shell("trap 'exit 0' INT; echo; while :; do sleep 0.05; done");
        let mut beside = start(&mut shell).unwrap();
        // Its first byte says that the trap is set.
        let begin = std::time::Instant::now();
        while std::fs::read(beside.said.path()).unwrap().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it says nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        beside.must_be_alive().unwrap();
        beside.interrupt(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_command_beside_us_that_ends_is_noticed() {
        let mut beside = start(&mut shell("exit 0")).unwrap();
        let begin = std::time::Instant::now();
        while beside.must_be_alive().is_ok() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
