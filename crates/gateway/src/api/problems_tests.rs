//! The table against the contract in `proto/`.

use super::*;

/// Reasons of methods that the gateway doesn't call.
const ELSEWHERE: &[&str] = &[
    "OUT_OF_STOCK",
    "RESERVATION_CLOSED",
    "RESERVATION_MISMATCH",
    "RESERVATION_LOST",
    "TOO_MANY_PIECES",
    "RECEIPT_ID_REUSED",
];

/// Words in capitals of the services' comments that are no reasons.
fn is_no_reason(word: &str) -> bool {
    let codes = [
        "INVALID_ARGUMENT",
        "UNAVAILABLE",
        "ABORTED",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "ALREADY_EXISTS",
        "RESOURCE_EXHAUSTED",
        "NOT_FOUND",
        "FAILED_PRECONDITION",
        "CONFIRMED",
        "REJECTED",
        "CANCELLED",
        "PENDING",
    ];
    codes.contains(&word) || !word.contains('_') && word != "CONFLICT"
}

/// The comments of a service and of its methods.
fn service_comments(proto: &str) -> String {
    let upto = proto
        .find("\nenum ")
        .into_iter()
        .chain(proto.find("\nmessage "));
    let end = upto.min().unwrap_or(proto.len());
    let comments = proto[..end]
        .lines()
        .filter(|line| line.trim().starts_with("//"));
    comments.collect::<Vec<_>>().join(" ")
}

fn failure(code: Code, reason: Option<&str>) -> Failure {
    Failure {
        code,
        reason: reason.map(str::to_owned),
        violations: Vec::new(),
        retry_after: None,
        order_id: None,
    }
}

#[test]
fn every_reason_of_the_contract_has_a_problem() {
    let protos = [
        include_str!("../../../../proto/shop/orders/v1/orders.proto"),
        include_str!("../../../../proto/shop/inventory/v1/inventory.proto"),
    ];
    let mut seen = 0;
    for proto in protos {
        let comments = service_comments(proto);
        let words = comments.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        for word in words.filter(|word| word.len() > 3 && !is_no_reason(word)) {
            let known = REASONS.iter().any(|(reason, _)| *reason == word);
            assert!(known || ELSEWHERE.contains(&word), "{word} has no problem");
            seen += 1;
        }
    }
    assert!(seen > REASONS.len(), "the comments were not read");
}

#[test]
fn every_rejection_has_an_answer() {
    for n in 0.. {
        let Ok(reason) = RejectionReason::try_from(n) else {
            break;
        };
        let expected = match reason {
            RejectionReason::PaymentDeclined => 402,
            RejectionReason::UnknownSku
            | RejectionReason::MixedCurrency
            | RejectionReason::TotalOverflow => 400,
            RejectionReason::Unspecified
            | RejectionReason::OutOfStock
            | RejectionReason::TimedOut
            | RejectionReason::ReservationLost => 409,
        };
        assert_eq!(rejected(reason).status, expected, "{reason:?}");
    }
}

#[test]
fn statuses_of_writes() {
    for (code, reason, status, again) in [
        (Code::InvalidArgument, Some("INVALID_REQUEST"), 400, false),
        (Code::InvalidArgument, Some("UNKNOWN_SKU"), 400, false),
        (
            Code::AlreadyExists,
            Some("IDEMPOTENCY_KEY_REUSED"),
            422,
            false,
        ),
        (Code::AlreadyExists, Some("IMPORT_ID_REUSED"), 422, false),
        (Code::NotFound, Some("ORDER_NOT_FOUND"), 404, false),
        (Code::FailedPrecondition, Some("ORDER_REJECTED"), 409, false),
        (
            Code::ResourceExhausted,
            Some("TOO_MANY_ORDERS_IN_FLIGHT"),
            429,
            true,
        ),
        (
            Code::ResourceExhausted,
            Some("TOO_MANY_WATCHERS"),
            429,
            true,
        ),
        (Code::ResourceExhausted, None, 429, true),
        (Code::Aborted, Some("CONFLICT"), 409, true),
        (Code::Unavailable, Some("STORE_BUSY"), 503, true),
        (Code::Unavailable, Some("OUTCOME_UNKNOWN"), 503, true),
        (Code::Unavailable, Some("SHUTTING_DOWN"), 503, true),
        (Code::Unavailable, None, 503, true),
        (Code::DeadlineExceeded, Some("DEADLINE_PASSED"), 504, false),
        (Code::DeadlineExceeded, None, 504, false),
        (Code::DataLoss, Some("STORE_CORRUPT"), 502, false),
        (Code::Internal, None, 502, false),
        (Code::NotFound, None, 502, false),
        (Code::Unknown, Some("NEVER_HEARD_OF"), 502, false),
    ] {
        let kind = kind_of(Kind::Write, &failure(code, reason));
        assert_eq!(kind.status, status, "{code:?} {reason:?}");
        assert_eq!(is_worth_another_try(kind), again, "{code:?} {reason:?}");
    }
}

#[test]
fn only_a_write_can_be_in_doubt() {
    let gone = failure(Code::Unavailable, None);
    assert_eq!(kind_of(Kind::Write, &gone), kinds::OUTCOME_UNKNOWN);
    assert_eq!(kind_of(Kind::Read, &gone), kinds::UNAVAILABLE);
    for kind in [kinds::OUTCOME_UNKNOWN, problems::DEADLINE_EXCEEDED] {
        let told = detail(Kind::Write, kind).unwrap();
        assert!(
            told.contains("unknown") && told.contains("same key"),
            "{told}"
        );
    }
}

#[test]
fn fields_have_their_http_names() {
    let mut invalid = failure(Code::InvalidArgument, Some("INVALID_REQUEST"));
    let fields = ["idempotency_key", "lines[2].sku", "page_token", "order_id"];
    invalid.violations = fields
        .map(|field| crate::clients::Violation {
            field: field.to_owned(),
            why: "bad".to_owned(),
        })
        .into();
    let json = serde_json::to_value(refused(Kind::Write, invalid)).unwrap();
    let named: Vec<_> = json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["field"])
        .collect();
    assert_eq!(named, ["Idempotency-Key", "lines[2].sku", "cursor", "id"]);
}
