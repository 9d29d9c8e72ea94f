//! When an answer was made, for HTTP over HTTP/2.
//!
//! hyper adds the field to every response of a connection or to none. gRPC doesn't
//! have it, and there it would cost more than it says: it is a new field each
//! second, so within a minute it fills the table of header fields that either end
//! keeps for the connection (RFC 7541, 4.2: 4,096 bytes). Little else of what gRPC
//! answers with changes.

use crate::calendar::{SECONDS_PER_DAY, date};
use http::{HeaderMap, HeaderValue, header};
use std::time::{Duration, SystemTime};

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Says what time it is, unless the handler did.
#[expect(
    clippy::disallowed_methods,
    reason = "peers are told the time of day, whether it goes back or not"
)]
pub(super) fn add(headers: &mut HeaderMap) {
    let Ok(since_1970) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) else {
        // Before 1970 nobody has a clock (RFC 9110, 6.6.1).
        return;
    };
    if let Ok(now) = HeaderValue::try_from(imf_fixdate(since_1970)) {
        headers.entry(header::DATE).or_insert(now);
    }
}

/// The time as HTTP writes it (RFC 9110, 5.6.7).
fn imf_fixdate(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (days, of_day) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = date(days);
    let name = |names: &[&'static str], at: u64| {
        let at = usize::try_from(at).unwrap_or(0);
        names.get(at).copied().unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&WEEKDAYS, days % 7),
        name(&MONTHS, month - 1),
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_http_has_them() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            // The example of RFC 9110.
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (1_763_746_745, "Fri, 21 Nov 2025 17:39:05 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(imf_fixdate(Duration::from_secs(seconds)), expected);
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
