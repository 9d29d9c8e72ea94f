//! Why a TLS set-up can't be used.

use std::io;
use std::path::{Path, PathBuf};

/// What a PEM file should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pem {
    Certificate,
    Key,
}

/// A TLS set-up can't be used. Not worth repeating before a file changes; none
/// of the messages quotes what is in one.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or is longer than 1 MiB.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file holds nothing of what it should.
    #[error("{} holds no {what} in PEM form", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The server's certificate doesn't parse.
    #[error("the certificate in {} is not X.509", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// The server's certificate has expired.
    #[error("the certificate in {} expired on {date}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        date: String,
    },
    /// The server's certificate is not valid yet.
    #[error("the certificate in {} is not valid before {date}", path.display())]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// From when on it is.
        date: String,
    },
    /// Certificate and key belong to different pairs.
    #[error("the key in {} is not that of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A key or a certificate is of a kind that can't be used.
    #[error("{} can't be used for TLS", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the library said.
        #[source]
        source: rustls::Error,
    },
}

impl TlsError {
    pub(super) fn not_pem(path: &Path, what: Pem) -> Self {
        Self::NotPem {
            path: path.to_owned(),
            what: match what {
                Pem::Certificate => "certificate",
                Pem::Key => "unencrypted private key",
            },
        }
    }

    pub(super) fn unusable(path: &Path) -> impl Fn(rustls::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unusable {
            path: path.clone(),
            source,
        }
    }
}
