//! What can go wrong, with its place.

use std::path::PathBuf;

/// Why a command of the stack came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("can't {verb} {}", path.display())]
    File {
        verb: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("can't run {program}")]
    Run {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{program} failed:\n{said}")]
    Failed { program: String, said: String },
    #[error("{what} doesn't answer")]
    Silent {
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Found(String),
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: String = causes.map(|cause| format!(": {cause}")).collect();
    format!("{error}{causes}")
}
