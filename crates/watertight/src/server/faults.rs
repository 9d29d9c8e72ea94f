//! Responses that a handler got wrong: caught, counted, named.

use crate::series::RESPONSE_FAULTS;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::Body;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// At most one line in this time; a broken handler may be a busy one.
const LOG_PERIOD_MS: u64 = 1_000;

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The body is longer or shorter than its `content-length`: on HTTP/1 the
    /// next response on the connection would be read as a part of this one.
    Length,
    /// The body goes on after its trailers.
    AfterEnd,
    /// More than one `grpc-status`.
    SecondStatus,
    /// The body panicked.
    Panic,
    /// The body ended with an error: the caller gets a part of it.
    BrokenOff,
}

impl Fault {
    fn kind(self) -> &'static str {
        match self {
            Self::Length => "length_mismatch",
            Self::AfterEnd => "frame_after_end",
            Self::SecondStatus => "second_status",
            Self::Panic => "panic",
            Self::BrokenOff => "broken_off",
        }
    }
}

/// Counts faults, and writes down some of them.
#[derive(Debug)]
pub(super) struct FaultLog {
    opened: Instant,
    /// Milliseconds after `opened` from which on the next line may be written.
    next_ms: AtomicU64,
}

impl Default for FaultLog {
    fn default() -> Self {
        Self {
            opened: Instant::now(),
            next_ms: AtomicU64::new(0),
        }
    }
}

impl FaultLog {
    pub(super) fn note(
        &self,
        fault: Fault,
        error: Option<&axum::Error>,
        route: impl FnOnce() -> String,
    ) {
        let kind = fault.kind();
        RESPONSE_FAULTS.with([kind]).increment(1);
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let turn = |next: u64| (now >= next).then_some(now.saturating_add(LOG_PERIOD_MS));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.next_ms.fetch_update(set, fetch, turn).is_ok() {
            tracing::error!(
                kind,
                route = route(),
                error = error.map(|error| crate::error::chain(error)),
                "a handler's response is wrong and was ended"
            );
        }
    }
}

/// What a response's head promises about its body, and what came so far.
#[derive(Debug, Default)]
pub(super) struct Promise {
    length: Option<u64>,
    /// A `grpc-status` was sent ahead of a body.
    status: bool,
    come: u64,
}

impl Promise {
    /// Reads the head; `status` is the name of the header for a gRPC status,
    /// if that is what the response speaks.
    pub(super) fn of<B: Body>(
        response: &Response<B>,
        method: Option<&Method>,
        status: Option<&str>,
    ) -> Result<Self, Fault> {
        let body = response.body();
        let status = status
            .is_some_and(|status| !body.is_end_stream() && response.headers().contains_key(status));
        let mut promise = Self {
            length: None,
            status,
            come: 0,
        };
        // With these the length is that of a body which isn't sent.
        let bodiless = method == Some(&Method::HEAD)
            || matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        if !bodiless {
            promise.length = declared(response.headers())?;
            let exact = body.size_hint().exact();
            if promise
                .length
                .is_some_and(|length| exact.is_some_and(|exact| exact != length))
            {
                return Err(Fault::Length);
            }
        }
        Ok(promise)
    }

    /// So many bytes more.
    pub(super) fn data(&mut self, bytes: usize) -> Result<(), Fault> {
        self.come = self.come.saturating_add(bytes as u64);
        match self.length {
            Some(length) if self.come > length => Err(Fault::Length),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the body may end here.
    pub(super) fn kept(&self) -> bool {
        self.length.is_none_or(|length| self.come == length)
    }

    /// Whether a status in the trailers would be the second one.
    pub(super) fn has_status(&self) -> bool {
        self.status
    }
}

fn declared(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    match (length, values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(Fault::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body as AxumBody;

    fn promise(length: &str, body: AxumBody, method: &Method) -> Result<Promise, Fault> {
        let response = Response::builder().header("content-length", length);
        Promise::of(&response.body(body).unwrap(), Some(method), None)
    }

    #[test]
    fn a_known_length_is_compared_at_once() {
        assert!(promise("3", "abc".into(), &Method::GET).is_ok());
        for wrong in ["2", "4", "-1", "x", ""] {
            let fault = promise(wrong, "abc".into(), &Method::GET).unwrap_err();
            assert_eq!(fault, Fault::Length, "{wrong:?}");
        }
        assert!(promise("3", AxumBody::empty(), &Method::HEAD).is_ok());
        assert!(promise("3", AxumBody::empty(), &Method::GET).is_err());
    }

    #[test]
    fn an_unknown_one_is_counted() {
        let stream = || {
            AxumBody::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>())
        };
        let mut promise = promise("3", stream(), &Method::GET).unwrap();
        assert!(promise.data(2).is_ok() && !promise.kept());
        assert!(promise.data(1).is_ok() && promise.kept());
        assert_eq!(promise.data(1), Err(Fault::Length));
    }
}
