//! How much time a request gets: what it asks for, within what it may have.

use super::RouteTimeouts;
use crate::catalogue::Counter;
use crate::parse_grpc_timeout;
use crate::series::REQUEST_DEADLINES;
use http::{HeaderMap, HeaderName};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

pub(super) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub(super) const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// The time a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) left: Duration,
    /// Whether the caller asked for it.
    pub(crate) asked: bool,
    /// Whether it asked for more.
    pub(crate) clamped: bool,
}

impl Budget {
    /// What one gets that asks for nothing.
    pub(super) fn unasked(route: RouteTimeouts) -> Self {
        Self {
            left: route.default.min(route.max),
            asked: false,
            clamped: false,
        }
    }
}

/// Why a request isn't even started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The timeout header isn't one.
    Malformed,
    /// The caller has no time left.
    Expired,
}

/// Reads `grpc-timeout` (gRPC) or `x-request-timeout`, whole milliseconds (HTTP).
///
/// The header comes from the caller: garbage and negative values are refused,
/// zero has expired, more than the route's maximum is cut down to it.
pub(crate) fn budget(
    headers: &HeaderMap,
    grpc: bool,
    route: RouteTimeouts,
) -> Result<Budget, Refusal> {
    let name = if grpc {
        &GRPC_TIMEOUT
    } else {
        &REQUEST_TIMEOUT
    };
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(Budget::unasked(route));
    };
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let text = value.to_str().map_err(|_not_ascii| Refusal::Malformed)?;
    let asked = if grpc {
        parse_grpc_timeout(text).map_err(|_bad| Refusal::Malformed)?
    } else {
        parse_ms(text).ok_or(Refusal::Malformed)?
    };
    if asked.is_zero() {
        return Err(Refusal::Expired);
    }
    Ok(Budget {
        left: asked.min(route.max),
        asked: true,
        clamped: asked > route.max,
    })
}

/// Counts the deadlines that callers ask for and don't get; a handle each, as
/// one caller may ask for too much all the time.
#[derive(Default)]
pub(crate) struct DeadlineCounts([OnceLock<Counter>; 3]);

impl DeadlineCounts {
    pub(crate) fn note(&self, budget: &Result<Budget, Refusal>) {
        let (slot, outcome) = match budget {
            Ok(Budget { clamped: true, .. }) => (0, "clamped"),
            Ok(_) => return,
            Err(Refusal::Malformed) => (1, "malformed"),
            Err(Refusal::Expired) => (2, "expired"),
        };
        let counter = || REQUEST_DEADLINES.with([outcome]);
        self.0[slot].get_or_init(counter).increment(1);
    }
}

impl fmt::Debug for DeadlineCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineCounts").finish_non_exhaustive()
    }
}

/// Whole milliseconds; more than fits is as good as for ever.
fn parse_ms(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_millis(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerConfig;
    use proptest::prelude::*;

    proptest! {
        /// Whatever a caller writes, it gets no more than the maximum.
        #[test]
        fn no_header_buys_more_than_the_maximum(grpc: bool, value in "[ -~]{0,24}|[0-9]{1,8}[HMSmun]") {
            if let Ok(budget) = asked(grpc, &value) {
                prop_assert!(budget.asked && !budget.left.is_zero());
                prop_assert!(budget.left <= route().max);
            }
        }
    }

    fn route() -> RouteTimeouts {
        ServerConfig::default().timeouts()
    }

    fn asked(grpc: bool, value: &str) -> Result<Budget, Refusal> {
        let mut headers = HeaderMap::new();
        let name = if grpc { GRPC_TIMEOUT } else { REQUEST_TIMEOUT };
        headers.insert(name, value.parse().unwrap());
        budget(&headers, grpc, route())
    }

    fn given(left: Duration, clamped: bool) -> Result<Budget, Refusal> {
        Ok(Budget {
            left,
            asked: true,
            clamped,
        })
    }

    #[test]
    fn none_is_the_default() {
        let none = Ok(Budget {
            left: route().default,
            asked: false,
            clamped: false,
        });
        assert_eq!(budget(&HeaderMap::new(), true, route()), none);
        assert_eq!(budget(&HeaderMap::new(), false, route()), none);
    }

    #[test]
    fn grpc_timeouts_are_clamped_and_garbage_refused() {
        assert_eq!(
            asked(true, "250m"),
            given(Duration::from_millis(250), false)
        );
        assert_eq!(
            asked(true, "99999999H"),
            given(Duration::from_secs(30), true)
        );
        assert_eq!(asked(true, "0m"), Err(Refusal::Expired));
        for bad in ["", "-1S", "1", "1x", "soon", "123456789n", " 1S"] {
            assert_eq!(asked(true, bad), Err(Refusal::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn http_timeouts_are_whole_milliseconds() {
        assert_eq!(
            asked(false, "250"),
            given(Duration::from_millis(250), false)
        );
        assert_eq!(
            asked(false, "99999999999999999999999"),
            given(Duration::from_secs(30), true)
        );
        assert_eq!(asked(false, "0"), Err(Refusal::Expired));
        for bad in ["", "-1", "1s", "1.5", "+1"] {
            assert_eq!(asked(false, bad), Err(Refusal::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn two_headers_are_one_too_many() {
        let mut headers = HeaderMap::new();
        headers.append(GRPC_TIMEOUT, "1S".parse().unwrap());
        headers.append(GRPC_TIMEOUT, "2S".parse().unwrap());
        assert_eq!(budget(&headers, true, route()), Err(Refusal::Malformed));
    }
}
