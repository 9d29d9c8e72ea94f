//! The project that the compose file makes: started, looked at, removed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::engine::Engine;
use super::images::{Images, TAG};
use super::inspect::Container;
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// Creating and starting all containers takes seconds.
const UP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Stopping them gracefully takes at most their grace, side by side.
const DOWN_LIMIT: Duration = Duration::from_secs(3 * 60);

/// Between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);

/// The ports that the compose file publishes, by the variables that move them.
pub(crate) const PORTS: [&str; 9] = [
    "GATEWAY",
    "ORDERS",
    "INVENTORY",
    "PAYMENTS",
    "PROVIDER",
    "GRAFANA",
    "PROMETHEUS",
    "ALERTMANAGER",
    "LOGS",
];

/// One project of its own name and ports, beside whatever else runs.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    engine: &'a Engine,
    workspace: &'a Workspace,
    project: String,
    ports: BTreeMap<&'static str, u16>,
    /// What replaces images that can't be had.
    overrides: tempfile::NamedTempFile,
    images: &'a Images,
    /// Whether something may be there to remove.
    up: bool,
}

impl<'a> Stack<'a> {
    /// Chooses name and ports; nothing runs yet.
    pub(crate) fn new(
        workspace: &'a Workspace,
        engine: &'a Engine,
        images: &'a Images,
    ) -> Result<Self, Error> {
        let overrides = tempfile::Builder::new().suffix(".yml").tempfile();
        let stack = Self {
            engine,
            workspace,
            project: format!("watertight-test-{}", std::process::id()),
            ports: free_ports()?,
            overrides: overrides.map_err(unwritten)?,
            images,
            up: false,
        };
        stack.write(&override_file(images, &[]))?;
        Ok(stack)
    }

    fn write(&self, overrides: &str) -> Result<(), Error> {
        std::fs::write(self.overrides.path(), overrides).map_err(unwritten)
    }

    /// Where a port is published.
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or_default()
    }

    /// The engine it runs on.
    pub(crate) const fn engine(&self) -> &Engine {
        self.engine
    }

    fn compose(&self, args: &[&str]) -> Command {
        let mut compose = self.engine.compose();
        compose.args(["--project-name", &self.project]);
        compose.args(["--file", "docker-compose.yml", "--file"]);
        compose.arg(self.overrides.path()).args(args);
        compose.env("TAG", TAG).env("COMPOSE_PROFILES", "full");
        // Progress of 1.29 is drawn for terminals.
        compose.env("COMPOSE_ANSI", "never").env("NO_COLOR", "1");
        for (name, port) in &self.ports {
            compose.env(format!("PORT_{name}"), port.to_string());
        }
        compose.current_dir(&self.workspace.root);
        compose
    }

    /// Creates and starts everything.
    pub(crate) fn up(&mut self) -> Result<(), Error> {
        self.up = true;
        process::run(
            &mut self.compose(&["up", "--detach", "--no-build"]),
            UP_LIMIT,
        )
    }

    /// What one service logged, through compose.
    pub(crate) fn logs(&self, service: &str) -> Result<String, Error> {
        let mut logs = self.compose(&["logs", "--no-color", "--tail", "200", service]);
        let (_status, said) = process::output_where(&mut logs, DOWN_LIMIT, |_| false)?;
        Ok(said)
    }

    /// All its containers, stopped ones included, by service.
    pub(crate) fn containers(&self) -> Result<BTreeMap<String, (String, Container)>, Error> {
        let ids = self.listed(&["ps", "--all", "--quiet", "--no-trunc"])?;
        let mut all = BTreeMap::new();
        for id in ids {
            let text = self
                .engine
                .ask(&["inspect", "--format", "{{json .}}", &id])?;
            let container: Container = serde_json::from_str(&text)
                .map_err(|error| Error::Found(format!("docker inspect: {error}")))?;
            all.insert(container.service().to_owned(), (id, container));
        }
        Ok(all)
    }

    fn listed(&self, list: &[&str]) -> Result<Vec<String>, Error> {
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let said = self.engine.ask(&[list, &["--filter", &filter]].concat())?;
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// Waits until every container is healthy; gives how long that took.
    pub(crate) fn healthy(&self, limit: Duration) -> Result<Duration, Error> {
        let begin = Instant::now();
        loop {
            let all = self.containers()?;
            let sick: Vec<_> = all.values().filter(|(_id, c)| !c.is_healthy()).collect();
            if sick.is_empty() && !all.is_empty() {
                return Ok(begin.elapsed());
            }
            let given_up = begin.elapsed() > limit;
            let dead = sick.iter().find(|(_id, c)| c.state.status == "exited");
            if given_up || dead.is_some() {
                let mut why = String::from("not healthy:");
                for (_id, container) in sick {
                    let (service, state) = (container.service(), &container.state.status);
                    let said = container.last_check();
                    let _written = write!(why, " {service} ({state}, {said})");
                    println!("--- {service}\n{}", self.logs(service)?);
                }
                return Err(Error::Found(why));
            }
            process::pause(PAUSE)?;
        }
    }

    /// Has services crash again and again from now on.
    pub(crate) fn crash(&mut self, services: &[&str]) -> Result<(), Error> {
        self.write(&override_file(self.images, services))?;
        let up = ["up", "--detach", "--no-build", "--no-deps"];
        process::run(&mut self.compose(&[&up, services].concat()), UP_LIMIT)
    }

    /// `down -v`; gives what is left of it, which is then removed, too.
    pub(crate) fn remove(&mut self) -> Result<Vec<String>, Error> {
        self.up = false;
        let down = process::to_the_end(&mut self.compose(&["down", "--volumes"]), DOWN_LIMIT);
        let kinds: [(&[&str], &[&str]); 3] = [
            (&["ps", "--all", "--quiet"], &["rm", "--force", "--volumes"]),
            (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
            (&["network", "ls", "--quiet"], &["network", "rm"]),
        ];
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let mut left = Vec::new();
        for (list, remove) in kinds {
            let said = self
                .engine
                .settle(&[list, &["--filter", &filter]].concat())?;
            for id in said.lines() {
                let removed = self.engine.settle(&[remove, &[id]].concat());
                let stays = removed.err().map_or("", |_error| ", and it stays");
                left.push(format!("{} {id}{stays}", list[0]));
            }
        }
        down.map(|_said| left)
    }

    /// How a person removes what `--keep` left.
    pub(crate) fn how_to_stop(&self) -> String {
        format!("docker-compose -p {} down -v", self.project)
    }

    /// Leaves it running.
    pub(crate) const fn keep(&mut self) {
        self.up = false;
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        // Only after an error before the orderly removal; that one is told.
        if self.up {
            let _removed = self.remove();
        }
    }
}

fn unwritten(source: std::io::Error) -> Error {
    Error::File {
        verb: "write",
        path: "a file of overrides".into(),
        source,
    }
}

/// The override file for what can't be had, and for services of ours that are
/// to end right after each start.
fn override_file(images: &Images, crashing: &[&str]) -> String {
    let mut text = String::from("services:\n");
    for service in crashing {
        let _written = write!(text, "  {service}:\n    command: [serve, nothing]\n");
    }
    for (service, stand_in) in &images.stand_ins {
        let _written = write!(text, "  {service}:\n    image: {}\n", stand_in.image);
        let more = match &stand_in.program {
            Some(program) => format!("    entrypoint: [{program}]\n"),
            None => "    entrypoint: [/bin/busybox, sh, -c, sleep 86400]\n    \
                     healthcheck: {test: [CMD, /bin/busybox, \"true\"]}\n"
                .to_owned(),
        };
        text.push_str(&more);
    }
    if images.stand_ins.is_empty() && crashing.is_empty() {
        text = "services: {}\n".to_owned();
    }
    text
}

/// A free port for each that is published.
fn free_ports() -> Result<BTreeMap<&'static str, u16>, Error> {
    let mut held = Vec::new();
    for name in PORTS {
        let port = || -> std::io::Result<(u16, TcpListener, UdpSocket)> {
            let tcp = TcpListener::bind(("127.0.0.1", 0))?;
            let port = tcp.local_addr()?.port();
            Ok((port, tcp, UdpSocket::bind(("127.0.0.1", port))?))
        };
        let port = port().map_err(|source| Error::File {
            verb: "bind",
            path: "a port".into(),
            source,
        })?;
        held.push((name, port));
    }
    // Held until all are found, so that none is found twice.
    Ok(held
        .into_iter()
        .map(|(name, (port, ..))| (name, port))
        .collect())
}
