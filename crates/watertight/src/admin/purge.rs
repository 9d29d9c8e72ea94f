//! Has the allocator give back what it can.

use super::json_response;
use crate::alloc::{self, Held};
use crate::{Problem, problems, telemetry};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};

/// Gives the empty pages of all arenas back to the system, and tells what the
/// process had before and has after.
///
/// What threads keep for themselves stays with them, and so do pages in which
/// anything is left.
pub(super) async fn purge(headers: HeaderMap) -> Result<Response, Problem> {
    // A page of another site may send a POST without asking; browsers say from where.
    if headers.contains_key(header::ORIGIN) {
        return Err(Problem::new(&problems::FORBIDDEN).detail("this is not for pages in browsers"));
    }
    let Some(before) = alloc::held() else {
        return Err(Problem::new(&problems::NOT_IMPLEMENTED)
            .detail("this program's allocator can't be told to"));
    };
    for arena in 0..alloc::arenas() {
        alloc::purge(arena);
        tokio::task::yield_now().await;
    }
    let after = alloc::held().unwrap_or(before);
    tracing::info!(
        before = before.resident,
        after = after.resident,
        "allocator purged"
    );
    let json = serde_json::json!({
        "before": figures(before),
        "after": figures(after),
        "process_resident_bytes": telemetry::resident_bytes(),
    });
    Ok(json_response(StatusCode::OK, &json))
}

fn figures(held: Held) -> serde_json::Value {
    serde_json::json!({
        "allocated_bytes": held.allocated,
        "active_bytes": held.active,
        "resident_bytes": held.resident,
    })
}
