//! The span of a request.
//!
//! It says what the route is and how it ended, and nothing that a caller sent:
//! neither path nor query nor headers.

use super::finish::Target;
use super::series::{Series, UNMATCHED};
use crate::outcome::{Outcome, method_name};
use std::borrow::Cow;
use tonic::Code;
use watertight_core::{Attribute, CancelReason, EndedAs, RootSpan, SpanKind, SpanRecord};

/// The span while the request is under way; empty if it isn't recorded.
#[derive(Debug)]
pub(super) struct RequestSpan {
    root: Option<RootSpan>,
    /// Whether its headers were slow to come, once they have. The body doesn't
    /// count: streams are long because they are meant to be.
    slow: Option<bool>,
}

/// What is known of a request at its end.
pub(super) struct Asked<'a> {
    pub(super) target: &'a Target,
    pub(super) route: Option<&'a Series>,
    pub(super) early: Option<CancelReason>,
}

impl RequestSpan {
    pub(super) fn new(root: Option<RootSpan>) -> Self {
        Self { root, slow: None }
    }

    /// The headers of the response are on their way.
    pub(super) fn answered(&mut self) {
        self.slow = self.root.as_ref().map(RootSpan::is_slow);
    }

    /// The request is over.
    pub(super) fn end(&mut self, asked: &Asked<'_>, outcome: Outcome) {
        let Some(root) = self.root.take() else { return };
        let error = fault(outcome, asked.route.is_some());
        let ended = EndedAs {
            error: error.is_some(),
            slow: self.slow.unwrap_or_else(|| root.is_slow()),
        };
        root.end(ended, |record| {
            record.kind = SpanKind::Server;
            record.error = error;
            describe(record, asked, outcome);
        });
    }
}

fn describe(record: &mut SpanRecord, asked: &Asked<'_>, outcome: Outcome) {
    let route = asked.route.map(Series::route);
    let attributes = &mut record.attributes;
    match asked.target {
        Target::Grpc(_) => {
            let name = route.map_or(UNMATCHED, |route| route.trim_start_matches('/'));
            record.name = Cow::Owned(name.to_owned());
            attributes.push(("rpc.system", "grpc".into()));
        }
        Target::Http(http) => {
            let method = method_name(&http.method);
            record.name = format!("{method} {}", route.unwrap_or(UNMATCHED)).into();
            attributes.push(("http.request.method", method.into()));
            if let Some(route) = route {
                attributes.push(("http.route", route.to_owned().into()));
            }
        }
    }
    attributes.extend(ending(outcome));
    if let Some(why) = asked.early {
        attributes.push(("watertight.cancelled", why.as_str().into()));
    }
}

fn ending(outcome: Outcome) -> Option<Attribute> {
    Some(match outcome {
        Outcome::Grpc(code) => ("rpc.grpc.status_code", i32::from(code).into()),
        Outcome::Http(status) => ("http.response.status_code", status.as_u16().into()),
        Outcome::BrokenOff => ("error.type", "broken_off".into()),
        Outcome::Left => return None,
    })
}

/// What of the outcomes is the service's fault, by OpenTelemetry's conventions.
/// Who asks for a method that isn't there is wrong himself, like with a 404.
fn fault(outcome: Outcome, known: bool) -> Option<&'static str> {
    match outcome {
        Outcome::Http(status) if status.is_server_error() => Some("server error"),
        Outcome::Grpc(Code::Unimplemented) if known => Some("UNIMPLEMENTED"),
        Outcome::Grpc(Code::Unknown) => Some("UNKNOWN"),
        Outcome::Grpc(Code::DeadlineExceeded) => Some("DEADLINE_EXCEEDED"),
        Outcome::Grpc(Code::Internal) => Some("INTERNAL"),
        Outcome::Grpc(Code::Unavailable) => Some("UNAVAILABLE"),
        Outcome::Grpc(Code::DataLoss) => Some("DATA_LOSS"),
        Outcome::BrokenOff => Some("the response was broken off"),
        Outcome::Http(_) | Outcome::Grpc(_) | Outcome::Left => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use std::time::{Duration, Instant};
    use watertight_core::{Sampling, Tracer};

    #[test]
    fn a_stream_is_as_slow_as_its_headers() {
        let sampling = Sampling {
            ratio: 0.0,
            per_second: 0,
        };
        let hour = Duration::from_secs(3_600);
        for (answered, kept) in [(true, false), (false, true)] {
            let (tracer, mut finished) = Tracer::new(sampling, hour);
            let (_, root) = tracer.receive(None, None, (1, 1), Instant::now());
            let mut span = RequestSpan::new(root);
            if answered {
                span.answered();
            }
            // From here on everything is slow.
            tracer.set(sampling, Duration::ZERO);
            let target = Target::Grpc("/s/M".parse().unwrap());
            let asked = Asked {
                target: &target,
                route: None,
                early: None,
            };
            span.end(&asked, Outcome::Grpc(Code::Ok));
            assert_eq!(finished.try_next().is_some(), kept);
        }
    }

    #[test]
    fn only_what_the_service_did_wrong_is_an_error() {
        let http = |status| Outcome::Http(StatusCode::from_u16(status).unwrap());
        for fine in [http(200), http(404), http(499), Outcome::Left] {
            assert_eq!(fault(fine, true), None, "{fine:?}");
        }
        for code in [
            Code::Ok,
            Code::NotFound,
            Code::ResourceExhausted,
            Code::Cancelled,
        ] {
            assert_eq!(fault(Outcome::Grpc(code), true), None, "{code:?}");
        }
        for wrong in [http(500), http(503), Outcome::BrokenOff] {
            assert!(fault(wrong, false).is_some(), "{wrong:?}");
        }
        let unimplemented = Outcome::Grpc(Code::Unimplemented);
        assert!(fault(unimplemented, true).is_some());
        assert!(fault(unimplemented, false).is_none());
    }
}
