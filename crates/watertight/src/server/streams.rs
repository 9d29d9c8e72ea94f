//! Where HTTP/2 streams run, and what ends them from outside.

use super::Shared;
use super::control::{Control, Watch};
use super::link::Link;
use crate::series::STREAMS_CUT;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

/// The executor of one connection.
///
/// A stream is a task of its own, but belongs to its connection: when that is
/// dropped, so is its handler. Whose work it does, its request's scope says,
/// which is a child of the server's; and since it is the one that ends that
/// scope, and answers after that, the scope doesn't end it.
#[derive(Clone, Debug)]
pub(super) struct StreamExec {
    shared: Arc<Shared>,
    link: Arc<Link>,
    stall: Duration,
}

impl StreamExec {
    pub(super) fn new(shared: Arc<Shared>, link: Arc<Link>, stall: Duration) -> Self {
        Self {
            shared,
            link,
            stall,
        }
    }
}

impl<F> hyper::rt::Executor<F> for StreamExec
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, fut: F) {
        let control = self.link.take();
        let owner = control
            .as_ref()
            .map_or(&self.shared.requests, |control| &control.scope);
        let owner = owner.clone();
        let stream = Stream {
            fut: Some(fut),
            control,
            watch: None,
            stall: self.stall,
            _counted: Counted::new(&self.link),
        };
        owner.spawn_driver("request", stream);
    }
}

#[derive(Debug)]
struct Counted(Arc<Link>);

impl Counted {
    fn new(link: &Arc<Link>) -> Self {
        link.streams.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(link))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project_lite::pin_project! {
    /// Runs a stream until it is done or has to be cut off; dropping hyper's
    /// future resets it.
    struct Stream<F> {
        #[pin]
        fut: Option<F>,
        control: Option<Arc<Control>>,
        // Made when the stream first waits for its peer.
        watch: Option<Box<Watch>>,
        stall: Duration,
        _counted: Counted,
    }
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(fut) = this.fut.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        if fut.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(control) = this.control else {
            return Poll::Pending;
        };
        if this.watch.is_none() && !control.is_waiting() {
            return Poll::Pending;
        }
        let watch = this.watch.get_or_insert_with(Box::default);
        let cut = std::task::ready!(watch.poll(control, *this.stall, cx));
        STREAMS_CUT.with([cut.reason()]).increment(1);
        this.fut.set(None);
        Poll::Ready(())
    }
}
