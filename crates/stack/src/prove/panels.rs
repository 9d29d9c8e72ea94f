//! `dashboards test`: a real Prometheus scrapes the demo under load, and every
//! target of every panel must have data.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http;
use super::shop::{ADMIN_PORTS, Scene};
use crate::alerts;
use crate::boards;
use crate::cli::{Tools, say};
use crate::dash::{Source, VARIABLE_QUERIES};
use crate::error::Error;
use crate::lint::series_in;
use crate::names;

/// How long the demo may take until all panels have data.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often the panels that have none yet are asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Flags of `dashboards test`.
#[derive(Debug, clap::Args)]
pub(crate) struct PanelArgs {
    /// The demo.
    #[arg(long, value_name = "FILE")]
    demo: PathBuf,
    #[command(flatten)]
    tools: Tools,
}

/// A target of a panel, and whether Prometheus had data for it.
#[derive(Debug)]
struct Asked {
    place: String,
    expr: String,
    excepted: Option<&'static str>,
    has_data: bool,
    error: Option<String>,
}

/// Runs the whole test.
pub(crate) fn panels(root: &Path, args: &PanelArgs) -> Result<bool, Error> {
    let mut scene = Scene::open(root, &args.demo, args.tools.tools.as_deref())?;
    let mut asked = targets();
    let begin = Instant::now();
    let mut round = 0;
    while begin.elapsed() < PATIENCE && asked.iter().any(Asked::is_wanting) {
        std::thread::sleep(PAUSE);
        scene.must_be_alive()?;
        round += 1;
        scene.provoke(round);
        for target in asked.iter_mut().filter(|target| !target.has_data) {
            target.ask(scene.port());
        }
    }
    let seconds = begin.elapsed().as_secs();
    let mut faults: Vec<String> = asked.iter().filter_map(Asked::fault).collect();
    faults.extend(rules(scene.port())?);
    faults.extend(alert_expressions(scene.port())?);
    faults.extend(variables(scene.port())?);
    faults.extend(catalogue(&scene)?);
    faults.extend(promtool(&scene, &args.tools)?);
    scene.close()?;
    report(&asked, &faults, seconds);
    Ok(faults.is_empty())
}

/// All targets that Prometheus answers, and those that it doesn't as excepted.
fn targets() -> Vec<Asked> {
    let mut all = Vec::new();
    for board in boards::all() {
        for panel in board.panels() {
            for target in &panel.targets {
                all.push(Asked {
                    place: format!("{} / {} / {:?}", board.uid, panel.title, target.legend),
                    expr: substituted(&target.expr),
                    excepted: target.may_be_empty,
                    has_data: false,
                    error: None,
                });
                if let (Some(asked), false) = (all.last_mut(), target.source == Source::Prometheus)
                {
                    asked.expr.clear();
                }
            }
        }
    }
    all
}

/// As Grafana sends it when everything is chosen.
fn substituted(expr: &str) -> String {
    expr.replace("$__rate_interval", "10s")
        .replace("$__range", "15m")
        .replace("$job", ".+")
        .replace("$instance", ".+")
}

impl Asked {
    fn is_wanting(&self) -> bool {
        self.excepted.is_none() && !self.has_data
    }

    fn ask(&mut self, port: u16) {
        if self.expr.is_empty() {
            return;
        }
        match query(port, &self.expr) {
            Ok(found) => (self.has_data, self.error) = (found > 0, None),
            Err(why) => self.error = Some(why),
        }
    }

    fn fault(&self) -> Option<String> {
        match &self.error {
            Some(why) => Some(format!("{}: {why}\n    {}", self.place, self.expr)),
            None if self.is_wanting() => {
                Some(format!("{}: no data\n    {}", self.place, self.expr))
            }
            None => None,
        }
    }
}

/// How many series an expression gives that are numbers.
fn query(port: u16, expr: &str) -> Result<usize, String> {
    let path = format!("/api/v1/query?query={}", http::encoded(expr));
    let answer = http::json(port, &path).map_err(|error| error.to_string())?;
    if answer["status"] != "success" {
        return Err(answer["error"].to_string());
    }
    let result = answer.pointer("/data/result").and_then(Value::as_array);
    let number = |series: &&Value| series.pointer("/value/1").is_some_and(|it| *it != "NaN");
    Ok(result.map_or(0, |result| result.iter().filter(number).count()))
}

fn silent(source: std::io::Error) -> Error {
    Error::Silent {
        what: "prometheus".to_owned(),
        source,
    }
}

/// Every rule was evaluated without a fault, and no alert fires: all is well here.
fn rules(port: u16) -> Result<Vec<String>, Error> {
    let answer = http::json(port, "/api/v1/rules").map_err(silent)?;
    let mut faults = Vec::new();
    let mut seen = 0;
    let groups = answer.pointer("/data/groups").and_then(Value::as_array);
    for rule in groups
        .into_iter()
        .flatten()
        .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
    {
        seen += 1;
        if rule["health"] != "ok" {
            faults.push(format!("rule {}: {}", rule["name"], rule["lastError"]));
        }
        if rule["state"] == "firing" {
            faults.push(format!("alert {} fires on a healthy demo", rule["name"]));
        }
    }
    let expected: usize = alerts::groups()
        .iter()
        .map(|group| group.recordings.len() + group.alerts.len())
        .sum();
    if seen != expected {
        faults.push(format!("Prometheus has {seen} rules, the code {expected}"));
    }
    Ok(faults)
}

/// The series that the alerts name are there, or the code says why not.
fn alert_expressions(port: u16) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    for alert in alerts::groups().iter().flat_map(|group| &group.alerts) {
        if let Err(why) = query(port, &alert.expr) {
            faults.push(format!("alert {}: {why}", alert.name));
        }
    }
    Ok(faults)
}

/// What the variables offer: every service, and an instance of each.
fn variables(port: u16) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    for (name, _, definition) in VARIABLE_QUERIES {
        let inside = definition
            .trim_start_matches("label_values(")
            .trim_end_matches(')');
        let (series, label) = inside.rsplit_once(", ").unwrap_or((inside, name));
        let expr = format!("count by ({label}) ({})", substituted(series));
        let found = query(port, &expr).map_err(Error::Found)?;
        if found != ADMIN_PORTS.len() {
            faults.push(format!("variable {name} offers {found} values"));
        }
    }
    Ok(faults)
}

/// What is emitted is in the catalogue, and what dashboards and rules name is
/// emitted unless it is only named where data may be absent.
fn catalogue(scene: &Scene) -> Result<Vec<String>, Error> {
    let answer = http::json(scene.port(), "/api/v1/label/__name__/values").map_err(silent)?;
    let emitted: BTreeSet<String> = answer["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect();
    let own = |name: &&String| !name.starts_with("scrape_") && !name.starts_with("ALERTS");
    let unknown = emitted
        .iter()
        .filter(own)
        .filter(|name| !names::is_known(name));
    let mut faults: Vec<String> = unknown
        .map(|name| format!("{name} is emitted and in no catalogue"))
        .collect();
    let missing = named().into_iter().filter(|name| !emitted.contains(name));
    faults.extend(missing.map(|name| format!("{name} is named and not emitted")));
    Ok(faults)
}

/// Every series that a panel must have data of.
fn named() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for board in boards::all() {
        for panel in board.panels() {
            let wanted = panel
                .targets
                .iter()
                .filter(|target| target.may_be_empty.is_none());
            named.extend(wanted.flat_map(|target| series_in(&target.expr)));
        }
    }
    named
}

/// promtool's opinion of what each service shows.
fn promtool(scene: &Scene, tools: &Tools) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    for (service, page) in scene.metrics()? {
        let run = |source| Error::Run {
            program: "promtool".to_owned(),
            source,
        };
        let mut child = Command::new(tools.program("promtool"))
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(run)?;
        if let Some(mut stdin) = child.stdin.take() {
            std::io::Write::write_all(&mut stdin, page.as_bytes()).map_err(run)?;
        }
        let output = child.wait_with_output().map_err(run)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            faults.push(format!("promtool check metrics, {service}: {said}"));
        }
    }
    Ok(faults)
}

fn report(asked: &[Asked], faults: &[String], seconds: u64) {
    let excepted = asked
        .iter()
        .filter(|target| !target.has_data && target.excepted.is_some());
    let mut reasons = std::collections::BTreeMap::<&str, Vec<&str>>::new();
    for target in excepted.clone() {
        let why = target.excepted.unwrap_or_default();
        reasons.entry(why).or_default().push(&target.place);
    }
    for (why, places) in reasons {
        say(&format!("excepted, because {why}:"));
        for place in places {
            say(&format!("  {place}"));
        }
    }
    for fault in faults {
        say(&format!("FAULT {fault}"));
    }
    let panels: usize = boards::all()
        .iter()
        .map(|board| board.panels().count())
        .sum();
    let with_data = asked.iter().filter(|target| target.has_data).count();
    say(&format!(
        "dashboards {}: {panels} panels, {} targets, {with_data} with data after {seconds} s, \
        {} excepted, {} faults",
        if faults.is_empty() { "ok" } else { "FAILED" },
        asked.len(),
        excepted.count(),
        faults.len()
    ));
}
