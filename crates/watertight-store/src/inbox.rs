//! The writer's end of the queue.
//!
//! A thread that waits on a tokio channel *with a timeout*, without a runtime:
//! `blocking_recv` has none, so the channel is polled with a waker that
//! unparks the thread.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::command::Job;

/// What travels through the queue.
pub(crate) enum Message {
    /// A command.
    Run(Box<dyn Job>),
    /// Take nothing new, finish what is queued.
    Close,
}

/// What the writer does next.
pub(crate) enum Next {
    /// Run this, and what else has queued up.
    Run(Box<dyn Job>),
    /// Nothing came in time.
    Idle,
    /// Closed and drained.
    End,
}

/// The queue as the writer sees it.
pub(crate) struct Inbox {
    queue: mpsc::Receiver<Message>,
    waker: Waker,
}

impl Inbox {
    /// For the current thread, the only one that may wait on it.
    pub(crate) fn new(queue: mpsc::Receiver<Message>) -> Self {
        Self {
            queue,
            waker: Waker::from(Arc::new(Unpark(std::thread::current()))),
        }
    }

    /// Waits for a command, `idle` at most.
    pub(crate) fn next(&mut self, idle: Duration) -> Next {
        let until = Instant::now() + idle;
        loop {
            match self.queue.poll_recv(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(Some(Message::Run(job))) => return Next::Run(job),
                Poll::Ready(Some(Message::Close)) => self.queue.close(),
                Poll::Ready(None) => return Next::End,
                Poll::Pending => match until.checked_duration_since(Instant::now()) {
                    None => return Next::Idle,
                    Some(left) => std::thread::park_timeout(left),
                },
            }
        }
    }

    /// Adds to `first` what has queued up meanwhile, `max` commands in all.
    pub(crate) fn drain(&mut self, first: Box<dyn Job>, max: usize) -> Vec<Box<dyn Job>> {
        let mut jobs = vec![first];
        while jobs.len() < max {
            match self.queue.try_recv() {
                Ok(Message::Run(job)) => jobs.push(job),
                Ok(Message::Close) => self.queue.close(),
                Err(_empty_or_closed) => break,
            }
        }
        jobs
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
