//! Which header fields that the server looks at are there at all.

use super::RouteTimeouts;
use super::budget::{Budget, GRPC_TIMEOUT, REQUEST_TIMEOUT, Refusal, budget};
use super::respond::Answer;
use super::wire::is_grpc;
use crate::trace::{self, Caller, TRACEPARENT};
use http::{HeaderMap, Request, header};

/// Found in one pass over the names. To look each up takes a hash of its name, and
/// most requests have none but the host: five look-ups were 630 of the 25,900
/// instructions that an HTTP request took (callgrind).
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often there is a `host`.
    pub(super) hosts: usize,
    /// `transfer-encoding`.
    pub(super) coding: bool,
    content_type: bool,
    /// `grpc-timeout` or `x-request-timeout`.
    timeout: bool,
    /// `traceparent`.
    trace: bool,
}

impl Seen {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut seen = Self::default();
        for (name, _value) in headers {
            if *name == header::HOST {
                seen.hosts += 1;
            }
            seen.coding |= *name == header::TRANSFER_ENCODING;
            seen.content_type |= *name == header::CONTENT_TYPE;
            seen.timeout |= *name == GRPC_TIMEOUT || *name == REQUEST_TIMEOUT;
            seen.trace |= *name == TRACEPARENT;
        }
        seen
    }

    /// [`is_grpc`] of the request that these headers are of.
    pub(crate) fn is_grpc<B>(&self, request: &Request<B>) -> Result<bool, Answer> {
        if self.content_type {
            is_grpc(request)
        } else {
            Ok(false)
        }
    }

    /// [`budget`] of these headers.
    pub(crate) fn budget(
        &self,
        headers: &HeaderMap,
        grpc: bool,
        route: RouteTimeouts,
    ) -> Result<Budget, Refusal> {
        if self.timeout {
            budget(headers, grpc, route)
        } else {
            Ok(Budget::unasked(route))
        }
    }

    /// [`trace::caller`] of these headers.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Caller {
        if self.trace {
            trace::caller(headers)
        } else {
            Caller::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    proptest! {
        /// It says what looking each of them up would say.
        #[test]
        fn a_pass_sees_what_look_ups_see(
            names in prop::collection::vec(
                prop::sample::select(vec![
                    "host", "transfer-encoding", "content-type", "grpc-timeout",
                    "x-request-timeout", "traceparent", "accept", "x-other",
                ]),
                0..12,
            ),
        ) {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static("v"));
            }
            let seen = Seen::of(&headers);
            let has = |name: &str| headers.contains_key(name);
            prop_assert_eq!(seen.hosts, headers.get_all("host").iter().count());
            prop_assert_eq!(seen.coding, has("transfer-encoding"));
            prop_assert_eq!(seen.content_type, has("content-type"));
            prop_assert_eq!(seen.timeout, has("grpc-timeout") || has("x-request-timeout"));
            prop_assert_eq!(seen.trace, has("traceparent"));
        }
    }
}
