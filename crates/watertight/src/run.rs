//! From the command line to an exit code.

use crate::config::{ChassisSettings, Inputs};
use crate::error::chain;
use crate::ops::{Early, Ops};
use crate::running::Running;
use crate::telemetry::Telemetry;
use crate::{App, BoxError, ConfigError, StartError, telemetry};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::RuntimeMetrics;

/// How long the work runtime gets to drop what is left on it.
const RUNTIME_END_MAX: Duration = Duration::from_secs(1);

/// Runs a service with the arguments of this process, until a signal ends it.
///
/// `f` builds the service; it runs on the work runtime and may await, for
/// example to open a store. Nothing is served before it returns.
///
/// The exit code is 0 after an orderly end (and `--help`,
/// `--version` and `--check-config`), 2 for a bad
/// configuration, 1 for every other failure to start, 130 or 143 after a second signal.
///
/// # Panics
///
/// Never by itself; a panic in `f` ends the process with 101.
pub fn run<F>(name: &'static str, f: F) -> ExitCode
where
    F: AsyncFnOnce(App) -> Result<App, BoxError>,
{
    run_from(name, std::env::args_os().collect(), f)
}

/// Like [`run`] with arguments given; `args[0]` is the program's name.
pub fn run_from<F>(name: &'static str, args: Vec<OsString>, f: F) -> ExitCode
where
    F: AsyncFnOnce(App) -> Result<App, BoxError>,
{
    // Before files are read, which may take its time.
    let early = Early::listen();
    let inputs = Inputs::of_process(name, args);
    let telemetry = Telemetry::install(name, inputs.peek("log").as_deref());
    let outcome = early.and_then(|early| start(early, inputs, f));
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    };
    drop(telemetry);
    code
}

fn start<F>(early: Early, inputs: Inputs, f: F) -> Result<(), StartError>
where
    F: AsyncFnOnce(App) -> Result<App, BoxError>,
{
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .enable_all()
        .thread_name(format!("{}-work", inputs.program));
    let workers = inputs.peek("workers");
    if let Some(workers) = workers.and_then(|n| n.parse().ok()).filter(|n| *n > 0) {
        builder.worker_threads(workers);
    }
    let runtime = builder.build().map_err(|source| StartError::Thread {
        what: "work runtime",
        source,
    })?;
    let app = App::from_inputs(inputs);
    let outcome = runtime.block_on(serve(early, app, runtime.metrics(), f));
    runtime.shutdown_timeout(RUNTIME_END_MAX);
    outcome
}

async fn serve<F>(early: Early, app: App, work: RuntimeMetrics, f: F) -> Result<(), StartError>
where
    F: AsyncFnOnce(App) -> Result<App, BoxError>,
{
    let mut app = f(app).await.map_err(setup_error)?;
    let configured = app.configured()?;
    let chassis = configured.chassis.load();
    // Until here the filter was what a first look at the sources gave.
    configured.reloader.now_and_then(telemetry::configure);
    configured
        .reloader
        .now_and_then(|chassis| telemetry::set_label_sets_max(chassis.label_sets_max));
    tracing::info!(pid = std::process::id(), "starting");
    let settings = configured.reloader.state().effective.json();
    tracing::info!(%settings, "configuration");
    let admin = crate::server::bind(chassis.admin)?;
    let mut running = app.start().await?;
    let ops = Ops::start(early, admin, &mut running, work)?;
    announce(&running, &ops, &chassis)?;
    let signal = ops.shutdown_asked().await;
    tracing::info!(signal, "shutting down");
    running.shutdown().await;
    ops.stop();
    Ok(())
}

/// A bad command line found inside the closure is still a bad command line.
fn setup_error(error: BoxError) -> StartError {
    match error.downcast::<ConfigError>() {
        Ok(config) => StartError::Config(*config),
        Err(error) => StartError::Setup(error),
    }
}

fn announce(running: &Running, ops: &Ops, chassis: &ChassisSettings) -> Result<(), StartError> {
    let also: serde_json::Map<_, _> = running
        .also()
        .map(|(tag, addr)| (tag.to_owned(), serde_json::Value::from(addr.to_string())))
        .collect();
    let ready = serde_json::json!({
        "listen": running.addr().to_string(),
        "admin": ops.addr().to_string(),
        "pid": std::process::id(),
        "also": also,
    });
    tracing::info!(listen = %running.addr(), admin = %ops.addr(), "ready");
    let Some(path) = &chassis.ready_file else {
        return Ok(());
    };
    // Written aside and renamed: whoever waits for the file never reads half of it.
    let aside = path.with_extension("tmp");
    std::fs::write(&aside, ready.to_string())
        .and_then(|()| std::fs::rename(&aside, path))
        .map_err(|source| StartError::ReadyFile {
            path: path.display().to_string(),
            source,
        })
}

fn report(error: &StartError) -> ExitCode {
    if let StartError::Config(ConfigError::Help(text) | ConfigError::Checked(text)) = error {
        // Nowhere left to report that stdout is gone.
        let _written = std::io::stdout().write_all(text.as_bytes());
        return ExitCode::SUCCESS;
    }
    // Once, and for people: stdout is for the log, stderr for whoever started it.
    #[expect(
        clippy::print_stderr,
        reason = "whoever started it by hand reads this, not JSON"
    )]
    {
        if let StartError::Config(ConfigError::Invalid(mistakes)) = error {
            for mistake in mistakes.iter() {
                eprintln!("error: {mistake}");
            }
        } else {
            eprintln!("error: {}", chain(error));
        }
    }
    ExitCode::from(if matches!(error, StartError::Config(_)) {
        2
    } else {
        1
    })
}
