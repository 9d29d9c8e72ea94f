//! Values that mean something to the chassis: URLs, log filters, secrets.

use super::value::{Kind, Value};
use http::uri::Authority;
use std::fmt;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What stands for a secret that is set.
pub(crate) const SET: &str = "(set)";

/// The address of another service: `http://HOST:PORT`, with nothing behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Url {
    const KIND: Kind = Kind::text("URL");

    fn parse(text: &str) -> Result<Self, String> {
        let bad = || Err("is not http://HOST:PORT".to_owned());
        // What stands before an `@` is a password; it must not get into an error or a log.
        if text.contains('@') {
            return Err("must not carry a user name or password".to_owned());
        }
        let Ok(uri) = text.parse::<http::Uri>() else {
            return bad();
        };
        let bare = uri.query().is_none() && matches!(uri.path(), "" | "/");
        let usable = uri.scheme_str() == Some("http") && uri.authority().is_some_and(is_usable);
        if !bare || !usable {
            return bad();
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// Whether a host stands there, and behind it a port or nothing.
fn is_usable(authority: &Authority) -> bool {
    let host = authority.host();
    let rest = authority.as_str().strip_prefix(host);
    let is_port = |rest: &str| {
        let port = rest.strip_prefix(':');
        rest.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_ok())
    };
    !host.is_empty() && rest.is_some_and(is_port)
}

/// A filter for log lines, such as `info` or `orders=debug,info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// What a filter may have of levels and targets: each costs a comparison per
/// place in the code that logs.
const FILTER_PARTS_MAX: usize = 64;

impl LogFilter {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for LogFilter {
    const KIND: Kind = Kind::text("FILTER");

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.split(',').count() > FILTER_PARTS_MAX {
            return Err(format!("has more than {FILTER_PARTS_MAX} parts"));
        }
        // A lone word that is no level is a target, and all others fall silent: what
        // `inof` asks for is what nobody wants. Nor may spans and fields be named:
        // their values are regular expressions, and a short one can take seconds
        // to compile, and they could keep back the audit of who changed the filter.
        // An empty word would be a level to tracing: errors alone.
        let level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        let known = |part: &str| match part.split_once('=') {
            Some((target, of)) => !target.is_empty() && !target.contains(['[', '{']) && level(of),
            None => level(part),
        };
        if let Some(word) = text.split(',').map(str::trim).find(|part| !known(part)) {
            return Err(format!("{word:?} is neither a level nor TARGET=LEVEL"));
        }
        match EnvFilter::builder().with_regex(false).parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!("{text:?} is not a log filter: {error}")),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// A value that must not get into logs, errors or answers: it has no
/// `Display`, and its `Debug` says only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it; not empty, without line breaks.
    ///
    /// # Errors
    ///
    /// What is wrong, without the value.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("must be one line of text".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SET)
    }
}

impl Value for Secret {
    const KIND: Kind = Kind::text("SECRET");

    fn parse(text: &str) -> Result<Self, String> {
        Self::new(text)
    }

    fn show(&self) -> String {
        SET.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_hosts_and_nothing_else() {
        for good in [
            "http://a:1",
            "http://[::1]:80",
            "http://127.0.0.1:7400/",
            "http://host",
        ] {
            let url = Url::parse(good).unwrap();
            assert_eq!(Url::parse(&url.show()), Ok(url));
        }
        let bad = [
            "",
            "a:1",
            "https://a:1",
            "http://",
            "http://a:1/x",
            "http://a:1?x",
            "http:// a",
        ];
        for bad in bad.iter().chain(&["http://user:pw@a:1", "http://a:x"]) {
            let error = Url::parse(bad).unwrap_err();
            assert!(!error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn filters_are_checked() {
        assert!(LogFilter::parse("info,orders=debug").is_ok());
        for bad in [
            "",
            "orders=loud",
            "a=b=c",
            "inof",
            "info,orders",
            "info,",
            "inof=",
            "=info",
            "[]",
            "a[b]",
            "a[b]=off",
            "info,watertight::audit[{peer}]=off",
            "a[{x=(a|b)*a(a|b)}]=trace",
        ] {
            assert!(LogFilter::parse(bad).is_err(), "{bad}");
        }
        let many = ["a=info"; FILTER_PARTS_MAX].join(",");
        assert!(LogFilter::parse(&many).is_ok());
        assert!(LogFilter::parse(&format!("{many},info")).is_err());
    }

    #[test]
    fn a_secret_shows_nothing() {
        let secret = Secret::new("s3cret").unwrap();
        assert_eq!(
            (format!("{secret:?}"), secret.show()),
            (SET.to_owned(), SET.to_owned())
        );
        assert_eq!(secret.expose(), "s3cret");
        assert!(!Secret::new("s3cret\n").unwrap_err().contains("s3cret"));
    }
}
