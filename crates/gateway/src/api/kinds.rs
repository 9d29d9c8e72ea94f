//! The kinds of problem that the gateway adds to the chassis', and what each means.

use watertight::{ProblemKind, problems};

macro_rules! kinds {
    ($($name:ident $slug:literal $status:literal $title:literal: $about:literal;)*) => {
        $(
            #[doc = $about]
            pub(super) const $name: ProblemKind = ProblemKind::new($slug, $title, $status);
        )*

        /// The gateway's own kinds, and what callers are told of each.
        pub(super) const OWN: &[(ProblemKind, &str)] = &[$(($name, $about)),*];
    };
}

kinds! {
    UNKNOWN_SKU "unknown-sku" 400 "A line names an unknown SKU":
        "A line of the order names a SKU that the catalogue doesn't have. The order was recorded and rejected; `order_id` names it.";
    MIXED_CURRENCY "mixed-currency" 400 "The lines are in more than one currency":
        "The prices of the lines are in more than one currency, so they have no total. The order was recorded and rejected; `order_id` names it.";
    TOTAL_OVERFLOW "total-overflow" 400 "The total is too large":
        "The total of the lines is more than can be paid. The order was recorded and rejected; `order_id` names it.";
    PAYMENT_DECLINED "payment-declined" 402 "The payment was declined":
        "The payment provider declined the payment. The order is rejected and nothing is owed; place a new one, under a new key, with another payment method.";
    ORDER_NOT_FOUND "order-not-found" 404 "There is no such order":
        "No order has this id: it was never made, or it was deleted when its retention ended.";
    SKU_NOT_FOUND "sku-not-found" 404 "There is no such SKU":
        "The catalogue doesn't have this SKU.";
    PROBLEM_NOT_FOUND "problem-not-found" 404 "There is no such problem type":
        "No problem of this service has this name.";
    OUT_OF_STOCK "out-of-stock" 409 "Out of stock":
        "A line asks for more than is available. The order is rejected and nothing is owed.";
    RESERVATION_LOST "reservation-lost" 409 "The reservation was lost":
        "The reservation ran out before the payment came, and the stock was gone. The order is rejected; what was paid is returned.";
    ORDER_TIMED_OUT "order-timed-out" 409 "The order took too long":
        "Something that the order needs stayed away longer than the order may wait. The order is rejected and nothing is owed; a new one, under a new key, may come through.";
    ORDER_CANCELLED "order-cancelled" 409 "The order was cancelled":
        "The order was cancelled before it was confirmed. Nothing is owed.";
    ORDER_REJECTED "order-rejected" 409 "The order was rejected":
        "The order was rejected, so there is nothing to cancel.";
    CONFLICT "conflict" 409 "Something else was quicker":
        "Another change of the same thing came first and nothing was done. Try again.";
    KEY_REUSED "idempotency-key-reused" 422 "The idempotency key stands for another order":
        "The `Idempotency-Key` was used before with another body. Nothing was done. Use a new key for each order, and the same key only to repeat one.";
    IMPORT_ID_REUSED "import-id-reused" 422 "The import id stands for another body":
        "The `Import-Id` was used before with other rows. Nothing of this step was done; steps acknowledged before it stay. Send the same id only with the same body. After mending a rejected row, send the mended rows alone, under a new id.";
    TOO_MANY_ORDERS "too-many-orders" 429 "Too many orders in flight":
        "As many orders are under way as may be. Nothing was done; try again after `Retry-After`, with the same key.";
    TOO_MANY_STREAMS "too-many-streams" 429 "Too many event streams":
        "As many event streams are open as may be. Try again after `Retry-After`, or read the order now and then.";
    TOO_MANY_IMPORTS "too-many-imports" 429 "Too many imports":
        "As many imports are under way as may be. Try again after `Retry-After`, with the same id.";
    TOO_MANY_REQUESTS "too-many-requests" 429 "Too many requests":
        "The services behind have as much to do as they can. Nothing was done; try again after `Retry-After`.";
    UPSTREAM_FAILED "upstream-failed" 502 "A service behind failed":
        "A service behind the gateway gave an answer that can't be. Quote the trace id to whoever runs the shop.";
    UNAVAILABLE "unavailable" 503 "A service behind can't be reached":
        "A service behind the gateway can't be reached, or can't work now. Nothing was done; try again after `Retry-After`.";
    OUTCOME_UNKNOWN "outcome-unknown" 503 "It is not known whether it was done":
        "A service behind the gateway went away in the midst. It was done or not: repeat the same request, with the same key, and the answer says so.";
}

/// What callers are told of the chassis' kinds.
const ABOUT_CHASSIS: &[(&str, &str)] = &[
    (
        "malformed-request",
        "The request can't be read: it is no JSON, no UTF-8, or it was cut. `line` and `column` say where.",
    ),
    (
        "invalid-request",
        "The request can be read, but something in it is not what is expected; `errors` names each field at fault.",
    ),
    (
        "malformed-timeout",
        "`X-Request-Timeout` is not a number of milliseconds.",
    ),
    ("unauthenticated", "Credentials are missing or wrong."),
    ("forbidden", "This caller may not have it."),
    ("not-found", "There is nothing at this path."),
    (
        "method-not-allowed",
        "There is something at this path, but not for this method. `Allow` names the methods.",
    ),
    (
        "request-timeout",
        "The request did not arrive whole within its time.",
    ),
    (
        "body-too-large",
        "The body is longer than this path takes; `bytes_max` is what it takes.",
    ),
    (
        "unsupported-media-type",
        "The body has another content type or encoding than this path takes.",
    ),
    (
        "headers-too-large",
        "The request has more than 100 header fields.",
    ),
    (
        "internal",
        "A fault of the service's own. Quote the trace id to whoever runs the shop.",
    ),
    (
        "not-implemented",
        "The service doesn't do this at all, such as CONNECT.",
    ),
    (
        "http2-required",
        "gRPC was called over HTTP/1; it needs HTTP/2.",
    ),
    (
        "overloaded",
        "More requests are in flight than the service takes. Nothing was done; try again after a moment.",
    ),
    (
        "shutting-down",
        "This instance is going away. Another one may answer at once.",
    ),
    (
        "deadline-exceeded",
        "The request's deadline came before the answer. Whether it was done is unknown: repeat the same request, with the same key, and the answer says so.",
    ),
];

/// All kinds with what callers are told of each, by status.
pub(super) fn all() -> Vec<(ProblemKind, &'static str)> {
    let told = |slug| ABOUT_CHASSIS.iter().find(|(known, _)| *known == slug);
    let chassis = problems::ALL
        .iter()
        .map(|kind| (*kind, told(kind.slug).map_or("", |(_, about)| *about)));
    let mut all: Vec<_> = chassis.chain(OWN.iter().copied()).collect();
    all.sort_by_key(|(kind, _)| (kind.status, kind.slug));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_a_text() {
        let all = all();
        for (i, (kind, about)) in all.iter().enumerate() {
            assert!(!about.is_empty(), "{} has no text", kind.slug);
            let twins = all[..i].iter().any(|(other, _)| other.slug == kind.slug);
            assert!(!twins, "{} stands twice", kind.slug);
        }
    }
}
