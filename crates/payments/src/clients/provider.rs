//! The provider over HTTP: several endpoints, used in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Uri, header::CONTENT_TYPE};
use shop_types::OrderId;
use watertight::{Deadline, HttpClient, HttpError, Scope, current};

use super::wire::{self, Unusable};
use crate::series::PROVIDER_ATTEMPTS;
use crate::{
    domain::{Call, Reply},
    service::{OutcomeUnknown, Provider},
};

/// Attempts of one call; each goes to the next endpoint. A single endpoint gets
/// two, because a pooled connection may be dead before it is used.
const ATTEMPTS_MIN: usize = 2;
const ATTEMPTS_MAX: usize = 3;

/// Not an address of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// There has to be one.
    #[error("at least one provider endpoint is needed")]
    None,
    /// It is not `http://HOST:PORT`.
    #[error("{0:?} is not http://HOST:PORT")]
    Url(String),
}

/// The provider's endpoints over one pooled HTTP client.
///
/// Calls go to the endpoints in turn. When one can't be reached, breaks off or
/// answers 5xx, the next one is tried: every call is idempotent by reference,
/// so trying again does nothing twice. An endpoint that is merely slow is not
/// given up for another: it may be at it, and a slow provider is not helped by
/// twice the calls.
///
/// # Limits
///
/// Three attempts, all under the call's deadline.
///
/// # Metrics
///
/// `payments_provider_attempts_total{outcome}`.
#[derive(Debug)]
pub struct HttpProvider {
    client: HttpClient,
    endpoints: Box<[String]>,
    next: AtomicUsize,
    attempts: usize,
}

/// How one attempt failed.
enum Attempt {
    /// Another endpoint may do better.
    Elsewhere(String),
    /// No use in going on.
    Over(String),
}

impl HttpProvider {
    /// The provider at `urls`, which are `http://HOST:PORT` each.
    ///
    /// # Errors
    ///
    /// [`BadEndpoint`].
    pub fn new(client: HttpClient, urls: &[String]) -> Result<Self, BadEndpoint> {
        if urls.is_empty() {
            return Err(BadEndpoint::None);
        }
        let endpoints = urls.iter().map(|url| checked(url));
        Ok(Self {
            client,
            endpoints: endpoints.collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            attempts: urls.len().clamp(ATTEMPTS_MIN, ATTEMPTS_MAX),
        })
    }

    async fn attempts(
        &self,
        deadline: Deadline,
        order: OrderId,
        call: Call,
    ) -> Result<Reply, OutcomeUnknown> {
        let scope = current().unwrap_or_else(|| Scope::root("provider call"));
        let scope = scope.with_deadline(deadline);
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut why = String::new();
        for attempt in 0..self.attempts {
            let endpoint = &self.endpoints[first.wrapping_add(attempt) % self.endpoints.len()];
            let once = scope.run(self.attempt(endpoint, order, &call));
            let outcome = once
                .await
                .unwrap_or_else(|closed| Err(Attempt::Over(closed.to_string())));
            count(&outcome);
            match outcome {
                Ok(reply) => return Ok(reply),
                Err(Attempt::Over(over)) => return Err(OutcomeUnknown(over)),
                Err(Attempt::Elsewhere(failed)) => {
                    tracing::debug!(%order, endpoint, failed, "trying the next endpoint");
                    why = failed;
                }
            }
        }
        Err(OutcomeUnknown(why))
    }

    async fn attempt(&self, endpoint: &str, order: OrderId, call: &Call) -> Result<Reply, Attempt> {
        let over = |error: &dyn std::fmt::Display| Attempt::Over(error.to_string());
        let wire = wire::request(order, call).map_err(|error| over(&error))?;
        let request = Request::builder()
            .method(wire.method)
            .uri(format!("{endpoint}{}", wire.path))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(wire.body)
            .map_err(|error| over(&error))?;
        let response = self.client.send(request).await.map_err(failed)?;
        wire::reply(order, response.status(), response.body()).map_err(|unusable| match unusable {
            Unusable::Elsewhere(why) => Attempt::Elsewhere(why),
            Unusable::Nonsense(why) => {
                tracing::error!(%order, endpoint, why, "the provider makes no sense");
                Attempt::Over(why)
            }
        })
    }
}

impl Provider for HttpProvider {
    fn call(
        &self,
        deadline: Deadline,
        order: OrderId,
        call: Call,
    ) -> BoxFuture<'_, Result<Reply, OutcomeUnknown>> {
        Box::pin(self.attempts(deadline, order, call))
    }
}

fn failed(error: HttpError) -> Attempt {
    match error {
        HttpError::Connect { .. } | HttpError::Broken { .. } => {
            Attempt::Elsewhere(error.to_string())
        }
        HttpError::Expired { .. } | HttpError::Deadline { .. } | HttpError::TooLarge { .. } => {
            Attempt::Over(error.to_string())
        }
    }
}

fn count(outcome: &Result<Reply, Attempt>) {
    let word = match outcome {
        Ok(_) => "answered",
        Err(Attempt::Elsewhere(_)) => "failed",
        Err(Attempt::Over(_)) => "over",
    };
    PROVIDER_ATTEMPTS.with([word]).increment(1);
}

fn checked(url: &str) -> Result<String, BadEndpoint> {
    let bad = || BadEndpoint::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_bad| bad())?;
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(authority)) if bare => Ok(format!("http://{authority}")),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_checked_at_the_start() {
        assert_eq!(
            checked("http://127.0.0.1:80/").as_deref(),
            Ok("http://127.0.0.1:80")
        );
        for bad in [
            "",
            "127.0.0.1:80",
            "https://x",
            "http://x/path",
            "http://x/?q",
        ] {
            assert_eq!(checked(bad), Err(BadEndpoint::Url(bad.to_owned())));
        }
    }
}
