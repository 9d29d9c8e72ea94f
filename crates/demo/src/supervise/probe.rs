//! Asks a process whether it is ready.

use std::time::Duration;

use bytes::Bytes;
use watertight::HttpClient;
use watertight_core::{Deadline, Scope};

use crate::rest::rest;

/// How often a process that isn't ready is asked again.
const PERIOD: Duration = Duration::from_millis(10);

/// How long one question may take.
const QUESTION_MAX: Duration = Duration::from_secs(1);

/// Waits until `GET /readyz` on an admin port says 200.
///
/// # Cancel safety
///
/// Safe: nothing but questions is lost.
pub(super) async fn ready(scope: &Scope, client: &HttpClient, admin_url: &str) {
    while !is_ready(scope, client, admin_url).await {
        rest(PERIOD).await;
    }
}

async fn is_ready(scope: &Scope, client: &HttpClient, admin_url: &str) -> bool {
    let Ok(request) = http::Request::get(format!("{admin_url}/readyz")).body(Bytes::new()) else {
        return false;
    };
    let bounded = scope.with_deadline(Deadline::after(QUESTION_MAX));
    matches!(bounded.run(client.send(request)).await, Ok(Ok(answer)) if answer.status().is_success())
}
