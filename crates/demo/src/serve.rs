//! `demo serve NAME …`: one service in this process, bound to its parent's life.

use std::{ffi::OsString, io::Read, process::ExitCode};

use rustix::process::{Signal, getpid, kill_process};

use crate::services::Service;

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Ends like on SIGTERM when stdin closes: the supervisor holds the other
    /// end, so that its death, however sudden, is noticed.
    #[arg(long)]
    exit_with_stdin: bool,
    /// Which service.
    service: Service,
    /// The service's own flags.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs the service until a signal, or the end of stdin, ends it.
pub(crate) fn serve(args: ServeArgs) -> ExitCode {
    if args.exit_with_stdin
        && let Err(error) = watch_stdin()
    {
        crate::console::Console::new(false).warn(format_args!("error: can't watch stdin: {error}"));
        return ExitCode::FAILURE;
    }
    let name = OsString::from(args.service.name());
    args.service
        .run(std::iter::once(name).chain(args.args).collect())
}

/// Starts the thread that waits for the end of stdin. Nobody joins it: it sits
/// in a read that only the parent can end, and dies with the process.
#[expect(
    clippy::disallowed_methods,
    reason = "it waits for the end of the process"
)]
pub(crate) fn watch_stdin() -> std::io::Result<()> {
    let wait = || {
        let mut nothing = [0; 64];
        let mut stdin = std::io::stdin().lock();
        while matches!(stdin.read(&mut nothing), Ok(1..)) {}
        // An error would mean that this process is gone.
        kill_process(getpid(), Signal::TERM).unwrap_or_default();
    };
    let builder = std::thread::Builder::new().name("stdin".to_owned());
    builder.spawn(wait).map(drop)
}
