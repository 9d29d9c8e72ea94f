//! Why a service could not be configured or started.

use crate::TlsError;
use crate::config::Mistakes;
use std::io;
use std::net::SocketAddr;

/// Any error, as the closure handed to [`crate::run`] may return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The configuration can't be used. Not worth repeating: somebody has to change it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--help` or `--version` was asked for; its text. [`crate::run`] prints it and ends with 0.
    #[error("{0}")]
    Help(String),
    /// Some settings are missing, unknown or wrong: all of them, with their places.
    #[error(transparent)]
    Invalid(#[from] Mistakes),
    /// `--check-config` found nothing wrong; the settings as a table.
    /// [`crate::run`] prints it and ends with 0.
    #[error("{0}")]
    Checked(String),
    /// A URL handed to a client isn't one it can use.
    #[error("client {client}: {url:?} is not a usable URL")]
    Url {
        /// The client's name.
        client: &'static str,
        /// What was given.
        url: String,
    },
}

/// A listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}{hint}")]
pub struct BindError {
    /// The address asked for.
    pub addr: SocketAddr,
    hint: &'static str,
    #[source]
    source: io::Error,
}

impl BindError {
    pub(crate) fn new(addr: SocketAddr, source: io::Error) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "hints for the usual mistakes only"
        )]
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => ": the port is taken by another process",
            io::ErrorKind::PermissionDenied => ": ports below 1024 need privileges",
            io::ErrorKind::AddrNotAvailable => ": the address is not one of this machine",
            _ => "",
        };
        Self { addr, hint, source }
    }
}

/// The service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// See [`ConfigError`].
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// See [`BindError`]. Retryable once the port is free.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// See [`TlsError`].
    #[error("TLS is not usable as configured")]
    Tls(#[from] TlsError),
    /// The descriptor set given to [`crate::App::reflection`] doesn't decode.
    #[error("the descriptor set for reflection does not decode")]
    Reflection(#[source] BoxError),
    /// A runtime or thread could not be made: the machine is out of something.
    #[error("cannot start the {what}")]
    Thread {
        /// Which one.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The ready file could not be written.
    #[error("cannot write the ready file {path}")]
    ReadyFile {
        /// Where.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The closure that builds the service failed.
    #[error("the service could not be set up")]
    Setup(#[source] BoxError),
}

/// Writes an error with its whole chain of sources in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
