//! The command line: which commands there are and what each one runs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;
use crate::workspace::Workspace;
use crate::{bench, ci, clients, compose, docs, otlp, readme, scope, shop, stack, test, tidy};

/// Development commands of the Watertight workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the rules that neither rustc nor clippy can see.
    Tidy,
    /// Runs every test, then kills the shop's processes under load.
    Test(test::Args),
    /// Runs what CI runs: format, lints, docs, tidy, licences, protos, tests, README.
    Ci(ci::Args),
    /// Runs the example clients against a shop and validates its OpenAPI document.
    Clients,
    /// docker-compose.yml, really started.
    Compose {
        #[command(subcommand)]
        what: Compose,
    },
    /// Sends traces to a receiver that isn't ours, and looks what it has got.
    Otlp,
    /// Grafana's dashboards, which are made from the code.
    Dashboards {
        #[command(subcommand)]
        act: stack::Act,
    },
    /// Prometheus' rules, which are made from the code, and Alertmanager's routes.
    Alerts {
        #[command(subcommand)]
        act: stack::Act,
    },
    /// Executes the command lines of README.md against a running shop.
    Readme,
    /// Writes the pages that are made from the code: docs/configuration.md and docs/metrics.md.
    Docs,
    /// Clients leave 100,000 requests at random moments; nothing of them may be left.
    ///
    /// All flags go to `demo storm`, for example --requests 3000 --json.
    Storm {
        /// Flags of `demo storm`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Long runs against the shop.
    Soak {
        #[command(subcommand)]
        what: Soak,
    },
    /// Measures, and writes the figures under docs/results.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Debug, Subcommand)]
enum Compose {
    /// Starts everything, proves what the README promises of it, removes it.
    Test(compose::Args),
}

#[derive(Debug, Subcommand)]
enum Soak {
    /// Kills processes under load and checks that nothing was lost or doubled.
    ///
    /// All flags go to `demo soak kill`, for example --cycles 10 --json.
    Kill {
        /// Flags of `demo soak kill`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Shuts a server down under clients that don't want to go, again and again.
    ///
    /// All flags go to `edge-bench shutdown`, for example --runs 100.
    Shutdown {
        /// Flags of `edge-bench shutdown`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Measures orders per second, latency, CPU per order and memory.
    ///
    /// All flags go to `demo bench shop`.
    Shop {
        /// Flags of `demo bench shop`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Measures the edge against bare axum and bare tonic, idle, and attacked.
    ///
    /// All flags go to `edge-bench run`.
    Edge {
        /// Flags of `edge-bench run`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Measures what metrics, traces and logs cost, and a log that nobody reads.
    ///
    /// All flags go to `edge-bench telemetry`.
    Telemetry {
        /// Flags of `edge-bench telemetry`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Measures what a scope, a task, a poll and a snapshot cost beside tokio's own.
    Scope {
        /// Where the figures go.
        #[arg(long, default_value = "docs/results/scope.md")]
        out: PathBuf,
    },
    /// Measures a cold release build of the demo into an empty directory.
    Build {
        /// Where the figures go.
        #[arg(long, default_value = "docs/results/build.md")]
        out: PathBuf,
    },
}

impl Cli {
    /// Runs the command; the exit code is the command's verdict.
    pub(crate) fn run(self) -> Result<ExitCode, Error> {
        let workspace = Workspace::load()?;
        match self.command {
            Command::Tidy => tidy::run(&workspace),
            Command::Test(args) => Ok(test::run(&workspace, &args)),
            Command::Ci(args) => Ok(ci::run(&workspace, &args)),
            Command::Clients => Ok(clients::run(&workspace)),
            Command::Compose {
                what: Compose::Test(args),
            } => Ok(compose::run(&workspace, &args)),
            Command::Otlp => Ok(otlp::run(&workspace)),
            Command::Dashboards { act } => stack::run(&workspace, stack::Part::Dashboards, act),
            Command::Alerts { act } => stack::run(&workspace, stack::Part::Alerts, act),
            Command::Readme => Ok(readme::run(&workspace)),
            Command::Docs => docs::run(&workspace),
            Command::Storm { flags } => Err(shop::exec(&workspace, &["storm"], flags)),
            Command::Soak {
                what: Soak::Shutdown { flags },
            } => Err(bench::edge(&workspace, "shutdown", flags)),
            Command::Soak {
                what: Soak::Kill { flags },
            } => Err(shop::exec(&workspace, &["soak", "kill"], flags)),
            Command::Bench {
                what: Bench::Shop { flags },
            } => Err(shop::exec(
                &workspace,
                &["bench", "shop"],
                bench::shop_flags(flags),
            )),
            Command::Bench {
                what: Bench::Edge { flags },
            } => Err(bench::edge(&workspace, "run", bench::edge_flags(flags))),
            Command::Bench {
                what: Bench::Telemetry { flags },
            } => Err(bench::edge(
                &workspace,
                "telemetry",
                bench::telemetry_flags(flags),
            )),
            Command::Bench {
                what: Bench::Scope { out },
            } => scope::bench(&workspace, &out),
            Command::Bench {
                what: Bench::Build { out },
            } => bench::build(&workspace, &out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_demo_pass_through_untouched() {
        let cli = Cli::parse_from(["xtask", "soak", "kill", "--cycles", "3", "--json"]);
        let Command::Soak {
            what: Soak::Kill { flags },
        } = cli.command
        else {
            panic!("not soak kill");
        };
        assert_eq!(flags, ["--cycles", "3", "--json"]);
    }
}
