//! Panics as log lines.

use crate::series::PANICS;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::sync::Once;

static INSTALL: Once = Once::new();

/// Replaces the default hook, which writes plain text to stderr, by one that
/// logs message, place and thread, and the stack if `RUST_BACKTRACE` asks for it.
pub(super) fn install() {
    INSTALL.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or("?");
            let backtrace = Backtrace::capture();
            let captured = backtrace.status() == BacktraceStatus::Captured;
            tracing::error!(
                panic = info.payload_as_str().unwrap_or("(no message)"),
                location = info.location().map(tracing::field::display),
                thread,
                backtrace = captured.then(|| tracing::field::display(&backtrace)),
                "panic"
            );
            PANICS.get().increment(1);
            // Whether anything catches it nobody knows here. The line is on its way;
            // where the process may end with the hook it is waited for.
            if cfg!(panic = "abort") || thread == "main" {
                super::flush();
            }
        }));
    });
}
