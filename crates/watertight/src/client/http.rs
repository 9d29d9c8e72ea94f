//! A pooled HTTP/1 client for services outside.

use super::exec::ScopeExec;
use super::series::HttpSeries;
use super::span::CallSpan;
use super::{
    CONNECT_TIMEOUT, ClassTimes, DeadlineClass, TIMEOUT_DEFAULT, ambient_deadline, for_next_hop,
};
use crate::{BoxError, Deadline, Scope};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use std::time::Duration;

const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");
/// Idle connections kept per host; more are closed.
const IDLE_MAX: usize = 32;
/// Below the idle timeout of any sensible server (ours: 10 s), so that the
/// pool seldom hands out a connection that is just being closed. The pool looks
/// for older ones as often as this, so they are closed when they are twice as old
/// at the latest. One that waits takes some 14 KiB.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest response body; a longer one is an error.
const BODY_MAX: usize = 1024 * 1024;

/// An HTTP/1 client; clones share its pool.
///
/// Each call is bound by the ambient scope's deadline and by its
/// [`DeadlineClass`], if it has one, or by 30 s without either,
/// from connecting to the last byte of the body; the peer is told what is
/// left in `x-request-timeout` (milliseconds), and which trace it works for in
/// `traceparent`.
///
/// # Limits
///
/// 32 idle connections per host, used again for 5 s and closed after 10 s at the
/// latest; response bodies up to 1 MiB. The number of calls in flight is the
/// caller's to bound.
#[derive(Clone, Debug)]
pub struct HttpClient {
    name: &'static str,
    client: Client<HttpConnector, Full<Bytes>>,
    class: Option<DeadlineClass>,
    classes: ClassTimes,
    series: HttpSeries,
}

/// Why an HTTP call gave no response. Whatever the status, a response is `Ok`.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection could be made: the request was surely not sent. Retryable.
    #[error("{client}: cannot connect")]
    Connect {
        /// The client's name.
        client: &'static str,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The deadline had passed before the request was sent.
    #[error("{client}: deadline passed before the call was sent")]
    Expired {
        /// The client's name.
        client: &'static str,
    },
    /// The deadline passed while waiting: whether the call was done is unknown.
    #[error("{client}: deadline passed while waiting for the answer")]
    Deadline {
        /// The client's name.
        client: &'static str,
    },
    /// The connection broke: whether the call was done is unknown.
    #[error("{client}: the connection broke")]
    Broken {
        /// The client's name.
        client: &'static str,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The response body exceeds 1 MiB. Not worth repeating.
    #[error("{client}: the response exceeds {BODY_MAX} bytes")]
    TooLarge {
        /// The client's name.
        client: &'static str,
    },
}

impl HttpError {
    /// Whether the request has certainly had no effect at the peer.
    #[must_use]
    pub fn surely_not_done(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Expired { .. } => true,
            Self::Deadline { .. } | Self::Broken { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// The kind, in a word, for traces and metrics.
    fn kind(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Expired { .. } => "expired",
            Self::Deadline { .. } => "deadline",
            Self::Broken { .. } => "broken",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

impl HttpClient {
    /// A client with a scope of its own, which ends with the last clone.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self::on_scope(name, Scope::root(name), ClassTimes::default())
    }

    pub(crate) fn on_scope(name: &'static str, scope: Scope, classes: ClassTimes) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(ScopeExec { scope, calls: None })
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        Self {
            name,
            client,
            class: None,
            classes,
            series: HttpSeries::new(name),
        }
    }

    /// The same client, pool included, whose calls are bound by the time of a
    /// class where the caller has more.
    #[must_use]
    pub fn class(mut self, class: DeadlineClass) -> Self {
        self.class = Some(class);
        self
    }

    fn deadline(&self) -> Deadline {
        let class = self
            .class
            .map(|class| Deadline::after(self.classes.of(class)));
        match (ambient_deadline(), class) {
            (Some(ambient), Some(class)) => ambient.min(class),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Deadline::after(TIMEOUT_DEFAULT),
        }
    }

    /// Sends `request` (with an absolute `http://` URI) and reads the whole answer.
    ///
    /// # Errors
    ///
    /// See [`HttpError`], which says for each whether the call may have been done.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the connection; whether the peer has done the call
    /// is unknown then.
    ///
    /// # Metrics
    ///
    /// `http_client_request_duration_seconds`.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut timed = self.series.begin(request.method());
        let answer = self.send_in_time(request).await;
        let end = answer.as_ref().map(Response::status);
        timed.ended(end.map_err(HttpError::kind));
        answer
    }

    async fn send_in_time(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, HttpError> {
        let client = self.name;
        let deadline = self.deadline();
        let Some(left) = deadline.left() else {
            return Err(HttpError::Expired { client });
        };
        // At least 1: zero would mean that nothing is left.
        let ms = u64::try_from(for_next_hop(left).as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        request
            .headers_mut()
            .insert(REQUEST_TIMEOUT, HeaderValue::from(ms));
        let mut span = CallSpan::http(&mut request, client);
        let answer = deadline.run(self.exchange(request)).await;
        let answer = answer.unwrap_or(Err(HttpError::Deadline { client }));
        match &answer {
            Ok(answer) => span.status(answer.status()),
            Err(error) => span.failed(error.kind()),
        }
        answer
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.name;
        let response = self
            .client
            .request(request.map(Full::new))
            .await
            .map_err(|error| {
                if error.is_connect() {
                    HttpError::Connect {
                        client,
                        source: error.into(),
                    }
                } else {
                    HttpError::Broken {
                        client,
                        source: error.into(),
                    }
                }
            })?;
        let (parts, body) = response.into_parts();
        match Limited::new(body, BODY_MAX).collect().await {
            Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge { client }),
            Err(source) => Err(HttpError::Broken { client, source }),
        }
    }
}
