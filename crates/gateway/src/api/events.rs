//! The changes of one order as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use shop_proto::orders::{Order, OrderStatus};
use tokio::time::Instant;
use watertight::axum::body::Body;
use watertight::axum::extract::State;
use watertight::axum::response::{IntoResponse, Response};
use watertight::extract::Path;
use watertight::{Deadline, Either, Problem, Readiness, RequestScope, race};

use super::document::WatchProblems;
use super::headers::LastEventId;
use super::problems::{Kind, refused};
use super::{Gateway, dto, kinds};
use crate::clients::{Failure, Watch};
use crate::config::Cfg;
use crate::series::EVENT_STREAMS;
use crate::service::places::Place;
use crate::service::resume::{Resume, Step};

/// When a reader comes back to a stream that broke off or ended early.
const COME_BACK: Duration = Duration::from_secs(1);
/// When a reader comes back to an order that doesn't change.
const COME_BACK_IDLE: Duration = Duration::from_secs(30);
/// When to come back if all places are taken.
const COME_BACK_FULL: Duration = Duration::from_secs(5);

/// Watch an order
///
/// Server-sent events: `order` with the order now and after each change, its
/// `id` the order's version. After an end state the stream ends; a reader that
/// comes back with that version as `Last-Event-ID` gets 204, which tells an
/// `EventSource` to stop. Silence is broken by comments. An order that doesn't
/// change for long, or a server that goes away, ends the stream with an event
/// `bye`; come back after the `retry` it names.
#[utoipa::path(
    get, path = "/v1/orders/{id}/events", tag = "orders",
    params(
        ("id" = String, Path, format = "uuid", description = "UUID of the order."),
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was seen; those up to it are passed over. One that this order never had counts as none."),
    ),
    responses(
        (status = 200, description = "The order now and after each change.", body = String, content_type = "text/event-stream",
         example = json!("id: 5\nevent: order\ndata: {\"id\":\"019a9f5e-7c00-7000-8000-000000000001\",\"status\":\"CONFIRMED\"}\n\n")),
        (status = 204, description = "The order has ended and the reader has seen it: don't come back."),
        WatchProblems,
    )
)]
pub(super) async fn watch_order(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    LastEventId(seen): LastEventId,
    extensions: http::Extensions,
) -> Result<Response, Problem> {
    let settings = gateway.settings();
    let place = gateway.0.streams.take(settings.events_max);
    let full = || Problem::new(&kinds::TOO_MANY_STREAMS).retry_after(COME_BACK_FULL);
    let place = place.ok_or_else(full)?;
    let (watch, order) = begin(&gateway, id, extensions.deadline()).await?;
    let resume = Resume::after(seen, order.version);
    if resume.is_over(order.version, is_end(&order)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = Events {
        watch,
        first: Some(order),
        resume,
        idle_at: Instant::now() + settings.events_idle,
        settings,
        readiness: gateway.0.parts.readiness.clone(),
        is_over: false,
        _open: Open::new(place),
    };
    let body = Body::from_stream(stream::unfold(events, Events::next));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Begins to watch, and waits for the order as it stands: until then the answer
/// can still be a problem. The request's deadline bounds this and no more.
async fn begin(gateway: &Gateway, id: String, by: Deadline) -> Result<(Watch, Order), Problem> {
    let begun = by.run(async {
        let scope = gateway.0.parts.scope.in_current_trace();
        let mut watch = gateway.orders().watch(&scope, id).await?;
        match watch.next().await? {
            Some(order) => Ok((watch, order)),
            None => Err(Failure::from(tonic::Status::internal(
                "a watch without an order",
            ))),
        }
    });
    let late = || Failure::from(tonic::Status::deadline_exceeded("no answer to a watch"));
    let begun = begun.await.unwrap_or_else(|_passed| Err(late()));
    begun.map_err(|failure| refused(Kind::Read, failure))
}

fn is_end(order: &Order) -> bool {
    match order.status() {
        OrderStatus::Confirmed | OrderStatus::Rejected | OrderStatus::Cancelled => true,
        OrderStatus::Pending | OrderStatus::Unspecified => false,
    }
}

/// A stream of events under way.
///
/// Nothing is made ahead of a reader: what it doesn't take isn't asked for, and
/// upstream keeps the latest state alone. Dropped, it ends the watch upstream
/// and gives its place back.
struct Events {
    watch: Watch,
    /// The order at the beginning, until it is sent.
    first: Option<Order>,
    resume: Resume,
    /// When the order has not changed for too long.
    idle_at: Instant,
    settings: Arc<Cfg>,
    readiness: Readiness,
    is_over: bool,
    _open: Open,
}

/// The place of a stream, and that it counts as open.
struct Open {
    _place: Place,
}

impl Open {
    fn new(place: Place) -> Self {
        EVENT_STREAMS.get().increment(1.0);
        Self { _place: place }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        EVENT_STREAMS.get().decrement(1.0);
    }
}

type Piece = Result<Bytes, Infallible>;

impl Events {
    async fn next(mut self) -> Option<(Piece, Self)> {
        if self.is_over {
            return None;
        }
        let piece = match self.first.take() {
            Some(order) => match self.change(order) {
                Some(piece) => piece,
                None => self.wait().await?,
            },
            None => self.wait().await?,
        };
        Some((Ok(piece), self))
    }

    /// The next piece: a change, a heartbeat, or a good-bye.
    async fn wait(&mut self) -> Option<Bytes> {
        loop {
            let beat = Instant::now() + self.settings.events_heartbeat;
            let wake = beat.min(self.idle_at);
            let first = race(self.watch.next(), self.readiness.draining());
            let changed = match Deadline::at(wake).run(first).await {
                Ok(Either::Left(changed)) => changed,
                Ok(Either::Right(())) => return Some(self.bye("shutdown", COME_BACK)),
                Err(_passed) => {
                    let is_idle = wake == self.idle_at;
                    return Some(if is_idle {
                        self.bye("idle", COME_BACK_IDLE)
                    } else {
                        Bytes::from_static(b":\n\n")
                    });
                }
            };
            match changed {
                Ok(Some(order)) => {
                    if let Some(piece) = self.change(order) {
                        return Some(piece);
                    }
                }
                Ok(None) => return None,
                Err(_gone) => return Some(self.bye("unavailable", COME_BACK)),
            }
        }
    }

    /// The event of a change, if it has not been seen.
    fn change(&mut self, order: Order) -> Option<Bytes> {
        if self.resume.step(order.version) == Step::Skip {
            return None;
        }
        self.idle_at = Instant::now() + self.settings.events_idle;
        let version = order.version;
        let json = serde_json::to_string(&dto::Order::from(order)).unwrap_or_default();
        Some(Bytes::from(format!(
            "id: {version}\nevent: order\ndata: {json}\n\n"
        )))
    }

    fn bye(&mut self, why: &str, back: Duration) -> Bytes {
        self.is_over = true;
        let ms = back.as_millis();
        let text = format!("retry: {ms}\nevent: bye\ndata: {{\"reason\":\"{why}\"}}\n\n");
        Bytes::from(text)
    }
}
