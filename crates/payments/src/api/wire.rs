//! Payments go onto the wire.

use shop_proto::{convert::timestamp, payments};

use crate::domain::{Payment, State};

/// A payment as callers see it. The payment method stays here.
pub(super) fn payment(p: &Payment) -> payments::Payment {
    payments::Payment {
        order_id: p.order.to_string(),
        state: state(p.state).into(),
        amount: p.amount.map(Into::into),
        captured: p.captured,
        refunded: p.refunded,
        discrepancies: p.discrepancies,
        create_time: Some(timestamp(p.created_ms)),
        update_time: Some(timestamp(p.updated_ms)),
    }
}

fn state(state: State) -> payments::PaymentState {
    use payments::PaymentState as Wire;
    match state {
        State::Authorizing => Wire::Authorizing,
        State::Authorized => Wire::Authorized,
        State::Declined => Wire::Declined,
        State::Capturing => Wire::Capturing,
        State::Captured => Wire::Captured,
        State::Voiding => Wire::Voiding,
        State::Voided => Wire::Voided,
        State::Refunding => Wire::Refunding,
        State::Refunded => Wire::Refunded,
    }
}
