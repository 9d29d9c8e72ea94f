//! When an answer was made, for HTTP over HTTP/2.
//!
//! hyper adds the field to every response of a connection or to none. gRPC doesn't
//! have it, and there it would cost more than it says: it is a new field each
//! second, so within a minute it fills the table of header fields that either end
//! keeps for the connection (RFC 7541, 4.2: 4,096 bytes). Little else of what gRPC
//! answers with changes.

use http::{HeaderMap, HeaderValue, header};
use std::cell::RefCell;
use std::time::{Duration, SystemTime};

/// A second, and how HTTP writes it.
type Written = (u64, HeaderValue);

thread_local! {
    static LAST: RefCell<Option<Written>> = const { RefCell::new(None) };
}

/// Says what time it is, unless the handler did.
#[expect(
    clippy::disallowed_methods,
    reason = "peers are told the time of day, whether it goes back or not"
)]
pub(super) fn add(headers: &mut HeaderMap) {
    // Before 1970 nobody has a clock (RFC 9110, 6.6.1).
    if let Ok(since_1970) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)
        && let Some(now) = written(since_1970.as_secs())
    {
        headers.entry(header::DATE).or_insert(now);
    }
}

/// Written anew once a second on each thread.
fn written(second: u64) -> Option<HeaderValue> {
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, _)| *known != second) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let value = HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()?;
            *last = Some((second, value));
        }
        last.as_ref().map(|(_, value)| value.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_is_written_as_http_has_it() {
        // The first is the example of RFC 9110.
        for (second, expected) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
        ] {
            assert_eq!(written(second).unwrap(), expected);
        }
    }

    #[test]
    fn what_a_handler_says_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("then"));
        add(&mut headers);
        assert_eq!(headers.get_all(header::DATE).iter().count(), 1);
        assert_eq!(headers[header::DATE], "then");
    }
}
