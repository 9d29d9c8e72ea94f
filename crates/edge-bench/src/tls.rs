//! TLS for idle connections: a certificate of our own, and a client that trusts it alone.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::load::Protocol;

/// The name in the certificate.
const NAME: &str = "localhost";

/// A certificate and its key, in files.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    _dir: TempDir,
}

impl Identity {
    /// Makes one that signs itself.
    ///
    /// # Errors
    ///
    /// If it can't be made or written.
    pub(crate) fn new() -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]);
        let made = made.map_err(io::Error::other)?;
        let dir = tempfile::tempdir()?;
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem())?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        Ok(Self {
            cert,
            key,
            _dir: dir,
        })
    }

    /// What the chassis is told about it.
    pub(crate) fn flags(&self) -> Vec<String> {
        vec![
            format!("--tls-cert={}", self.cert.display()),
            format!("--tls-key={}", self.key.display()),
        ]
    }
}

/// A client's side of it.
#[derive(Clone)]
pub(crate) struct Client(TlsConnector);

impl Client {
    /// One that trusts the certificate in a file and speaks one protocol.
    ///
    /// # Errors
    ///
    /// If the file isn't a certificate.
    pub(crate) fn new(cert: &Path, protocol: Protocol) -> io::Result<Self> {
        let cert = CertificateDer::from_pem_file(cert).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(cert).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![match protocol {
            Protocol::Http => b"http/1.1".to_vec(),
            Protocol::Grpc => b"h2".to_vec(),
        }];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands.
    ///
    /// # Errors
    ///
    /// If the server is another one, or breaks off.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the connection ends.
    pub(crate) async fn connect(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0
            .connect(ServerName::try_from(NAME).map_err(io::Error::other)?, tcp)
            .await
    }
}
