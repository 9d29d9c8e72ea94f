//! The servers that are compared: each runs in a process of its own.

mod bare;
mod greeter;
mod handlers;
mod sink;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use watertight::App;

use crate::error::Error;

pub(crate) use greeter::HELLO;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `axum::serve`, as its documentation shows it.
    Axum,
    /// tonic's own server on tokio's default runtime.
    Tonic,
    /// The chassis.
    Edge,
    /// A collector of traces.
    Sink,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Tonic => "tonic",
            Self::Edge => "edge",
            Self::Sink => "sink",
        }
    }
}

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    kind: Kind,
    /// Writes {"listen": ADDR} to this file once it listens
    #[arg(long)]
    ready_file: PathBuf,
    /// Lines that the chassis' handlers log for each request
    #[arg(long, default_value_t = 0)]
    lines: u32,
    /// The chassis doesn't count its requests
    #[arg(long)]
    uncounted: bool,
    /// Flags of the chassis
    #[arg(last = true)]
    flags: Vec<OsString>,
}

/// Serves until the process is killed.
///
/// # Errors
///
/// If it can't listen.
pub(crate) fn serve(args: ServeArgs) -> Result<ExitCode, Error> {
    match args.kind {
        Kind::Axum => bare::axum(&args.ready_file),
        Kind::Tonic => bare::tonic(&args.ready_file),
        Kind::Sink => bare::sink(&args.ready_file),
        Kind::Edge => return Ok(edge(args)),
    }
    .map_err(Error::Serve)?;
    Ok(ExitCode::SUCCESS)
}

fn edge(args: ServeArgs) -> ExitCode {
    let mut line: Vec<OsString> = ["edge", "--listen", "127.0.0.1:0"].map(Into::into).into();
    let (lines, uncounted) = (args.lines, args.uncounted);
    let is_log = |flag: &OsString| {
        let flag = flag.to_string_lossy();
        flag == "--log" || flag.starts_with("--log=")
    };
    if !args.flags.iter().any(is_log) {
        line.push("--log=warn".into());
    }
    line.extend(["--ready-file".into(), args.ready_file.into()]);
    line.extend(args.flags);
    watertight::run_from("edge", line, async |app: App| {
        let app = app.grpc(greeter::Greeter { lines });
        let app = app.http(handlers::router(lines));
        Ok(if uncounted { app.uncounted() } else { app })
    })
}
