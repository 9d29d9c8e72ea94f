//! Words for metrics, and the names of the crash points.

use crate::domain::{State, What};

/// What is asked, for metrics.
pub(super) fn ask(what: &What) -> &'static str {
    match what {
        What::Authorize { .. } => "authorize",
        What::Capture => "capture",
        What::Void => "void",
        What::Refund => "refund",
    }
}

/// The crash point between an intent on the disk and its call.
pub(super) fn intent_written(state: State) -> &'static str {
    match state {
        State::Authorizing | State::Authorized | State::Declined => "payments.authorize.intent",
        State::Capturing => "payments.capture.intent",
        State::Voiding | State::Voided => "payments.void.intent",
        State::Captured | State::Refunding | State::Refunded => "payments.refund.intent",
    }
}

/// The crash point between the provider's answer and the disk.
pub(super) fn replied(state: State) -> &'static str {
    match state {
        State::Authorizing | State::Authorized | State::Declined => "payments.authorize.replied",
        State::Capturing => "payments.capture.replied",
        State::Voiding | State::Voided => "payments.void.replied",
        State::Captured | State::Refunding | State::Refunded => "payments.refund.replied",
    }
}
