//! The bearer token of the admin port.

use crate::config::{ChassisSettings, Secret};
use rustls::SupportedCipherSuite;
use rustls::crypto::hash::Output;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use std::fmt;
use std::io::Read;
use std::path::Path;
use subtle::ConstantTimeEq;

/// A longer file is not a token but something else, given by mistake.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// A shorter one could be guessed, above all one that is empty.
const CHARS_MIN: usize = 16;

/// The hash of a token: all that is needed to recognise it.
pub(crate) struct Token(Output);

impl Token {
    /// Without the spaces around it, which don't come with a request.
    ///
    /// # Errors
    ///
    /// That it keeps nobody out, without the text.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() < CHARS_MIN {
            return Err(format!("holds less than {CHARS_MIN} characters"));
        }
        Ok(Self(sha256(text.as_bytes())))
    }

    /// The token of these settings, if there is one.
    ///
    /// # Errors
    ///
    /// What is wrong with it or its file, without the content.
    pub(crate) fn of(chassis: &ChassisSettings) -> Result<Option<Self>, String> {
        if let Some(token) = &chassis.admin_token {
            return Self::new(token.expose()).map(Some);
        }
        let path = chassis.admin_token_file.as_deref();
        path.map(Self::read).transpose()
    }

    fn read(path: &Path) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let file = std::fs::File::open(path).map_err(cannot)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
        let text = std::str::from_utf8(&bytes)
            .ok()
            .filter(|text| text.len() as u64 <= FILE_BYTES_MAX)
            .map(str::trim);
        let secret = text.and_then(|text| Secret::new(text).ok());
        match secret {
            Some(secret) => {
                Self::new(secret.expose()).map_err(|what| format!("{} {what}", path.display()))
            }
            None => Err(format!("{} does not hold one line of text", path.display())),
        }
    }

    /// Whether this is it. Takes the same time whatever is wrong with it:
    /// hashes have one length and are compared to their end.
    pub(crate) fn is(&self, brought: &[u8]) -> bool {
        let brought = sha256(brought);
        self.0.as_ref().ct_eq(brought.as_ref()).into()
    }
}

/// SHA-256 as TLS brings it along: no second implementation for one line.
fn sha256(data: &[u8]) -> Output {
    let common = match &TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls12(suite) => &suite.common,
        SupportedCipherSuite::Tls13(suite) => &suite.common,
    };
    common.hash_provider.hash(data)
}

/// Of two tokens of this machine's own: nobody learns anything from the time it takes.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(set)")
    }
}
