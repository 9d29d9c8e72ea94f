//! Driving one connection: batched writes, its limits in time, its end.

use super::Shared;
use super::control::{Alarm, Control, Cut, Watch};
use super::life::{Life, Sight, Step};
use super::link::Link;
use hyper_util::server::graceful::GracefulConnection;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// How long a connection that flooded is held, unread, before it is cut off.
///
/// A flooder that is cut off at once comes back at once, and every new
/// connection costs a handshake, new tables and new streams. Held, it keeps its
/// place of its address' `connections_per_ip_max` and what it has had so far;
/// requests under way go on, and their answers are not written.
const HOLD: Duration = Duration::from_secs(1);

/// Why a connection ended that didn't end well.
#[derive(Debug)]
pub(super) enum Ended<E> {
    Broken(E),
    Cut(&'static str),
}

pin_project_lite::pin_project! {
    /// Drives a connection, and tells it to finish when the server stops or it
    /// has lived for long enough.
    ///
    /// Each wake-up is answered by yielding once before the poll, while more
    /// than one stream is in flight: handlers that became ready meanwhile get
    /// to write, and all their responses leave in one system call (223k
    /// requests/s instead of 139k). With a single stream there is nothing to
    /// wait for, and the yield would only cost.
    pub(super) struct Drive<C> {
        #[pin]
        conn: C,
        #[pin]
        stop: WaitForCancellationFutureOwned,
        stopping: bool,
        batch: bool,
        yielded: bool,
        link: Arc<Link>,
        life: Life,
        alarm: Alarm,
        // Since when the peer is held for flooding.
        held: Option<Instant>,
        // HTTP/1 alone: an HTTP/2 stream looks after itself.
        response: Option<Response>,
    }
}

impl<C: GracefulConnection> Drive<C> {
    pub(super) fn new(conn: C, shared: &Shared, link: Arc<Link>, http2: bool) -> Self {
        let config = shared.config.load();
        Self {
            conn,
            stop: shared.stop.clone().cancelled_owned(),
            stopping: false,
            batch: config.batch_writes,
            yielded: false,
            link,
            life: Life::new(&config, http2, Instant::now(), rand::random()),
            alarm: Alarm::default(),
            held: None,
            response: (!http2).then(|| Response::new(config.write_stall_timeout)),
        }
    }
}

impl<C: GracefulConnection> Future for Drive<C> {
    type Output = Result<(), Ended<C::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.stopping && this.stop.poll(cx).is_ready() {
            *this.stopping = true;
            this.conn.as_mut().graceful_shutdown();
        }
        if *this.batch && !*this.yielded && this.link.streams.load(Ordering::Relaxed) > 1 {
            *this.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        *this.yielded = false;
        loop {
            if this.held.is_none()
                && let Poll::Ready(ended) = this.conn.as_mut().poll(cx)
            {
                return Poll::Ready(ended.map_err(Ended::Broken));
            }
            if let Some(flood) = this.link.ended() {
                let since = *this.held.get_or_insert_with(Instant::now);
                if !*this.stopping {
                    ready!(this.alarm.poll(since + HOLD, cx));
                }
                return Poll::Ready(Err(Ended::Cut(flood)));
            }
            let blocked = this.link.blocked();
            if blocked.is_some()
                && let Some(response) = this.response
                && let Poll::Ready(cut) = response.poll(this.link, cx)
            {
                return Poll::Ready(Err(Ended::Cut(cut.reason())));
            }
            ready!(this.alarm.poll(this.life.due(blocked), cx));
            let sight = Sight {
                requests: this.link.requests.load(Ordering::Relaxed),
                streams: this.link.streams.load(Ordering::Relaxed),
                blocked,
            };
            match this.life.step(Instant::now(), sight) {
                Step::Wait => {}
                Step::Cut(reason) => return Poll::Ready(Err(Ended::Cut(reason))),
                Step::Finish(reason) => {
                    super::connection::count_closed(reason);
                    this.conn.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The response that an HTTP/1 connection is writing, or not.
struct Response {
    stall: Duration,
    of: Weak<Control>,
    watch: Watch,
}

impl Response {
    fn new(stall: Duration) -> Self {
        Self {
            stall,
            of: Weak::new(),
            watch: Watch::default(),
        }
    }

    fn poll(&mut self, link: &Link, cx: &mut Context<'_>) -> Poll<Cut> {
        let Some(control) = link.current() else {
            return Poll::Pending;
        };
        if !std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(&control)) {
            self.of = Arc::downgrade(&control);
            self.watch.reset();
        }
        self.watch.poll(&control, self.stall, cx)
    }
}
