//! One request as those see it who can end it from outside its body.
//!
//! hyper asks a body for its next frame only when the last one could be
//! handed on. With an HTTP/2 window shut, or a TCP connection on which nothing
//! can be sent, it never asks again, and a deadline inside the body never
//! comes. So the request's deadline stands here, where the HTTP/2 stream's
//! task and the HTTP/1 connection can see it.

use super::life::FAR;
use super::series::Series;
use crate::Scope;
use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What a late response has to get its trailers out, if the peer reads again.
const TRAILERS_GRACE: Duration = Duration::from_millis(200);

const LATE: u8 = 1;
const UPLOAD_STALLED: u8 = 2;
const ANSWERED: u8 = 4;
const CUT: u8 = 8;
const UPLOAD_BROKEN: u8 = 16;

/// What the parts of one request share: its service call, its bodies, and
/// whoever drives it.
#[derive(Debug)]
pub(crate) struct Control {
    pub(super) scope: Scope,
    pub(super) started: Instant,
    /// When the response must be over: the deadline the caller asked for or
    /// its route has, else the server's limit for streams, which a stream may
    /// use up although the default deadline of its headers is shorter.
    pub(super) end: Instant,
    /// Whether the scope's deadline bounds the response's body, too.
    pub(super) whole: bool,
    /// What was asked for, once that is known.
    route: OnceLock<Arc<Series>>,
    /// Two for each time the body was asked for a frame, and one while a frame
    /// has been given and no other asked for.
    progress: AtomicU32,
    flags: AtomicU8,
    /// Who reads the request's body and has to know when the answer begins.
    reader: AtomicWaker,
}

impl Control {
    pub(super) fn new(scope: Scope, started: Instant, end: Instant, whole: bool) -> Self {
        Self {
            scope,
            started,
            end,
            whole,
            route: OnceLock::new(),
            progress: AtomicU32::new(0),
            flags: AtomicU8::new(0),
            reader: AtomicWaker::new(),
        }
    }

    /// The route is known: whatever runs under the scope is its work.
    pub(super) fn set_route(&self, series: Arc<Series>) {
        let label = series.label();
        // Known already only if a router is nested in itself; the outermost stays.
        if self.route.set(series).is_ok() {
            self.scope.set_label(label);
        }
    }

    pub(super) fn route(&self) -> Option<&Series> {
        self.route.get().map(|series| &**series)
    }

    /// When nobody waits any more for what is being made now: the headers, or
    /// the body.
    pub(super) fn due(&self) -> Instant {
        let headers = self.scope.deadline().filter(|_| !self.is_answered());
        headers.map_or(self.end, |deadline| deadline.instant())
    }

    /// The body is being asked for a frame.
    pub(super) fn frame_wanted(&self) {
        // Only the body's poll writes it, so this needs no read-modify-write.
        let next = (self.progress.load(Ordering::Relaxed) & !1).wrapping_add(2);
        self.progress.store(next, Ordering::Release);
    }

    /// The body gave one.
    pub(super) fn frame_given(&self) {
        let given = self.progress.load(Ordering::Relaxed) | 1;
        self.progress.store(given, Ordering::Release);
    }

    /// Which frame was given while no other has been asked for, if that is so.
    fn waiting(&self) -> Option<u32> {
        Some(self.progress.load(Ordering::Acquire)).filter(|progress| progress & 1 == 1)
    }

    /// Whether a frame was given and no other has been asked for.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting().is_some()
    }

    fn raise(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::Release);
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    /// The response's end came: no frame may follow but trailers.
    pub(super) fn set_late(&self) {
        self.raise(LATE);
    }

    pub(super) fn is_late(&self) -> bool {
        self.has(LATE)
    }

    /// The request's body brought nothing for too long.
    pub(super) fn set_upload_stalled(&self) {
        self.raise(UPLOAD_STALLED);
    }

    pub(super) fn is_upload_stalled(&self) -> bool {
        self.has(UPLOAD_STALLED)
    }

    /// The caller broke the request's body off.
    pub(super) fn set_upload_broken(&self) {
        self.raise(UPLOAD_BROKEN);
    }

    pub(super) fn is_upload_broken(&self) -> bool {
        self.has(UPLOAD_BROKEN)
    }

    /// The response was cut off from outside.
    pub(super) fn is_cut(&self) -> bool {
        self.has(CUT)
    }

    /// The response's headers are on their way.
    pub(super) fn set_answered(&self) {
        self.raise(ANSWERED);
        self.reader.wake();
    }

    pub(super) fn is_answered(&self) -> bool {
        self.has(ANSWERED)
    }

    /// Wakes the reader of the request's body once the headers are on their
    /// way; false if they are already.
    pub(super) fn wake_when_answered(&self, cx: &Context<'_>) -> bool {
        self.reader.register(cx.waker());
        !self.is_answered()
    }

    /// Nobody waits for that any more.
    pub(super) fn wake_nobody(&self) {
        self.reader.take();
    }
}

/// Why a response was cut off from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Deadline,
    WriteStall,
    Cancelled,
}

impl Cut {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::WriteStall => "write_stall",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is due next for a response that waits for its peer since `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// The deadline: from here on the body may only end.
    Late(Instant),
    Cut(Instant, Cut),
}

impl Due {
    fn next(since: Instant, end: Instant, late: bool, stall: Duration) -> Self {
        let stalled = since + stall.min(FAR);
        let last = end + TRAILERS_GRACE;
        if !late && end < stalled {
            Self::Late(end)
        } else if last < stalled {
            Self::Cut(last, Cut::Deadline)
        } else {
            Self::Cut(stalled, Cut::WriteStall)
        }
    }
}

/// Looks after a response while hyper has a frame of it that nobody takes.
///
/// Costs nothing until then: no timer, no look at the clock.
#[derive(Default)]
pub(super) struct Watch {
    waiting: Option<(u32, Instant)>,
    alarm: Alarm,
    cancelled: Option<BoxFuture<'static, ()>>,
}

impl Watch {
    /// Ready once the response has to be cut off. To be called whenever hyper
    /// has been polled and isn't done.
    pub(super) fn poll(
        &mut self,
        control: &Control,
        stall: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Cut> {
        let Some(frame) = control.waiting() else {
            self.waiting = None;
            return Poll::Pending;
        };
        let since = match self.waiting {
            Some((seen, since)) if seen == frame => since,
            Some(_) | None => {
                let now = Instant::now();
                self.waiting = Some((frame, now));
                now
            }
        };
        let cancelled = self.cancelled.get_or_insert_with(|| {
            let scope = control.scope.clone();
            Box::pin(async move { scope.cancelled().await })
        });
        if cancelled.as_mut().poll(cx).is_ready() {
            control.raise(CUT);
            return Poll::Ready(Cut::Cancelled);
        }
        loop {
            match Due::next(since, control.end, control.is_late(), stall) {
                Due::Late(at) => {
                    ready!(self.alarm.poll(at, cx));
                    control.set_late();
                }
                Due::Cut(at, cut) => {
                    ready!(self.alarm.poll(at, cx));
                    control.raise(CUT);
                    return Poll::Ready(cut);
                }
            }
        }
    }

    /// Forgets the response; another one follows.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

/// A timer that is made when it is first needed, and moved only when it fires
/// too early: what it waits for is put off all the time and seldom comes.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once `due` has come.
    #[expect(
        clippy::disallowed_methods,
        reason = "a timer of the connection, which ends with it"
    )]
    pub(crate) fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::poll_fn;

    const STALL: Duration = Duration::from_secs(30);

    fn control(end: Duration) -> Control {
        let now = Instant::now();
        Control::new(Scope::root("test"), now, now + end, true)
    }

    async fn watch(watch: &mut Watch, control: &Control) -> Poll<Cut> {
        poll!(poll_fn(|cx| watch.poll(control, STALL, cx)))
    }

    #[watertight::test(start_paused = true)]
    async fn a_body_that_is_asked_is_left_alone() {
        let control = control(Duration::from_secs(1));
        let mut outside = Watch::default();
        control.frame_wanted();
        tokio::time::advance(3 * STALL).await;
        assert_eq!(watch(&mut outside, &control).await, Poll::Pending);
        assert!(!control.is_late() && outside.alarm.0.is_none());
    }

    #[watertight::test(start_paused = true)]
    async fn a_frame_nobody_takes_is_cut_at_the_deadline_after_a_grace() {
        let control = control(Duration::from_secs(1));
        let mut outside = Watch::default();
        control.frame_wanted();
        control.frame_given();
        assert_eq!(watch(&mut outside, &control).await, Poll::Pending);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(watch(&mut outside, &control).await, Poll::Pending);
        assert!(control.is_late());
        tokio::time::advance(TRAILERS_GRACE).await;
        let cut = Poll::Ready(Cut::Deadline);
        assert_eq!(watch(&mut outside, &control).await, cut);
    }

    #[watertight::test(start_paused = true)]
    async fn each_frame_taken_puts_the_stall_off() {
        let control = control(10 * STALL);
        let mut outside = Watch::default();
        for _ in 0..5 {
            control.frame_wanted();
            control.frame_given();
            assert_eq!(watch(&mut outside, &control).await, Poll::Pending);
            tokio::time::advance(STALL - Duration::from_millis(2)).await;
            assert_eq!(watch(&mut outside, &control).await, Poll::Pending);
        }
        tokio::time::advance(Duration::from_millis(3)).await;
        let cut = Poll::Ready(Cut::WriteStall);
        assert_eq!(watch(&mut outside, &control).await, cut);
    }

    #[watertight::test(start_paused = true)]
    async fn a_cancelled_scope_cuts_what_waits() {
        let control = control(10 * STALL);
        let mut outside = Watch::default();
        control.frame_given();
        assert_eq!(watch(&mut outside, &control).await, Poll::Pending);
        control.scope.cancel();
        let cut = Poll::Ready(Cut::Cancelled);
        assert_eq!(watch(&mut outside, &control).await, cut);
    }
}
