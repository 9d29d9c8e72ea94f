//! From the command line to an exit code.

use crate::error::chain;
use crate::ops::Ops;
use crate::running::Running;
use crate::telemetry::Telemetry;
use crate::{App, BoxError, ConfigError, StartError, args};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

/// How long the work runtime gets to drop what is left on it.
const RUNTIME_END_MAX: Duration = Duration::from_secs(1);

/// Runs a service with the arguments of this process, until a signal ends it.
///
/// `f` builds the service; it runs on the work runtime and may await, for
/// example to open a store. Nothing is served before it returns.
///
/// The exit code is 0 after an orderly end (and `--help`), 2 for a bad command
/// line, 1 for every other failure to start, 130 or 143 after a second signal.
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
    let telemetry = Telemetry::install(name, &args);
    let outcome = start(name, args, f);
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    };
    drop(telemetry);
    code
}

fn start<F>(name: &'static str, args: Vec<OsString>, f: F) -> Result<(), StartError>
where
    F: AsyncFnOnce(App) -> Result<App, BoxError>,
{
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_name(format!("{name}-work"));
    let workers = args::peek(&args, "workers", "WATERTIGHT_WORKERS");
    if let Some(workers) = workers.and_then(|n| n.parse().ok()).filter(|n| *n > 0) {
        builder.worker_threads(workers);
    }
    let runtime = builder.build().map_err(|source| StartError::Thread {
        what: "work runtime",
        source,
    })?;
    let outcome = runtime.block_on(serve(App::new(name, args), f));
    runtime.shutdown_timeout(RUNTIME_END_MAX);
    outcome
}

async fn serve<F>(app: App, f: F) -> Result<(), StartError>
where
    F: AsyncFnOnce(App) -> Result<App, BoxError>,
{
    let mut app = f(app).await.map_err(setup_error)?;
    let chassis = app.chassis()?;
    let admin = crate::server::bind(chassis.admin)?;
    let running = app.start().await?;
    let ops = Ops::start(admin, &running)?;
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

fn announce(running: &Running, ops: &Ops, chassis: &args::ChassisArgs) -> Result<(), StartError> {
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
    if let StartError::Config(ConfigError::Arguments(arguments)) = error {
        // Nowhere left to report that stdout or stderr is gone.
        let _written = arguments.print();
        return ExitCode::from(u8::try_from(arguments.exit_code()).unwrap_or(2));
    }
    let line = chain(error);
    tracing::error!(error = line, "cannot start");
    #[expect(
        clippy::print_stderr,
        reason = "whoever started it by hand reads this, not JSON"
    )]
    {
        eprintln!("error: {line}");
    }
    ExitCode::from(if matches!(error, StartError::Config(_)) {
        2
    } else {
        1
    })
}
