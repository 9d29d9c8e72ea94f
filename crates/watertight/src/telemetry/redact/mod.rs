//! Finds secrets in text that is about to leave the process.
//!
//! Nothing here is a proof: what looks like nothing isn't found. A finding is a
//! *score* of pattern and context, and counts from [`THRESHOLD`] on:
//!
//! | evidence | points |
//! |---|---|
//! | a form that nothing else has: `AKIA…`, `ghp_…`, a JWT, `-----BEGIN … PRIVATE KEY` | 100 |
//! | a name beside it that says so: `password=`, `"api_key":`, the field's own name | 100 |
//! | a name that often says so (`token`, `authorization`) | 60 |
//! | … and a value of 8 characters with digits, or of 16 | 40 |
//! | digits of a card: length and prefix of an issuer, Luhn's sum | 100 |
//! | … under a name of a measure (`offset`, `_ns`) | −40 |
//! | a random-looking word of 20 characters or more | 60 |
//! | … of 36 or more, and all but evenly distributed | 40 |
//! | … with `key`, `secret`, `token` or the like just before it | 40 |
//!
//! The order of patterns and weights follows what gitleaks and detect-secrets
//! do for source code; there false alarms are looked at by people, here each
//! costs a line its meaning, so digits and hexadecimal ids need a context.
//!
//! Text without a colon, an equals sign, a quote, and a word that is long or has
//! digits in it is looked through once, byte by byte, and that is all.

mod card;
mod keyed;
mod names;
mod prefix;
mod random;
#[cfg(test)]
mod tests;
mod text;

use crate::series::LOG_SECRETS;
use std::sync::atomic::{AtomicU64, Ordering};
use text::Text;

/// From how many points on something counts as a secret.
const THRESHOLD: u32 = 100;

/// Secrets in one text, at most; what comes after the last of them is
/// taken as one more.
const SECRETS_MAX: usize = 64;

/// What a secret seems to be; the label `kind` of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ApiKey,
    Authorization,
    Card,
    Cookie,
    Jwt,
    Password,
    PrivateKey,
    Token,
}

impl Kind {
    /// All there are.
    pub(crate) const ALL: [Self; 8] = [
        Self::ApiKey,
        Self::Authorization,
        Self::Card,
        Self::Cookie,
        Self::Jwt,
        Self::Password,
        Self::PrivateKey,
        Self::Token,
    ];

    /// How it is called in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Authorization => "authorization",
            Self::Card => "card",
            Self::Cookie => "cookie",
            Self::Jwt => "jwt",
            Self::Password => "password",
            Self::PrivateKey => "private_key",
            Self::Token => "token",
        }
    }

    /// What stands in its place.
    pub(crate) fn instead(self) -> &'static str {
        match self {
            Self::ApiKey => "[redacted:api_key]",
            Self::Authorization => "[redacted:authorization]",
            Self::Card => "[redacted:card]",
            Self::Cookie => "[redacted:cookie]",
            Self::Jwt => "[redacted:jwt]",
            Self::Password => "[redacted:password]",
            Self::PrivateKey => "[redacted:private_key]",
            Self::Token => "[redacted:token]",
        }
    }
}

/// Where a secret stands in a text. Begins and ends between characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

/// Whether a text is all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// There was more. What reaches the end may be the beginning of anything
    /// that begins like it.
    Cut,
}

/// Finds the secrets in the value of a field, in order and apart from each other.
pub(crate) fn find(name: &str, text: &str, extent: Extent, found: &mut Vec<Secret>) {
    found.clear();
    let sense = names::sense(name.as_bytes());
    if let Some(kind) = keyed::whole(sense, text) {
        found.push(Secret {
            start: 0,
            end: text.len(),
            kind,
        });
        return;
    }
    let bytes = text.as_bytes();
    if !text::suspicious(bytes) {
        return;
    }
    let text = Text {
        bytes,
        extent,
        sense,
        escapes: bytes.contains(&b'\\') || bytes.contains(&b'%'),
    };
    let mut at = 0;
    while at < text.bytes.len() {
        let Some(secret) = at_byte(text, at) else {
            at += 1;
            continue;
        };
        at = secret.end.max(at + 1);
        if found.len() == SECRETS_MAX {
            let end = text.bytes.len();
            found.push(Secret { end, ..secret });
            return;
        }
        found.push(secret);
    }
}

/// What begins at one byte, or the value of a key that begins there.
fn at_byte(text: Text<'_>, at: usize) -> Option<Secret> {
    let byte = text.bytes[at];
    if byte == b'-' {
        return prefix::private_key(text, at);
    }
    if byte == b':' {
        return keyed::url_password(text, at);
    }
    if !byte.is_ascii_alphanumeric() && byte != b'_' {
        return None;
    }
    if !text.begins_word(at) {
        return None;
    }
    let mut secret = None;
    if text.begins_name(at) {
        secret = keyed::pair(text, at);
    }
    if secret.is_none() {
        secret = prefix::known(text, at)
            .or_else(|| keyed::scheme(text, at))
            .or_else(|| card::number(text, at));
    }
    if secret.is_none() && text.begins_token(at) {
        secret = random::word(text, at);
    }
    secret
}

static FOUND: [AtomicU64; Kind::ALL.len()] = [const { AtomicU64::new(0) }; Kind::ALL.len()];

/// Counts a secret that was kept back.
pub(crate) fn count(kind: Kind) {
    FOUND[kind as usize].fetch_add(1, Ordering::Relaxed);
}

/// Sets `log_secrets_redacted_total`; each kind is there from the start, so
/// that the first hit is an increase.
pub(super) fn collect() {
    for kind in Kind::ALL {
        let found = FOUND[kind as usize].load(Ordering::Relaxed);
        LOG_SECRETS.with([kind.name()]).absolute(found);
    }
}
