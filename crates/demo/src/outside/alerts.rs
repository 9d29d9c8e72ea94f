//! Where the demo's Alertmanager sends alerts: they become lines of the log, so
//! that they are seen without anybody to page.

use crate::series::ALERTS;
use axum::{Router, http::StatusCode, routing::post};
use serde::Deserialize;
use std::collections::BTreeMap;
use watertight::extract::{Json, Path};

/// Alerts of one message that are shown; Alertmanager groups them, so there are
/// few. The rest counts.
const SHOWN_MAX: usize = 64;

/// What Alertmanager posts, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    #[serde(default)]
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// `POST /RECEIVER`: the webhook of one of Alertmanager's receivers.
pub(super) fn router() -> Router {
    Router::new().route("/{receiver}", post(receive))
}

async fn receive(Path(receiver): Path<String>, Json(message): Json<Message>) -> StatusCode {
    for alert in &message.alerts {
        let status = if alert.status == "resolved" {
            "resolved"
        } else {
            "firing"
        };
        ALERTS.with([status]).increment(1);
    }
    for alert in message.alerts.iter().take(SHOWN_MAX) {
        let label = |name| alert.labels.get(name).map_or("", String::as_str);
        let summary = alert.annotations.get("summary").map_or("", String::as_str);
        tracing::warn!(
            receiver,
            alert = label("alertname"),
            severity = label("severity"),
            job = label("job"),
            instance = label("instance"),
            status = alert.status,
            summary,
            "alert"
        );
    }
    StatusCode::NO_CONTENT
}
