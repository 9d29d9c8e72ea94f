//! Something else that wants to see each poll, such as a profiler.

use crate::task::Entry;
use crate::{Scope, TaskView};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

/// Sees each poll of each task, and each poll of a [`crate::branch`].
///
/// A profiler puts its labels in place before `poll` and takes them back
/// afterwards, or hands the task a waker that looks where it is cloned. This
/// crate has no unsafe code; whoever implements the hook may.
pub trait PollHook: Send + Sync + 'static {
    /// Must call `poll` exactly once, with `cx` or with a context whose waker
    /// holds a clone of that of `cx` for as long as it lives, and wakes it: a
    /// waker that nobody seems to have makes a task look dead. `poll` may panic;
    /// unwinding goes through here.
    fn task(&self, task: &TaskView, cx: &mut Context<'_>, poll: &mut dyn FnMut(&mut Context<'_>));

    /// The same for one of several futures that a task waits for at once.
    fn branch(
        &self,
        name: &'static str,
        cx: &mut Context<'_>,
        poll: &mut dyn FnMut(&mut Context<'_>),
    );
}

static HOOK: OnceLock<Box<dyn PollHook>> = OnceLock::new();

/// Installs the process' hook, for all polls from now on.
///
/// # Errors
///
/// Gives the hook back if there is one already.
pub fn set_poll_hook(hook: Box<dyn PollHook>) -> Result<(), Box<dyn PollHook>> {
    HOOK.set(hook)
}

/// What the hook will see of the task; nothing if there is none.
#[inline]
pub(crate) fn view(entry: &Entry, scope: &Scope) -> Option<TaskView> {
    HOOK.get().map(|_hook| TaskView::of(entry, scope))
}

/// Polls the future of a task.
#[inline]
pub(crate) fn poll<F: Future>(
    task: Option<&TaskView>,
    fut: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    match (task, HOOK.get()) {
        (Some(task), Some(hook)) => through(fut, |poll| hook.task(task, cx, poll)),
        _ => fut.poll(cx),
    }
}

/// Polls a branch.
pub(crate) fn poll_branch<F: Future>(
    name: &'static str,
    fut: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    match HOOK.get() {
        None => fut.poll(cx),
        Some(hook) => through(fut, |poll| hook.branch(name, cx, poll)),
    }
}

fn through<F: Future>(
    mut fut: Pin<&mut F>,
    call: impl FnOnce(&mut dyn FnMut(&mut Context<'_>)),
) -> Poll<F::Output> {
    let mut out = Poll::Pending;
    call(&mut |cx| {
        // A result is there to stay, whatever the hook does.
        if out.is_pending() {
            out = fut.as_mut().poll(cx);
        }
    });
    out
}
