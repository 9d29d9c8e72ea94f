//! `--with-prometheus`: a Prometheus that is on this machine anyway scrapes the
//! shop's admin ports, for those who have no Docker.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, ChildStdin, Command};
use watertight_core::Deadline;

use crate::{services::Service, supervise::Plan};

/// Where in a checkout the alert rules are; elsewhere there are none.
const RULES: &str = "deploy/prometheus/rules";

/// Where `cargo xtask dashboards test` puts Debian's.
const TOOLS: &str = ".tools/prometheus/usr/bin";

/// How to get one, for those who have none.
const HOW: &str = "no prometheus on PATH: \
    `apt-get install prometheus` or https://prometheus.io/download has one, \
    `docker-compose up` brings it along with Grafana";

/// Runs Prometheus until its own input ends, which it does with this process,
/// however that ends. Prometheus itself would live on after a SIGKILL of ours.
const KEEPER: &str = r#""$@" & child=$!; cat; kill "$child"; wait "$child""#;

/// How long it may take to end; it takes less than a second.
const END_MAX: Duration = Duration::from_secs(10);

/// A running Prometheus; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Prometheus {
    /// Its end is what ends Prometheus.
    lifeline: Option<ChildStdin>,
    child: Child,
    port: u16,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPrometheus {
    #[error("{HOW}")]
    Missing,
    #[error("port {0} is taken, and Prometheus needs it: choose other ports with --base-port")]
    Taken(u16),
    #[error("Prometheus can't be started")]
    Start(#[source] std::io::Error),
}

impl Prometheus {
    /// Starts one that scrapes all services, if there is one on this machine.
    ///
    /// # Errors
    ///
    /// [`NoPrometheus`], which says how to get one.
    pub(crate) fn start(plan: &Plan, port: u16) -> Result<Self, NoPrometheus> {
        let program = find().ok_or(NoPrometheus::Missing)?;
        std::net::TcpListener::bind(("127.0.0.1", port))
            .map_err(|_in_use| NoPrometheus::Taken(port))?;
        Self::run(&program, plan, port).map_err(NoPrometheus::Start)
    }

    fn run(program: &Path, plan: &Plan, port: u16) -> std::io::Result<Self> {
        let home = plan.dir.path().join("prometheus");
        std::fs::create_dir_all(&home)?;
        let config = home.join("prometheus.yml");
        std::fs::write(&config, configuration(plan))?;
        let log = std::fs::File::create(plan.dir.path().join("logs/prometheus.log"))?;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "prometheus"]).arg(program);
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            home.join("data").display()
        ));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.arg("--storage.tsdb.retention.size=512MB");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for the demo, which still has to verify.
            .process_group(0)
            .spawn()?;
        Ok(Self {
            lifeline: child.stdin.take(),
            child,
            port,
        })
    }

    /// Ends it, and waits until it has written what it holds.
    ///
    /// # Cancel safety
    ///
    /// Safe: it ends either way.
    pub(crate) async fn end(mut self) {
        drop(self.lifeline.take());
        // One that hangs is not worth a failure: it has no children, and what
        // it writes to is removed.
        drop(Deadline::after(END_MAX).run(self.child.wait()).await);
    }

    /// Where to look.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The first on `PATH`, else the one of the development commands.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([PathBuf::from(TOOLS)]);
    let mut files = dirs.map(|dir| dir.join("prometheus"));
    let found = files.find(|file| file.is_file())?;
    std::path::absolute(found).ok()
}

/// Every service by name, as in the containers; more often, because a demo is short.
fn configuration(plan: &Plan) -> String {
    let mut text = "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}\n\
                    scrape_configs:\n"
        .to_owned();
    for service in Service::ALL {
        let port = plan.ports.admin(service);
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "  - {{job_name: {}, static_configs: [{{targets: [\"127.0.0.1:{port}\"]}}]}}",
            service.name(),
        );
    }
    if let Ok(rules) = std::path::absolute(RULES)
        && rules.is_dir()
    {
        let rules = rules.join("*.yml").display().to_string();
        let _ = writeln!(text, "rule_files: [{rules:?}]");
    }
    text
}
