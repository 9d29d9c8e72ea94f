//! What the files of a TLS set-up hold, checked before it is used.

use super::error::TlsError;
use super::{Pem, TlsFiles};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The longest of the files, in bytes; a longer one is refused. A chain has a
/// few KiB, a bundle of many authorities some hundred.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The contents of the files.
pub(super) struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// A set-up that can be served.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// When the server's certificate expires, in seconds since 1970.
    pub(super) not_after_s: i64,
    pub(super) fingerprint: u64,
}

impl Contents {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let client_ca = files.client_ca.as_deref().map(read).transpose()?;
        Ok(Self {
            cert: read(&files.cert)?,
            key: read(&files.key)?,
            client_ca,
        })
    }

    /// Tells whether anything changed; no more than that.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.cert, &self.key, &self.client_ca).hash(&mut hasher);
        hasher.finish()
    }

    /// Checks everything that can be known before the first client comes.
    pub(super) fn check(&self, files: &TlsFiles, now_s: i64) -> Result<Loaded, TlsError> {
        let chain = certificates(&self.cert, &files.cert)?;
        let not_after_s = check_dates(&chain, &files.cert, now_s)?;
        let key = private_key(&self.key, &files.key)?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsError::unusable(&files.cert))?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(pem), Some(path)) => {
                builder.with_client_cert_verifier(verifier(pem, path, provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mismatch = rustls::Error::from(InconsistentKeys::KeyMismatch);
        let refused = |error| {
            if error == mismatch {
                TlsError::Mismatch {
                    cert: files.cert.clone(),
                    key: files.key.clone(),
                }
            } else {
                TlsError::unusable(&files.key)(error)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Loaded {
            config: Arc::new(config),
            not_after_s,
            fingerprint: self.fingerprint(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| TlsError::not_pem(path, Pem::Certificate))
}

/// What the parser found wrong is not told: it quotes the file.
fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_quotes| TlsError::not_pem(path, Pem::Key))
}

/// When the server's own certificate expires. Those above it are the client's
/// to judge: old ones are often sent along for old clients.
fn check_dates(chain: &[CertificateDer<'_>], path: &Path, now_s: i64) -> Result<i64, TlsError> {
    let unreadable = || TlsError::Unreadable {
        path: path.to_owned(),
    };
    let leaf = chain.first().ok_or_else(unreadable)?;
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_quotes| unreadable())?;
    let validity = leaf.validity();
    if now_s > validity.not_after.timestamp() {
        return Err(TlsError::Expired {
            path: path.to_owned(),
            date: validity.not_after.to_string(),
        });
    }
    if now_s < validity.not_before.timestamp() {
        return Err(TlsError::NotYetValid {
            path: path.to_owned(),
            date: validity.not_before.to_string(),
        });
    }
    Ok(validity.not_after.timestamp())
}

fn verifier(
    pem: &[u8],
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, path)? {
        roots.add(certificate).map_err(TlsError::unusable(path))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| TlsError::unusable(path)(rustls::Error::General(error.to_string())))
}
