//! Pages for people: one small style, nothing from elsewhere, everything escaped.

use axum::response::{IntoResponse, Response};
use http::header;
use std::fmt;
use std::time::Duration;

/// Nothing is loaded, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--bad:#c22}\
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:90rem;padding:0 1rem}\
h1{font-size:1.3rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}\
nav{display:flex;flex-wrap:wrap;gap:.4rem;margin:.8rem 0}\
nav a{border:1px solid var(--line);border-radius:.4rem;padding:.15rem .6rem;text-decoration:none;color:inherit}\
nav a.here{background:var(--soft);font-weight:600}nav a.bad{color:var(--bad);border-color:var(--bad)}\
table{border-collapse:collapse;width:100%}th,td{padding:.2rem .6rem .2rem 0;text-align:left;vertical-align:top}\
th{border-bottom:1px solid var(--line);font-weight:600}tbody tr:hover{background:var(--soft)}\
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.at{font-family:ui-monospace,monospace;font-size:.85em;overflow-wrap:anywhere}\
.dim{opacity:.65}";

/// Text that may hold anything.
pub(super) struct Text<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Write::write_fmt(&mut Escaping(f), format_args!("{}", self.0))
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
            let (plain, special) = match part.char_indices().next_back() {
                Some((at, '&')) => (&part[..at], "&amp;"),
                Some((at, '<')) => (&part[..at], "&lt;"),
                Some((at, '>')) => (&part[..at], "&gt;"),
                Some((at, '"')) => (&part[..at], "&quot;"),
                Some((at, '\'')) => (&part[..at], "&#39;"),
                Some(_) | None => (part, ""),
            };
            self.0.write_str(plain)?;
            self.0.write_str(special)?;
        }
        Ok(())
    }
}

/// Seconds as people say them.
pub(super) struct Span(pub(super) f64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let whole = Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |d| d.as_secs());
        match whole {
            0 if seconds < 0.001 => write!(f, "{:.0} µs", seconds * 1e6),
            0 => write!(f, "{:.1} ms", seconds * 1e3),
            1..60 => write!(f, "{seconds:.1} s"),
            60..3_600 => write!(f, "{} min {} s", whole / 60, whole % 60),
            3_600..172_800 => write!(f, "{} h {} min", whole / 3_600, whole / 60 % 60),
            _ => write!(f, "{} d {} h", whole / 86_400, whole / 3_600 % 24),
        }
    }
}

/// A whole page; `body` has escaped what it shows.
pub(super) fn page(title: &str, body: &dyn fmt::Display) -> Response {
    let title = Text(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n{body}</body></html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = Text(r#"<a href="x">R&D's</a>"#).to_string();
        assert_eq!(text, "&lt;a href=&quot;x&quot;&gt;R&amp;D&#39;s&lt;/a&gt;");
        assert_eq!(Text("ä & ö").to_string(), "ä &amp; ö");
        assert_eq!(Text("").to_string(), "");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let told = [0.0000421, 0.0421, 4.21, 421.0, 42_100.0, 421_000.0];
        let told = told.map(|seconds| Span(seconds).to_string());
        assert_eq!(
            told,
            [
                "42 µs",
                "42.1 ms",
                "4.2 s",
                "7 min 1 s",
                "11 h 41 min",
                "4 d 20 h"
            ]
        );
    }
}
