//! Secrets that say what they are by how they begin.

use super::text::{Text, is_name, is_token68};
use super::{Kind, Secret};

/// How a kind of secret looks.
struct Form {
    prefix: &'static str,
    /// Bytes behind the prefix, at least.
    least: usize,
    /// What these are.
    of: fn(u8) -> bool,
}

const fn form(prefix: &'static str, least: usize, of: fn(u8) -> bool) -> Form {
    Form { prefix, least, of }
}

fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// Issued by services that gave their keys a prefix so that tools like this one
/// find them. Lengths are a little less than what is issued now.
const FORMS: [Form; 47] = [
    form("AKIA", 16, upper),
    form("ASIA", 16, upper),
    form("AROA", 16, upper),
    form("AIDA", 16, upper),
    form("ghp_", 30, alnum),
    form("gho_", 30, alnum),
    form("ghu_", 30, alnum),
    form("ghs_", 30, alnum),
    form("ghr_", 30, alnum),
    form("github_pat_", 22, is_name),
    form("glpat-", 20, is_name),
    form("glptt-", 20, is_name),
    form("gldt-", 20, is_name),
    form("sk_live_", 10, alnum),
    form("sk_test_", 10, alnum),
    form("rk_live_", 10, alnum),
    form("rk_test_", 10, alnum),
    form("whsec_", 16, is_token68),
    form("sk-ant-", 20, is_name),
    form("sk-proj-", 20, is_name),
    form("sk-or-", 20, is_name),
    form("sk-", 40, alnum),
    form("xoxb-", 10, is_name),
    form("xoxp-", 10, is_name),
    form("xoxa-", 10, is_name),
    form("xoxr-", 10, is_name),
    form("xoxs-", 10, is_name),
    form("xapp-", 10, is_name),
    form("AIza", 35, is_name),
    form("ya29.", 20, is_name),
    form("SG.", 40, is_token68),
    form("npm_", 30, alnum),
    form("pypi-", 50, is_name),
    form("dckr_pat_", 20, is_name),
    form("hf_", 30, alnum),
    form("glsa_", 30, is_name),
    form("glc_", 30, is_token68),
    form("shpat_", 32, hex),
    form("shpss_", 32, hex),
    form("dop_v1_", 60, hex),
    form("hvs.", 24, is_name),
    form("hvb.", 24, is_name),
    form("AGE-SECRET-KEY-1", 50, upper),
    form("lin_api_", 30, alnum),
    form("sq0atp-", 22, is_name),
    form("sq0csp-", 40, is_name),
    form("tskey-", 16, is_name),
];

/// Which second bytes (their lower five bits) any form has behind a first one:
/// all that most words need to be compared with.
const SECONDS: [u32; 256] = {
    let mut seconds = [0; 256];
    let mut nth = 0;
    while nth < FORMS.len() {
        let prefix = FORMS[nth].prefix.as_bytes();
        seconds[prefix[0] as usize] |= 1 << (prefix[1] & 31);
        nth += 1;
    }
    seconds[b'e' as usize] |= 1 << (b'y' & 31);
    seconds
};

/// A key of a known service, or a JWT.
pub(super) fn known(text: Text<'_>, at: usize) -> Option<Secret> {
    let rest = &text.bytes[at..];
    let (first, second) = (*rest.first()?, *rest.get(1)?);
    if SECONDS[usize::from(first)] >> (second & 31) & 1 == 0 {
        return None;
    }
    if let Some(jwt) = jwt(text, at) {
        return Some(jwt);
    }
    let form = FORMS
        .iter()
        .find(|form| rest.starts_with(form.prefix.as_bytes()))?;
    let start = at + form.prefix.len();
    let end = text.run(start, form.of);
    let enough = end - start >= form.least || text.may_go_on(end);
    enough.then_some(Secret {
        start: at,
        end,
        kind: Kind::ApiKey,
    })
}

/// The header of a JWT names two or three things; a longer one isn't looked for.
const JWT_HEADER_BYTES_MAX: usize = 1_024;

/// `{"` in base64 is `eyJ`: header, payload, and mostly a signature.
fn jwt(text: Text<'_>, at: usize) -> Option<Secret> {
    let rest = &text.bytes[at..];
    if !rest.starts_with(b"eyJ") || !text.begins_name(at) {
        return None;
    }
    let near = &rest[..rest.len().min(JWT_HEADER_BYTES_MAX)];
    let header = near.iter().position(|&b| !is_name(b));
    let header = at + header.unwrap_or(near.len());
    let secret = |end| Secret {
        start: at,
        end,
        kind: Kind::Jwt,
    };
    if header - at < 10 {
        return text.may_go_on(header).then(|| secret(header));
    }
    if text.get(header) != Some(b'.') {
        return text.may_go_on(header).then(|| secret(header));
    }
    let mut end = text.run(header + 1, is_name);
    if end - header <= 10 && !text.may_go_on(end) {
        return None;
    }
    // Signature; an encrypted one (JWE) has three parts more.
    while text.get(end) == Some(b'.') && text.get(end + 1).is_some_and(is_name) {
        end = text.run(end + 1, is_name);
    }
    Some(secret(end))
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The longest type of key between the dashes, and room to spare.
const TITLE_BYTES_MAX: usize = 64;

/// A private key as PEM, to its end or that of the text.
pub(super) fn private_key(text: Text<'_>, at: usize) -> Option<Secret> {
    let rest = text.bytes[at..].strip_prefix(BEGIN)?;
    let title = &rest[..rest.len().min(TITLE_BYTES_MAX)];
    let dashes = find(title, b"-----");
    let title = &title[..dashes.unwrap_or(title.len())];
    let all_there = dashes.is_some() || !text.may_go_on(at + BEGIN.len() + title.len());
    if all_there && find(title, b"PRIVATE KEY").is_none() {
        return None;
    }
    let body = at + BEGIN.len() + title.len();
    let end = find(&text.bytes[body..], END).map(|end| {
        let name = body + end + END.len();
        let line = text.run(name, |b| b.is_ascii_uppercase() || b == b' ');
        text.run(line, |b| b == b'-')
    });
    Some(Secret {
        start: at,
        end: end.unwrap_or(text.bytes.len()),
        kind: Kind::PrivateKey,
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
