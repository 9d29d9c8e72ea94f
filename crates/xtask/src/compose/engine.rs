//! The Docker engine: one that is there, or one of our own for the time of the test.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::error::Error;
use crate::{process, tools};

/// A question to the engine.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// An engine of our own is up in about three seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks whether it is.
const START_PAUSE: Duration = Duration::from_millis(250);

/// It stops what is left of its containers first.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A Docker engine that answers.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Where it listens, if it is ours.
    host: Option<String>,
    own: Option<Own>,
    compose: Vec<&'static str>,
}

/// An engine of our own: nothing of it is where another one would look.
#[derive(Debug)]
struct Own {
    daemon: process::Beside,
    /// Deleted with it.
    dir: tempfile::TempDir,
}

impl Engine {
    /// The engine that `docker` talks to, else one started here, if `dockerd` is
    /// installed and we may; or why there is none. What is to be kept isn't given
    /// to one of ours, which ends with us.
    pub(crate) fn find(keep: bool) -> Result<Result<Self, String>, Error> {
        if tools::on_path("docker").is_none() {
            return Ok(Err("docker is not installed".to_owned()));
        }
        let mut engine = Self {
            host: None,
            own: None,
            compose: Vec::new(),
        };
        let Some(compose) = compose() else {
            return Ok(Err(
                "neither docker-compose nor docker compose is installed".to_owned(),
            ));
        };
        engine.compose = compose;
        if engine.answers() {
            return Ok(Ok(engine));
        }
        let root = rustix::process::geteuid().is_root();
        if tools::on_path("dockerd").is_none() || !root {
            return Ok(Err("no Docker engine answers".to_owned()));
        }
        if keep {
            let why = "no Docker engine answers, and one of our own would end with the test";
            return Ok(Err(why.to_owned()));
        }
        engine.start()
    }

    fn start(mut self) -> Result<Result<Self, String>, Error> {
        let dir = tempfile::tempdir().map_err(|source| Error::File {
            verb: "create",
            path: "a directory".into(),
            source,
        })?;
        let at = |name: &str| -> PathBuf { dir.path().join(name) };
        let host = format!("unix://{}", at("docker.sock").display());
        let mut dockerd = process::command("dockerd");
        dockerd.arg("--data-root").arg(at("data"));
        dockerd.arg("--exec-root").arg(at("exec"));
        dockerd.arg("--pidfile").arg(at("docker.pid"));
        dockerd.arg("--host").arg(&host);
        let daemon = process::start(&mut dockerd)?;
        self.host = Some(host);
        self.own = Some(Own { daemon, dir });
        let begin = Instant::now();
        while !self.answers() {
            if let Some(Err(ended)) = self.own.as_mut().map(|own| own.daemon.must_be_alive()) {
                return Ok(Err(format!("dockerd can't run here: {ended}")));
            }
            if begin.elapsed() > START_LIMIT {
                return Ok(Err("dockerd doesn't come up".to_owned()));
            }
            process::pause(START_PAUSE)?;
        }
        Ok(Ok(self))
    }

    fn answers(&self) -> bool {
        self.ask(&["version", "--format", "{{.Server.Version}}"])
            .is_ok()
    }

    /// Which engine and which compose.
    pub(crate) fn version(&self) -> Result<String, Error> {
        let engine = self.ask(&[
            "info",
            "--format",
            "{{.ServerVersion}}, {{.Driver}}, cgroup v{{.CgroupVersion}}, {{.NCPU}} processors",
        ])?;
        let mut compose = self.compose();
        compose.args(["version", "--short"]);
        let (_status, version) = process::output_where(&mut compose, ASK_LIMIT, |_| false)?;
        let own = if self.own.is_some() { "our own " } else { "" };
        Ok(format!(
            "{own}{}, {} {}",
            engine.trim(),
            self.compose.join(" "),
            version.trim()
        ))
    }

    /// A `docker` command for this engine.
    pub(crate) fn docker(&self) -> Command {
        self.command("docker")
    }

    /// A compose command for this engine.
    pub(crate) fn compose(&self) -> Command {
        let mut command = self.command(self.compose[0]);
        command.args(&self.compose[1..]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = process::command(program);
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
        command
    }

    /// What a short `docker` command says; it must succeed.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, Error> {
        let mut docker = self.docker();
        docker.args(args).stderr(std::process::Stdio::null());
        let (status, said) = process::output_where(&mut docker, ASK_LIMIT, |_| false)?;
        if status.success() {
            Ok(said)
        } else {
            let program = format!("docker {}", args.first().unwrap_or(&""));
            Err(Error::Ended { program, status })
        }
    }

    /// [`ask`](Self::ask) for what must be done also after an interrupt.
    pub(crate) fn settle(&self, args: &[&str]) -> Result<String, Error> {
        let mut docker = self.docker();
        docker.args(args).stderr(std::process::Stdio::null());
        process::to_the_end(&mut docker, ASK_LIMIT)
    }

    /// Runs a `docker` command whose output people see.
    pub(crate) fn run(&self, args: &[&str], limit: Duration) -> Result<(), Error> {
        process::run(self.docker().args(args), limit)
    }

    /// Ends an engine of our own.
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        self.own.take().map_or(Ok(()), Own::stop)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Only after an error before the orderly end; that one is told. A daemon
        // that is killed leaves its containers running.
        if let Some(own) = self.own.take() {
            let _stopped = own.stop();
        }
    }
}

impl Own {
    /// The daemon stops what still runs, and gives back what it mounted.
    fn stop(self) -> Result<(), Error> {
        self.daemon.end(STOP_LIMIT)?;
        self.dir.close().map_err(|source| Error::File {
            verb: "delete",
            path: "the engine's directory".into(),
            source,
        })
    }
}

/// `docker compose` if that plugin is there, else docker-compose.
fn compose() -> Option<Vec<&'static str>> {
    let plugin = ["docker", "compose"];
    let mut version = process::command(plugin[0]);
    version.args([plugin[1], "version"]);
    version.stderr(std::process::Stdio::null());
    let has_plugin = process::output_where(&mut version, ASK_LIMIT, |_| false)
        .is_ok_and(|(status, _said)| status.success());
    if has_plugin {
        return Some(plugin.to_vec());
    }
    tools::on_path("docker-compose").map(|_found| vec!["docker-compose"])
}
