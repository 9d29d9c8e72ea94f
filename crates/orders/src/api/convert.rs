//! Orders as the wire has them.

use shop_proto::common::Money;
use shop_proto::convert::timestamp;
use shop_proto::orders as wire;

use crate::model::{Line, Order, Reason, State};

pub(super) fn order(order: &Order) -> wire::Order {
    // What it goes back for is nobody's business before the end: it may yet
    // turn out otherwise.
    let rejection = order
        .rejection
        .as_ref()
        .filter(|_| order.state == State::Rejected);
    wire::Order {
        id: order.id.to_string(),
        customer_id: order.customer.as_str().to_owned(),
        status: status(order.state).into(),
        saga_state: saga_state(order.state).into(),
        lines: order.lines.iter().map(line).collect(),
        total: order.total.map(Money::from),
        rejection_reason: rejection.map_or(0, |why| reason(why.reason).into()),
        rejection_detail: rejection.map_or_else(String::new, |why| why.detail.to_string()),
        create_time: Some(timestamp(order.created_ms)),
        update_time: Some(timestamp(order.updated_ms)),
        version: order.version,
    }
}

fn line(line: &Line) -> wire::PricedLine {
    wire::PricedLine {
        sku: line.sku.as_str().to_owned(),
        quantity: line.quantity.get(),
        unit_price: line.unit_price.map(Money::from),
    }
}

fn status(state: State) -> wire::OrderStatus {
    match state {
        State::Confirmed => wire::OrderStatus::Confirmed,
        State::Rejected => wire::OrderStatus::Rejected,
        State::Cancelled => wire::OrderStatus::Cancelled,
        State::Recorded
        | State::Reserved
        | State::Authorized
        | State::Captured
        | State::Refunding
        | State::Voiding
        | State::Releasing => wire::OrderStatus::Pending,
    }
}

fn saga_state(state: State) -> wire::SagaState {
    match state {
        State::Recorded => wire::SagaState::Recorded,
        State::Reserved => wire::SagaState::Reserved,
        State::Authorized => wire::SagaState::Authorized,
        State::Captured => wire::SagaState::Captured,
        State::Confirmed => wire::SagaState::Confirmed,
        State::Refunding => wire::SagaState::Refunding,
        State::Voiding => wire::SagaState::Voiding,
        State::Releasing => wire::SagaState::Releasing,
        State::Rejected => wire::SagaState::Rejected,
        State::Cancelled => wire::SagaState::Cancelled,
    }
}

fn reason(reason: Reason) -> wire::RejectionReason {
    match reason {
        Reason::OutOfStock => wire::RejectionReason::OutOfStock,
        Reason::PaymentDeclined => wire::RejectionReason::PaymentDeclined,
        Reason::UnknownSku => wire::RejectionReason::UnknownSku,
        Reason::MixedCurrency => wire::RejectionReason::MixedCurrency,
        Reason::TotalOverflow => wire::RejectionReason::TotalOverflow,
        Reason::TimedOut => wire::RejectionReason::TimedOut,
        Reason::ReservationLost => wire::RejectionReason::ReservationLost,
    }
}
