//! Metric handles of a client, made once for each method and only looked up then.

use crate::catalogue::Histogram;
use crate::outcome::{CODES, GRPC_CODES, METHOD_NAMES, METHODS, Outcome, label, method_index};
use crate::series::{HTTP_CLIENT_DURATION, RPC_CLIENT_DURATION};
use arc_swap::ArcSwap;
use http::Method;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tonic::Code;

/// Methods with series of their own; further ones share `other`. Callers are
/// generated code, which knows fewer.
const METHODS_MAX: usize = 512;
/// What a call is that nobody waited for to its end.
const LEFT: &str = "caller_left";

/// The series of one gRPC channel.
pub(super) struct GrpcSeries {
    server: &'static str,
    by_path: ArcSwap<HashMap<Box<str>, Arc<MethodSeries>>>,
    other: OnceLock<Arc<MethodSeries>>,
}

/// The series of one method, one for each code and one for calls that were left.
struct MethodSeries {
    server: &'static str,
    method: Arc<str>,
    codes: [OnceLock<Histogram>; GRPC_CODES.len() + 1],
}

impl GrpcSeries {
    /// `server` is what the channel leads to, by the client's name for it.
    pub(super) fn new(server: &'static str) -> Self {
        Self {
            server,
            by_path: ArcSwap::default(),
            other: OnceLock::new(),
        }
    }

    /// Times a call from now until the guard knows its end, or is dropped.
    pub(super) fn begin(&self, path: &str) -> Timed {
        Timed {
            series: self.method(path),
            begun: Instant::now(),
            code: None,
        }
    }

    fn method(&self, path: &str) -> Arc<MethodSeries> {
        if let Some(series) = self.by_path.load().get(path) {
            return Arc::clone(series);
        }
        // Copied whole: that is once for each method, and reading takes no lock.
        self.by_path.rcu(|methods| {
            if methods.contains_key(path) || methods.len() >= METHODS_MAX {
                return Arc::clone(methods);
            }
            let mut more = HashMap::clone(methods);
            more.insert(path.into(), self.series(path));
            Arc::new(more)
        });
        let known = self.by_path.load().get(path).cloned();
        known.unwrap_or_else(|| Arc::clone(self.other.get_or_init(|| self.series("other"))))
    }

    fn series(&self, path: &str) -> Arc<MethodSeries> {
        Arc::new(MethodSeries {
            server: self.server,
            method: path.strip_prefix('/').unwrap_or(path).into(),
            codes: [const { OnceLock::new() }; GRPC_CODES.len() + 1],
        })
    }
}

impl MethodSeries {
    fn record(&self, code: Option<Code>, took: Duration) {
        let slot = code.map_or(GRPC_CODES.len(), |code| {
            usize::try_from(i32::from(code)).unwrap_or(2)
        });
        let histogram = || {
            let code = GRPC_CODES.get(slot).copied();
            let error = match code {
                Some("OK") => "",
                Some(code) => code,
                None => LEFT,
            };
            // The code that the other side is told of a call that was left.
            let code = code.unwrap_or("CANCELLED");
            let method = Arc::clone(&self.method);
            RPC_CLIENT_DURATION.with(("grpc", self.server, method, code, error))
        };
        self.codes[slot]
            .get_or_init(histogram)
            .record(took.as_secs_f64());
    }
}

/// A gRPC call that is timed.
pub(super) struct Timed {
    series: Arc<MethodSeries>,
    begun: Instant,
    code: Option<Code>,
}

impl Timed {
    /// What the call ended with; recorded when the guard is dropped.
    pub(super) fn ended(&mut self, code: Code) {
        self.code.get_or_insert(code);
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.series.record(self.code, self.begun.elapsed());
    }
}

/// The series of an HTTP client.
#[derive(Clone)]
pub(super) struct HttpSeries {
    server: &'static str,
    /// By method, and by status or failure.
    slots: Arc<[[OnceLock<Histogram>; CODES + FAILURES.len()]; METHODS]>,
}

/// Ends of a call that gave no response; the first is that nobody waited.
const FAILURES: [&str; 6] = [
    LEFT,
    "connect",
    "expired",
    "deadline",
    "broken",
    "too_large",
];

impl HttpSeries {
    pub(super) fn new(server: &'static str) -> Self {
        let slots = [const { [const { OnceLock::new() }; CODES + FAILURES.len()] }; METHODS];
        Self {
            server,
            slots: Arc::new(slots),
        }
    }

    /// Times a call from now until the guard knows its end, or is dropped.
    pub(super) fn begin(&self, method: &Method) -> TimedHttp<'_> {
        TimedHttp {
            series: self,
            method: method_index(method),
            begun: Instant::now(),
            end: Err(LEFT),
        }
    }
}

/// An HTTP call that is timed.
pub(super) struct TimedHttp<'a> {
    series: &'a HttpSeries,
    method: usize,
    begun: Instant,
    end: Result<http::StatusCode, &'static str>,
}

impl TimedHttp<'_> {
    /// A status, or one of [`FAILURES`]; recorded when the guard is dropped.
    pub(super) fn ended(&mut self, end: Result<http::StatusCode, &'static str>) {
        self.end = end;
    }
}

impl Drop for TimedHttp<'_> {
    fn drop(&mut self) {
        let (slot, status, error) = match self.end {
            Ok(status) => {
                let (slot, name) = label(Outcome::Http(status));
                let error = if status.as_u16() >= 400 { name } else { "" };
                (slot, name, error)
            }
            Err(failure) => {
                let place = FAILURES.iter().position(|known| *known == failure);
                (CODES + place.unwrap_or(0), "", failure)
            }
        };
        let (server, method) = (self.series.server, METHOD_NAMES[self.method]);
        self.series.slots[self.method][slot]
            .get_or_init(|| HTTP_CLIENT_DURATION.with([method, server, status, error]))
            .record(self.begun.elapsed().as_secs_f64());
    }
}

impl fmt::Debug for GrpcSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrpcSeries").field(&self.server).finish()
    }
}

impl fmt::Debug for HttpSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpSeries").field(&self.server).finish()
    }
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timed").field(&self.series.method).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MetricsRegistry;

    #[test]
    fn a_call_is_counted_once_by_how_it_ended() {
        let registry = MetricsRegistry::default();
        registry.within(|| {
            let series = GrpcSeries::new("stock");
            for code in [Code::Ok, Code::Ok, Code::NotFound] {
                let mut timed = series.begin("/shop.Stock/Get");
                timed.ended(code);
                // What comes after the end changes nothing.
                timed.ended(Code::Internal);
            }
            drop(series.begin("/shop.Stock/Get"));
            for i in 0..METHODS_MAX + 5 {
                series.begin(&format!("/shop.Stock/{i}")).ended(Code::Ok);
            }
        });
        let text = registry.render();
        let count = |method: &str, code: &str, error: &str| {
            format!(
                "rpc_client_call_duration_seconds_count{{rpc_system_name=\"grpc\",server_address=\"stock\",\
                 rpc_method=\"{method}\",rpc_response_status_code=\"{code}\",error_type=\"{error}\"}}"
            )
        };
        let get = "shop.Stock/Get";
        for line in [
            format!("{} 2\n", count(get, "OK", "")),
            format!("{} 1\n", count(get, "NOT_FOUND", "NOT_FOUND")),
            format!("{} 1\n", count(get, "CANCELLED", LEFT)),
        ] {
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        assert!(!text.contains("INTERNAL"), "{text}");
    }

    #[test]
    fn an_http_call_is_counted_by_status_or_by_what_went_wrong() {
        let registry = MetricsRegistry::default();
        registry.within(|| {
            let series = HttpSeries::new("bank");
            for end in [
                Ok(http::StatusCode::OK),
                Ok(http::StatusCode::BAD_GATEWAY),
                Err("deadline"),
            ] {
                series.begin(&Method::POST).ended(end);
            }
            drop(series.begin(&Method::POST));
        });
        let text = registry.render();
        for (status, error) in [("200", ""), ("502", "502"), ("", "deadline"), ("", LEFT)] {
            let line = format!(
                "http_client_request_duration_seconds_count{{http_request_method=\"POST\",\
                 server_address=\"bank\",http_response_status_code=\"{status}\",error_type=\"{error}\"}} 1\n"
            );
            assert!(text.contains(&line), "{line} is not in {text}");
        }
    }
}
