//! TLS by configuration: certificates from files, reloaded while serving.

mod error;
mod material;
mod stream;

pub use error::TlsError;
pub use stream::RustlsAcceptor;
pub(crate) use stream::ServiceAcceptor;

use crate::Clock;
use crate::series::{TLS_EXPIRY, TLS_RELOADS};
use arc_swap::ArcSwap;
use error::Pem;
use material::{Contents, Loaded};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often files are looked at by default.
const POLL_DEFAULT: Duration = Duration::from_secs(10);

/// Where certificates and keys are, as PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, then those above it.
    pub cert: PathBuf,
    /// Its private key, unencrypted: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Authorities for client certificates. If given, each client must have one.
    pub client_ca: Option<PathBuf>,
    /// How often the files are looked at for changes. Default 10 s.
    pub poll: Duration,
}

impl TlsFiles {
    /// Certificate and key; clients need no certificate.
    #[must_use]
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            cert: cert.into(),
            key: key.into(),
            client_ca: None,
            poll: POLL_DEFAULT,
        }
    }

    /// Demands a certificate of each client, issued by one of these authorities.
    #[must_use]
    pub fn with_client_ca(mut self, client_ca: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(client_ca.into());
        self
    }

    /// Whether a server could start with what is in the files now.
    ///
    /// # Errors
    ///
    /// See [`TlsError`].
    pub fn check(&self) -> Result<(), TlsError> {
        load(self).map(|_loaded| ())
    }
}

/// A TLS set-up that is in use; clones are the same.
///
/// New connections are served with what was loaded last; those that are open
/// keep what they began with. TLS 1.2 and 1.3 only.
///
/// # Metrics
///
/// `tls_certificate_expiry_seconds`: when the certificate in use expires, in
/// seconds since 1970. `tls_reloads_total{result}`: changes of the files that
/// were taken over (`ok`) or not (`refused`).
#[derive(Clone)]
pub struct Tls {
    inner: Arc<Inner>,
}

struct Inner {
    files: TlsFiles,
    current: ArcSwap<Loaded>,
    /// What was refused last, so that it is told once and not at every look.
    /// Held while reloading: who read older files must not store them later.
    refused: Mutex<Option<Refused>>,
}

/// Contents that can't be used; `None`: they can't even be read.
type Refused = Option<u64>;

impl Tls {
    /// Loads the files.
    ///
    /// # Errors
    ///
    /// See [`TlsError`].
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let loaded = load(&files)?;
        show_expiry(&loaded);
        Ok(Self {
            inner: Arc::new(Inner {
                files,
                current: ArcSwap::from_pointee(loaded),
                refused: Mutex::default(),
            }),
        })
    }

    /// Loads the files again, if they changed; tells whether they had.
    ///
    /// # Errors
    ///
    /// See [`TlsError`]; what was loaded before stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let mut refused = self.lock_refused();
        let contents = Contents::read(&self.inner.files);
        let seen = contents.as_ref().ok().map(Contents::fingerprint);
        if seen == Some(self.inner.current.load().fingerprint) {
            *refused = None;
            return Ok(false);
        }
        match contents.and_then(|contents| contents.check(&self.inner.files, now_s())) {
            Ok(loaded) => {
                show_expiry(&loaded);
                self.inner.current.store(Arc::new(loaded));
                *refused = None;
                TLS_RELOADS.with(["ok"]).increment(1);
                tracing::info!(files = ?self.inner.files, "certificates reloaded");
                Ok(true)
            }
            Err(error) => {
                if refused.replace(seen) != Some(seen) {
                    TLS_RELOADS.with(["refused"]).increment(1);
                    let error = crate::error::chain(&error);
                    tracing::error!(error, "new certificates refused, the old ones stay");
                }
                Err(error)
            }
        }
    }

    /// When the certificate in use expires, in seconds since 1970.
    #[must_use]
    pub fn not_after_s(&self) -> i64 {
        self.inner.current.load().not_after_s
    }

    /// How often to call [`Tls::reload`].
    pub(crate) fn poll(&self) -> Duration {
        self.inner.files.poll
    }

    fn config(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.inner.current.load().config)
    }

    fn lock_refused(&self) -> std::sync::MutexGuard<'_, Option<Refused>> {
        let refused = self.inner.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(files: &TlsFiles) -> Result<Loaded, TlsError> {
    Contents::read(files)?.check(files, now_s())
}

fn now_s() -> i64 {
    Clock::system().now_ms().div_euclid(1_000)
}

fn show_expiry(loaded: &Loaded) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact for the next hundred million years"
    )]
    TLS_EXPIRY.get().set(loaded.not_after_s as f64);
}

/// The files' names, and nothing that is in them.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.inner.files).finish()
    }
}
