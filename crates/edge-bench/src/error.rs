//! What can go wrong while something is measured.

use std::{io, path::PathBuf};

/// One variant for each operation that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A server can't listen.
    #[error("can't serve")]
    Serve(#[source] io::Error),
    /// There is no runtime.
    #[error("can't start a runtime")]
    Runtime(#[source] io::Error),
    /// A process of ours can't be started.
    #[error("can't start `edge-bench {what}`")]
    Start {
        /// Its arguments.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A process of ours ended, or said something else than expected.
    #[error("`edge-bench {what}`: {why}")]
    Child {
        /// Its arguments.
        what: String,
        /// What it did.
        why: String,
    },
    /// There is no certificate.
    #[error("can't set TLS up")]
    Tls(#[source] io::Error),
    /// A file can't be written.
    #[error("can't write {}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Nothing was measured.
    #[error("{0}")]
    Measure(String),
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
