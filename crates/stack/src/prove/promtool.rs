//! `alerts test`: promtool and amtool on what is checked in.

use std::path::Path;
use std::process::Command;

use crate::alerts::{self, Severity};
use crate::cli::{Tools, say};
use crate::error::Error;

/// Checks the rules, tries each alert, checks the routes. All of it runs, so
/// that one run shows all that is wrong.
pub(crate) fn alerts(root: &Path, tools: &Tools) -> Result<bool, Error> {
    let groups = alerts::groups();
    let deploy = root.join("deploy");
    let files = |dir: &str| -> Result<Vec<_>, Error> {
        let dir = deploy.join("prometheus").join(dir);
        let failed = crate::files::at("read", &dir);
        let entries = std::fs::read_dir(&dir).map_err(failed)?;
        let paths = entries.flatten().map(|entry| entry.path());
        Ok(paths
            .filter(|path| path.extension().is_some_and(|it| it == "yml"))
            .collect())
    };
    let promtool = tools.program("promtool");
    let amtool = tools.program("amtool");
    let routes = deploy.join("alertmanager/alertmanager.yml");
    let config = deploy.join("prometheus/prometheus.yml");
    let mut good = tried(
        Command::new(&promtool)
            .args(["check", "rules"])
            .args(files("rules")?),
    )?;
    good &= tried(
        Command::new(&promtool)
            .args(["test", "rules"])
            .args(files("tests")?),
    )?;
    if config.is_file() {
        good &= tried(
            Command::new(&promtool)
                .args(["check", "config"])
                .arg(&config),
        )?;
    }
    good &= tried(Command::new(&amtool).arg("check-config").arg(&routes))?;
    for severity in [Severity::Medium, Severity::High, Severity::Critical] {
        let mut command = Command::new(&amtool);
        command
            .args(["config", "routes", "test", "--config.file"])
            .arg(&routes);
        command.arg(format!("--verify.receivers={}", severity.name()));
        command.arg(format!("severity={}", severity.name()));
        command.args(["alertname=Any", "job=orders"]);
        good &= tried(&mut command)?;
    }
    let (rules, count): (usize, usize) = groups.iter().fold((0, 0), |(rules, count), group| {
        (rules + group.recordings.len(), count + group.alerts.len())
    });
    let verdict = if good { "ok" } else { "FAILED" };
    say(&format!(
        "alerts {verdict}: {count} alerts, each fires on its bad case and is silent before; \
         silent in 4 healthy lives; {rules} recorded series; 3 routes"
    ));
    Ok(good)
}

/// Runs a program; shows what it said if it found something.
pub(super) fn tried(command: &mut Command) -> Result<bool, Error> {
    let program = format!("{:?}", command.get_program());
    let output = command.output();
    let output = output.map_err(|source| Error::Run { program, source })?;
    if !output.status.success() {
        say(&String::from_utf8_lossy(&output.stdout));
        say(&String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.status.success())
}
