//! From what the services behind answer to what callers get: one table.

use std::time::Duration;

use http::{HeaderValue, header};
use shop_proto::orders::{Order, OrderStatus, RejectionReason};
use tonic::Code;
use watertight::{Problem, ProblemKind, problems};

use super::{dto, kinds};
use crate::clients::Failure;

/// When to come back if the upstream didn't say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Whether a request changes something, so that it matters whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only reads: trying again is all there is to say.
    Read,
    /// It changes something, once per key or id.
    Write,
}

/// Every reason that the services' contract names and that can come this way.
const REASONS: &[(&str, ProblemKind)] = &[
    ("INVALID_REQUEST", problems::INVALID_REQUEST),
    ("UNKNOWN_SKU", kinds::UNKNOWN_SKU),
    ("MIXED_CURRENCY", kinds::MIXED_CURRENCY),
    ("TOTAL_OVERFLOW", kinds::TOTAL_OVERFLOW),
    ("IDEMPOTENCY_KEY_REUSED", kinds::KEY_REUSED),
    ("IMPORT_ID_REUSED", kinds::IMPORT_ID_REUSED),
    ("ORDER_NOT_FOUND", kinds::ORDER_NOT_FOUND),
    ("ORDER_REJECTED", kinds::ORDER_REJECTED),
    ("SKU_NOT_FOUND", kinds::SKU_NOT_FOUND),
    ("TOO_MANY_ORDERS_IN_FLIGHT", kinds::TOO_MANY_ORDERS),
    ("TOO_MANY_WATCHERS", kinds::TOO_MANY_STREAMS),
    ("STORE_BUSY", kinds::UNAVAILABLE),
    ("STORE_UNAVAILABLE", kinds::UNAVAILABLE),
    ("OUTCOME_UNKNOWN", kinds::OUTCOME_UNKNOWN),
    ("SHUTTING_DOWN", kinds::OUTCOME_UNKNOWN),
    ("DEADLINE_PASSED", problems::DEADLINE_EXCEEDED),
    ("CONFLICT", kinds::CONFLICT),
    ("STORE_CORRUPT", kinds::UPSTREAM_FAILED),
];

/// What an error without a reason means: the transport made it.
fn by_code(code: Code) -> ProblemKind {
    match code {
        // The connection broke, or never was: nobody knows how far it came.
        Code::Unavailable | Code::Cancelled => kinds::OUTCOME_UNKNOWN,
        Code::DeadlineExceeded => problems::DEADLINE_EXCEEDED,
        Code::ResourceExhausted => kinds::TOO_MANY_REQUESTS,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => kinds::UPSTREAM_FAILED,
    }
}

fn kind_of(kind: Kind, failure: &Failure) -> ProblemKind {
    let reason = failure.reason.as_deref();
    let known = reason.and_then(|reason| REASONS.iter().find(|(known, _)| *known == reason));
    let found = known.map_or_else(|| by_code(failure.code), |(_, found)| *found);
    // Of a reader's request there is nothing that could have been done.
    if kind == Kind::Read && found == kinds::OUTCOME_UNKNOWN {
        return kinds::UNAVAILABLE;
    }
    found
}

/// The answer to a request that a service behind refused.
pub(super) fn refused(kind: Kind, failure: Failure) -> Problem {
    let found = kind_of(kind, &failure);
    let mut problem = Problem::new(&found);
    if let Some(detail) = detail(kind, found) {
        problem = problem.detail(detail);
    }
    if let Some(reason) = failure.reason {
        problem = problem.with("reason", reason);
    }
    for violation in failure.violations {
        problem = problem.field(json_name(violation.field), violation.why);
    }
    if let Some(id) = failure.order_id {
        problem = located(problem, &id).with("order_id", id);
    }
    if is_worth_another_try(found) {
        problem = problem.retry_after(failure.retry_after.unwrap_or(RETRY_AFTER));
    }
    problem
}

/// What to do about it, where the title doesn't say it.
fn detail(kind: Kind, found: ProblemKind) -> Option<&'static str> {
    let is_late = found == problems::DEADLINE_EXCEEDED;
    match kind {
        Kind::Write if is_late || found == kinds::OUTCOME_UNKNOWN => Some(
            "The outcome is unknown: it was done, is being done, or was not. Repeat the same \
             request with the same key to find out; nothing is done twice.",
        ),
        Kind::Read if is_late => Some("Nothing was changed. Try again with more time."),
        Kind::Read | Kind::Write => {
            let own = kinds::OWN.iter().find(|(own, _)| *own == found);
            own.map(|(_, about)| *about)
        }
    }
}

fn is_worth_another_try(found: ProblemKind) -> bool {
    matches!(found.status.as_u16(), 429 | 503) || found == kinds::CONFLICT
}

/// Fields of the gRPC messages that have other names over HTTP.
fn json_name(field: String) -> String {
    match field.as_str() {
        "idempotency_key" => "Idempotency-Key".to_owned(),
        "import_id" => "Import-Id".to_owned(),
        "order_id" => "id".to_owned(),
        "page_size" => "limit".to_owned(),
        "page_token" => "cursor".to_owned(),
        _ => field,
    }
}

fn located(problem: Problem, order_id: &str) -> Problem {
    match HeaderValue::try_from(dto::order_path(order_id)) {
        Ok(value) => problem.header(header::LOCATION, value),
        Err(_not_a_header) => problem,
    }
}

/// Where an order that was placed stands, as far as the answer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It came about.
    Confirmed,
    /// It is under way.
    Pending,
    /// It came to another end.
    Failed(ProblemKind),
}

impl Placed {
    /// What an order's first end means to whoever placed it.
    pub(super) fn of(order: &Order) -> Self {
        match order.status() {
            OrderStatus::Confirmed => Self::Confirmed,
            OrderStatus::Pending => Self::Pending,
            OrderStatus::Cancelled => Self::Failed(kinds::ORDER_CANCELLED),
            OrderStatus::Rejected => Self::Failed(rejected(order.rejection_reason())),
            OrderStatus::Unspecified => Self::Failed(kinds::UPSTREAM_FAILED),
        }
    }
}

fn rejected(reason: RejectionReason) -> ProblemKind {
    match reason {
        RejectionReason::PaymentDeclined => kinds::PAYMENT_DECLINED,
        RejectionReason::OutOfStock => kinds::OUT_OF_STOCK,
        RejectionReason::ReservationLost => kinds::RESERVATION_LOST,
        RejectionReason::TimedOut => kinds::ORDER_TIMED_OUT,
        RejectionReason::UnknownSku => kinds::UNKNOWN_SKU,
        RejectionReason::MixedCurrency => kinds::MIXED_CURRENCY,
        RejectionReason::TotalOverflow => kinds::TOTAL_OVERFLOW,
        RejectionReason::Unspecified => kinds::ORDER_REJECTED,
    }
}

/// The answer with an order that came to another end than it was placed for.
pub(super) fn failed(kind: ProblemKind, order: dto::Order) -> Problem {
    let mut problem = located(Problem::new(&kind), &order.id);
    if let Some(detail) = detail(Kind::Write, kind) {
        problem = problem.detail(detail);
    }
    let reason = order.rejection.as_ref().map(|why| why.reason);
    let reason = reason.unwrap_or(order.status);
    problem
        .with("reason", reason)
        .with("order", serde_json::to_value(order).unwrap_or_default())
}

#[cfg(test)]
#[path = "problems_tests.rs"]
mod tests;
