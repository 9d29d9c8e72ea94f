//! What can go wrong while a development command runs.

use std::path::PathBuf;
use std::time::Duration;

/// One variant for each operation that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `cargo metadata` did not answer.
    #[error("can't ask cargo about the workspace")]
    Metadata(#[source] cargo_metadata::Error),
    /// A file or directory could not be read or written.
    #[error("can't {verb} {}", path.display())]
    File {
        /// What was tried: read, write, list, create.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A TOML file doesn't parse.
    #[error("{} is not valid TOML", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A program could not be started.
    #[error("can't start {program}")]
    Start {
        /// Its name.
        program: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with something else than success.
    #[error("{program} ended with {status}")]
    Ended {
        /// Its name.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A program was killed at its wall limit.
    #[error("{program} was killed after its limit of {} s", limit.as_secs())]
    TimedOut {
        /// Its name.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// The user pressed Ctrl-C, or somebody sent SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// A check that is not a program found something.
    #[error("{0}")]
    Found(String),
}

/// The error and everything below it on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(below) = source {
        line.push_str(": ");
        line.push_str(&below.to_string());
        source = below.source();
    }
    line
}
