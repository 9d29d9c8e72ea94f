//! What names say of the values beside them.

use super::Kind;

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// Nothing.
    Plain,
    /// A count, an offset, a time: digits mean what they say.
    Measure,
    /// Many a secret is called that, and other things too.
    Hint,
    /// Mostly a secret, if the value looks like one.
    Likely(Kind),
    /// A secret, whatever the value.
    Sure(Kind),
}

/// Of a longer name the end tells.
const NAME_BYTES_MAX: usize = 32;

const SURE: [(&str, Kind); 22] = [
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("passcode", Kind::Password),
    ("otp", Kind::Password),
    ("pwd", Kind::Password),
    ("secret", Kind::Password),
    ("credential", Kind::Password),
    ("credentials", Kind::Password),
    ("cvv", Kind::Card),
    ("cvc", Kind::Card),
    ("apikey", Kind::ApiKey),
    ("secretkey", Kind::ApiKey),
    ("accesskey", Kind::ApiKey),
    ("authkey", Kind::ApiKey),
    ("masterkey", Kind::ApiKey),
    ("sharedkey", Kind::ApiKey),
    ("signingkey", Kind::ApiKey),
    ("encryptionkey", Kind::ApiKey),
    ("privatekey", Kind::PrivateKey),
    ("cookie", Kind::Cookie),
    ("setcookie", Kind::Cookie),
];

const LIKELY: [(&str, Kind); 6] = [
    ("token", Kind::Token),
    ("jwt", Kind::Jwt),
    ("bearer", Kind::Token),
    ("authorization", Kind::Authorization),
    ("xauth", Kind::Authorization),
    ("sessionid", Kind::Token),
];

/// They end with `token` and are none of anybody's business, nor a secret.
const HARMLESS: [&str; 6] = [
    "pagetoken",
    "nexttoken",
    "cursortoken",
    "continuationtoken",
    "canceltoken",
    "cancellationtoken",
];

const HINTS: [&str; 7] = [
    "key",
    "auth",
    "session",
    "signature",
    "tokens",
    "secrets",
    "keys",
];

/// The last word of names of measures.
const MEASURES: [&str; 21] = [
    "ns",
    "us",
    "ms",
    "nanos",
    "micros",
    "millis",
    "seconds",
    "bytes",
    "offset",
    "seq",
    "sequence",
    "count",
    "total",
    "version",
    "revision",
    "hash",
    "fingerprint",
    "addr",
    "time",
    "timestamp",
    "ts",
];

/// What the name of a field, a key or a header says.
pub(super) fn sense(name: &[u8]) -> Sense {
    let mut folded = [0; NAME_BYTES_MAX];
    let mut length = 0;
    let tail = &name[name.len().saturating_sub(NAME_BYTES_MAX)..];
    for &byte in tail.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        folded[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let folded = &folded[..length];
    let ends = |end: &&str| folded.ends_with(end.as_bytes());
    if let Some((_, kind)) = SURE.iter().find(|(end, _)| ends(end)) {
        return Sense::Sure(*kind);
    }
    if HARMLESS.iter().any(ends) {
        return Sense::Plain;
    }
    if let Some((_, kind)) = LIKELY.iter().find(|(end, _)| ends(end)) {
        return Sense::Likely(*kind);
    }
    if HINTS.iter().any(ends) {
        return Sense::Hint;
    }
    let last = name.rsplit(|b| !b.is_ascii_alphanumeric()).next();
    let measure = |word: &[u8]| MEASURES.iter().any(|measure| measure.as_bytes() == word);
    if last.is_some_and(measure) {
        Sense::Measure
    } else {
        Sense::Plain
    }
}

/// Whether a word just before speaks of secrets: `invalid api key 9fX…`.
pub(super) fn hints(before: &[u8]) -> bool {
    before
        .split(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-'))
        .filter(|word| !word.is_empty())
        .any(|word| matches!(sense(word), Sense::Hint | Sense::Likely(_) | Sense::Sure(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_however_they_are_written() {
        for (name, kind) in [
            ("password", Kind::Password),
            ("DB_PASSWORD", Kind::Password),
            ("dbPassword", Kind::Password),
            ("client-secret", Kind::Password),
            ("x-api-key", Kind::ApiKey),
            ("X_Api_Key", Kind::ApiKey),
            ("aws.secretKey", Kind::ApiKey),
            ("Set-Cookie", Kind::Cookie),
            ("tls_private_key", Kind::PrivateKey),
        ] {
            assert_eq!(sense(name.as_bytes()), Sense::Sure(kind), "{name}");
        }
        for name in ["token", "admin_token", "Authorization", "id_jwt"] {
            assert!(matches!(sense(name.as_bytes()), Sense::Likely(_)), "{name}");
        }
        for name in ["idempotency_key", "key", "auth"] {
            assert_eq!(sense(name.as_bytes()), Sense::Hint, "{name}");
        }
        for name in [
            "next_page_token",
            "admin_token_file",
            "order",
            "",
            "tokenizer",
        ] {
            assert_eq!(sense(name.as_bytes()), Sense::Plain, "{name}");
        }
        for name in ["elapsed_ns", "offset", "age_ms"] {
            assert_eq!(sense(name.as_bytes()), Sense::Measure, "{name}");
        }
    }
}
