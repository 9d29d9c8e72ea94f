//! Measures the edge: against bare axum and bare tonic, idle, and under attack.
//!
//! `edge-bench run` and `edge-bench telemetry` start everything else of this
//! program as processes of their own: servers, load generators, idle crowds, attackers.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to a terminal, and its processes to each other"
)]

mod attack;
mod bench;
mod error;
mod idle;
mod load;
mod process;
mod rest;
mod serve;
mod shutdown;
mod spin;
mod system;
mod tls;
mod wire;

use std::process::ExitCode;

use clap::Parser as _;

#[derive(Debug, clap::Parser)]
#[command(name = "edge-bench")]
enum Cli {
    /// Measures everything and writes the page
    Run(bench::RunArgs),
    /// Measures what telemetry costs and writes the page
    Telemetry(bench::TelemetryArgs),
    /// Tells servers to end while clients hold on
    Shutdown(shutdown::ShutdownArgs),
    /// Serves until killed
    Serve(serve::ServeArgs),
    /// Loads a server by hand-made requests
    Load(load::LoadArgs),
    /// Opens connections and leaves them alone
    Idle(idle::IdleArgs),
    /// Attacks a server
    Attack(attack::AttackArgs),
    /// Uses CPU
    Spin(spin::SpinArgs),
    /// Loads a server through the chassis' client
    Channel(load::ChannelArgs),
}

impl Cli {
    fn run(self) -> Result<ExitCode, error::Error> {
        match self {
            Self::Run(args) => bench::run(&args)?,
            Self::Telemetry(args) => bench::telemetry(&args)?,
            Self::Shutdown(args) => return shutdown::shutdown(&args),
            Self::Serve(args) => return serve::serve(args),
            Self::Load(args) => tell(&load::load(&args)?),
            Self::Idle(args) => idle::idle(&args)?,
            Self::Attack(args) => tell(&attack::attack(&args)?),
            Self::Spin(args) => tell(&spin::spin(&args)?),
            Self::Channel(args) => tell(&load::channel(&args)?),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One line of JSON for whoever started this.
fn tell(figures: &impl serde::Serialize) {
    println!("{}", serde_json::to_string(figures).unwrap_or_default());
}

fn main() -> ExitCode {
    system::raise_open_files();
    let cli = Cli::parse();
    if !matches!(cli, Cli::Run(_) | Cli::Telemetry(_) | Cli::Shutdown(_)) {
        process::end_with_parent();
    }
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("edge-bench: {}", error::chain(&error));
            ExitCode::FAILURE
        }
    }
}
