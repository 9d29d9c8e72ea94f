//! Values that the name beside them gives away.

use super::names::{Sense, sense};
use super::text::{Text, is_name, is_token68};
use super::{Kind, Secret, THRESHOLD};

/// What a name is worth that is often one of secrets.
const LIKELY: u32 = 60;
/// What a value is worth that looks like a token.
const TOKEN_LIKE: u32 = 40;

/// The kind of secret that a whole value is, by the name of its field.
pub(super) fn whole(sense: Sense, text: &str) -> Option<Kind> {
    let value = text.trim_ascii();
    match sense {
        Sense::Sure(_) | Sense::Likely(_) if is_nothing(value.as_bytes()) => None,
        Sense::Sure(kind) => Some(kind),
        Sense::Likely(kind) => token_like(value.as_bytes()).then_some(kind),
        Sense::Plain | Sense::Measure | Sense::Hint => None,
    }
}

/// `password=…`, `"api_key": "…"`, `token: Some("…")`: the value, if the name
/// that begins here says that it is secret.
pub(super) fn pair(text: Text<'_>, at: usize) -> Option<Secret> {
    let name = text.run(at, is_name);
    let flag = || text.is_flag(at).then(|| behind_flag(text, name)).flatten();
    let (start, loose) = separator(text, name).or_else(flag)?;
    let sense = sense(&text.bytes[at..name]);
    let (Sense::Sure(kind) | Sense::Likely(kind)) = sense else {
        return None;
    };
    let value = Value::at(text, start, kind, sense)?;
    let bytes = &text.bytes[value.start..value.end];
    if is_nothing(bytes) {
        return None;
    }
    let secret = if matches!(sense, Sense::Sure(_)) {
        !(loose && value.bare && is_prose(text, value.start, value.end))
    } else {
        let token = token_like(bytes) || text.may_go_on(value.end);
        LIKELY + if token { TOKEN_LIKE } else { 0 } >= THRESHOLD
    };
    secret.then_some(Secret {
        start: value.start,
        end: value.end,
        kind,
    })
}

/// Where the value behind a name begins, and whether a sentence could go on
/// like that. `None` if the name isn't one of a value.
fn separator(text: Text<'_>, name: usize) -> Option<(usize, bool)> {
    let mut at = text.run(name, |b| b == b'\\');
    if matches!(text.get(at), Some(b'"' | b'\'' | b'`')) {
        at += 1;
    } else if percent(text, at, b"22") {
        at += 3;
    }
    at = text.run(at, is_blank);
    let rest = &text.bytes[at..];
    let (length, loose) = match rest {
        [b':', b':', ..] | [b'=', b'=', ..] => return None,
        [b'=', b'>', ..] => (2, false),
        [b'=', ..] => (1, false),
        [b':', ..] => (1, true),
        // As Debug writes `Password("…")`.
        [b'(', b'"', ..] => (1, false),
        _ if percent(text, at, b"3d") || percent(text, at, b"3a") => (3, false),
        _ => return None,
    };
    Some((text.run(at + length, is_blank), loose))
}

/// `--password hunter2`, and the same as a list of arguments.
fn behind_flag(text: Text<'_>, name: usize) -> Option<(usize, bool)> {
    let rest = &text.bytes[name..];
    let list = rest.strip_prefix(b"\"").unwrap_or(rest);
    let list = list.strip_prefix(b",").unwrap_or(list);
    let at = text.bytes.len() - list.len();
    let value = text.run(at, is_blank);
    (value > at).then_some((value, true))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn percent(text: Text<'_>, at: usize, code: &[u8; 2]) -> bool {
    let written = text.bytes.get(at..at + 3);
    written.is_some_and(|w| w[0] == b'%' && w[1..].eq_ignore_ascii_case(code))
}

/// The extent of a value.
struct Value {
    start: usize,
    end: usize,
    /// Without quotes.
    bare: bool,
}

impl Value {
    fn at(text: Text<'_>, start: usize, kind: Kind, sense: Sense) -> Option<Self> {
        let mut at = start;
        for wrapper in [&b"Some("[..], b"Ok(", b"Secret("] {
            if text.bytes[at..].starts_with(wrapper) {
                at += wrapper.len();
            }
        }
        if text.bytes[at..].starts_with(b"b\"") {
            at += 1;
        }
        let open = text.run(at, |b| b == b'\\');
        let value = match text.get(open) {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                let end = quoted(text, open + 1, quote, open > at);
                Self {
                    start: open + 1,
                    end,
                    bare: false,
                }
            }
            Some(bracket @ (b'[' | b'{')) if matches!(sense, Sense::Sure(_)) => Self {
                start: open,
                end: bracketed(text, open, bracket),
                bare: false,
            },
            _ if percent(text, at, b"22") => Self {
                start: at + 3,
                end: text.run(at + 3, |b| b != b'%' && is_bare(b)),
                bare: false,
            },
            _ => Self {
                start: at,
                end: bare(text, at, kind),
                bare: true,
            },
        };
        (value.start < value.end).then_some(value)
    }
}

/// Up to the closing quote, which is escaped as often as the opening one.
fn quoted(text: Text<'_>, start: usize, quote: u8, escaped: bool) -> usize {
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' if escaped && text.get(at + 1) == Some(quote) => return at,
            b'\\' if !escaped => at += 1,
            byte if byte == quote => return at,
            _ => {}
        }
        at += 1;
    }
    text.bytes.len()
}

/// Up to the closing bracket, or the end.
fn bracketed(text: Text<'_>, start: usize, open: u8) -> usize {
    let close = if open == b'[' { b']' } else { b'}' };
    let mut depth = 0_usize;
    for (at, &byte) in text.bytes.iter().enumerate().skip(start) {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.bytes.len()
}

/// A value without quotes ends at white space or at what ends values in query
/// strings, logs, lists and structures. Headers end with their line.
fn bare(text: Text<'_>, at: usize, kind: Kind) -> usize {
    match kind {
        Kind::Cookie => line(text, at),
        Kind::Authorization => scheme_end(text, at).map_or_else(
            || word(text, at),
            |credentials| text.run(credentials, |b| !is_blank(b) && is_bare(b)),
        ),
        Kind::ApiKey | Kind::Card | Kind::Jwt | Kind::Password | Kind::PrivateKey | Kind::Token => {
            word(text, at)
        }
    }
}

fn word(text: Text<'_>, at: usize) -> usize {
    let end = text.run(at, is_bare);
    // `\n` as Debug writes it ends a value too.
    let written = text.bytes[at..end].windows(2);
    let escape = |pair: &[u8]| matches!(pair, [b'\\', b'n' | b'r' | b't' | b'"']);
    let cut = written.into_iter().position(escape);
    cut.map_or(end, |cut| at + cut)
}

fn line(text: Text<'_>, at: usize) -> usize {
    let end = text.run(at, |b| !matches!(b, b'\n' | b'\r'));
    let written = text.bytes[at..end].windows(2);
    let cut = written
        .into_iter()
        .position(|pair| matches!(pair, [b'\\', b'n' | b'r']));
    cut.map_or(end, |cut| at + cut)
}

fn is_bare(byte: u8) -> bool {
    !byte.is_ascii_whitespace()
        && !matches!(
            byte,
            b',' | b';' | b'&' | b')' | b']' | b'}' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'|'
        )
}

const SCHEMES: [&[u8]; 6] = [
    b"bearer",
    b"basic",
    b"digest",
    b"negotiate",
    b"token",
    b"apikey",
];

/// Where the credentials behind a scheme begin.
fn scheme_end(text: Text<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, |b| b.is_ascii_alphabetic());
    let name = &text.bytes[at..end];
    let known = SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(name));
    let credentials = if percent(text, end, b"20") {
        end + 3
    } else {
        text.run(end, |b| is_blank(b) || b == b'+')
    };
    (known && credentials > end).then_some(credentials)
}

/// `Bearer …` and `Basic …` anywhere, if what follows is no word of a sentence.
pub(super) fn scheme(text: Text<'_>, at: usize) -> Option<Secret> {
    let first = text.bytes[at].to_ascii_lowercase();
    if !matches!(first, b'b' | b'd' | b'n') {
        return None;
    }
    let start = scheme_end(text, at)?;
    let end = text.run(start, is_token68);
    let credentials = &text.bytes[start..end];
    let secret = token_like(credentials) && !is_hyphenated(credentials) || text.may_go_on(end);
    secret.then_some(Secret {
        start,
        end,
        kind: Kind::Authorization,
    })
}

/// The longest user name and password in a URL that are looked for.
const USERINFO_BYTES_MAX: usize = 512;

/// `://user:password@`: the password, or a long user without one.
pub(super) fn url_password(text: Text<'_>, at: usize) -> Option<Secret> {
    let rest = text.bytes[at..].strip_prefix(b"://")?;
    let near = &rest[..rest.len().min(USERINFO_BYTES_MAX)];
    let part = |b: &u8| matches!(b, b'@' | b'/' | b'?' | b'#' | b'"') || b.is_ascii_whitespace();
    let end = near.iter().position(part);
    let cut = end.is_none() && text.may_go_on(at + 3 + near.len());
    let end = match end {
        Some(end) if near[end] == b'@' => end,
        None if cut => near.len(),
        _ => return None,
    };
    let user = near[..end].iter().position(|&b| b == b':');
    let (start, end) = match user {
        Some(user) => (user + 1, end),
        None if token_like(&near[..end]) => (0, end),
        None => return None,
    };
    // A port that the text was cut behind is no password.
    let port = cut && near[start..end].iter().all(u8::is_ascii_digit);
    (start < end && !port).then_some(Secret {
        start: at + 3 + start,
        end: at + 3 + end,
        kind: Kind::Password,
    })
}

/// Whether a value could be a token: no word of a language.
fn token_like(value: &[u8]) -> bool {
    let digits = value.iter().any(u8::is_ascii_digit);
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let blank = value.iter().position(|b| b.is_ascii_whitespace());
    if let Some(blank) = blank {
        let scheme = &value[..blank];
        return SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(scheme));
    }
    value.len() >= 8 && digits && letters || value.len() >= 16
}

/// `basic token-based-authentication`.
fn is_hyphenated(value: &[u8]) -> bool {
    value.contains(&b'-') && !value.iter().any(u8::is_ascii_digit)
}

/// `password: must not be empty`, `secret: this field`: a sentence, in which
/// the next word begins with a letter, too.
fn is_prose(text: Text<'_>, start: usize, end: usize) -> bool {
    let word = &text.bytes[start..end];
    let letters = word.iter().all(|b| b.is_ascii_lowercase() || *b == b'\'');
    let more =
        text.get(end) == Some(b' ') && text.get(end + 1).is_some_and(|b| b.is_ascii_lowercase());
    letters && more
}

/// What stands where a secret would, and isn't one.
fn is_nothing(value: &[u8]) -> bool {
    const NOTHING: [&[u8]; 12] = [
        b"none", b"null", b"nil", b"true", b"false", b"set", b"unset", b"missing", b"invalid",
        b"expired", b"empty", b"hidden",
    ];
    let stars = |b: &u8| matches!(b, b'*' | b'.' | b'x' | b'X' | b'-');
    value.iter().all(stars)
        || NOTHING.iter().any(|n| n.eq_ignore_ascii_case(value))
        || value.starts_with(b"[redacted")
        || value.starts_with(b"(set")
        || value.starts_with(b"(not")
        || value.starts_with(b"Sensitive")
        || value.starts_with(b"${")
}
