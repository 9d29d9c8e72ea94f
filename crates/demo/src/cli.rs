//! The command line.

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    bench::{self, BenchArgs},
    configuration,
    console::{Console, chain},
    health::{self, HealthArgs},
    metrics,
    outside::{self, LoadArgs},
    run::{self, RunArgs},
    serve::{self, ServeArgs},
    soak::{self, KillArgs},
    stage::DemoError,
    storm::{self, RelayArgs, StormArgs},
    verify::{self, VerifyArgs},
};

/// The whole shop on this machine: five processes, real orders, and a
/// verification from outside
///
/// Without a command it opens the shop, sells until Ctrl-C, verifies that
/// nothing was lost, doubled or oversold, and sums up.
#[derive(Debug, Parser)]
#[command(name = "demo", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verifies the data of a demo that is stopped
    Verify(VerifyArgs),
    /// Tests that take long and kill
    #[command(subcommand)]
    Soak(Soak),
    /// Clients leave at random moments; nothing of their requests may be left
    Storm(StormArgs),
    /// Measures
    #[command(subcommand)]
    Bench(Bench),
    /// Customers and the checker for a shop that runs elsewhere, until a signal
    Load(LoadArgs),
    /// Whether a service of this machine is ready, as an exit code
    Health(HealthArgs),
    /// One service in this process
    #[command(hide = true)]
    Serve(ServeArgs),
    /// A service that hands calls on, to measure how they are cancelled
    #[command(hide = true)]
    Relay(RelayArgs),
    /// The reference of all settings, as docs/configuration.md has it
    #[command(hide = true)]
    Configuration,
    /// The reference of all metrics, as docs/metrics.md has it
    #[command(hide = true)]
    Metrics,
}

#[derive(Debug, Subcommand)]
enum Soak {
    /// Kills processes under load and verifies every invariant
    Kill(KillArgs),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Start, idle memory, latency beside the disk's, throughput, CPU per order
    Shop(BenchArgs),
}

/// Runs the demo's command line; the exit code is 0 only if all went well and,
/// where the shop was verified, all invariants hold.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Serve(args)) => serve::serve(args),
        Some(Command::Load(args)) => outside::load(args),
        Some(Command::Health(args)) => health::health(&args),
        Some(Command::Relay(args)) => storm::relay(args),
        Some(Command::Configuration) => print(&configuration::text()),
        Some(Command::Metrics) => print(&metrics::text()),
        Some(Command::Verify(args)) => block_on(verify::verify(args)),
        Some(Command::Soak(Soak::Kill(args))) => block_on(soak::kill(args)),
        Some(Command::Storm(args)) => block_on(storm::storm(args)),
        Some(Command::Bench(Bench::Shop(args))) => block_on(bench::shop(args)),
        None => block_on(run::run(cli.run)),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_gone) => ExitCode::FAILURE,
    }
}

/// Two workers: the load shares the machine with what it measures.
const WORKERS: usize = 2;

fn block_on(command: impl Future<Output = Result<bool, DemoError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("demo")
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            Console::new(false).warn(format_args!("error: no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            Console::new(false).warn(format_args!("error: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}
