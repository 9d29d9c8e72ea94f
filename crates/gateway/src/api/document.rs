//! The OpenAPI document, made from the handlers and from the kinds of problems.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{IntoResponses, OpenApi};
use watertight::{ProblemKind, problems};

use super::{dto, kinds};

/// What stands above the operations.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Shop",
        description = "Orders, stock, imports and events of the shop. Errors are problem documents \
            (RFC 9457) whose `type` never changes; the same key or id makes a repeat harmless.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "orders", description = "Place, read, cancel and watch orders."),
        (name = "stock", description = "What there is."),
        (name = "catalog", description = "Bring goods in."),
        (name = "about", description = "What this service is.")
    ),
    components(schemas(dto::Problem))
)]
pub(super) struct Document;

/// The document as it is served.
pub(crate) fn openapi_json() -> String {
    let mut document = super::routes().into_openapi();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.delete] {
            let parameters = operation.iter_mut().flat_map(|it| &mut it.parameters);
            parameters.flatten().for_each(as_text);
        }
    }
    // Plain data with text for keys can always be written.
    document.to_pretty_json().unwrap_or_default()
}

/// A header or a parameter is there or it isn't; `Option` makes it `null`.
fn as_text(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else {
        return;
    };
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else {
        return;
    };
    if let SchemaType::Array(types) = &mut schema.schema_type {
        types.retain(|kind| *kind != Type::Null);
    }
    // However much is asked for is cut down to what there is, not refused.
    if parameter.name == "X-Request-Timeout" {
        schema.format = None;
        schema.minimum = Some(1.into());
    }
}

/// What any operation may answer.
const ANY: &[ProblemKind] = &[
    problems::MALFORMED_TIMEOUT,
    problems::INTERNAL,
    problems::OVERLOADED,
    problems::SHUTTING_DOWN,
    problems::DEADLINE_EXCEEDED,
];

/// What any operation may answer that calls a service behind.
const UPSTREAM: &[ProblemKind] = &[
    problems::INVALID_REQUEST,
    kinds::TOO_MANY_REQUESTS,
    kinds::UPSTREAM_FAILED,
    kinds::UNAVAILABLE,
];

/// What any operation with a body may answer.
const BODY: &[ProblemKind] = &[
    problems::MALFORMED_REQUEST,
    problems::REQUEST_TIMEOUT,
    problems::BODY_TOO_LARGE,
    problems::UNSUPPORTED_MEDIA_TYPE,
];

macro_rules! problem_responses {
    ($($(#[$doc:meta])* $name:ident: [$($shared:expr),*], [$($kind:expr),* $(,)?];)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let shared: &[&[ProblemKind]] = &[ANY, $($shared),*];
                responses(shared.concat().into_iter().chain([$($kind),*]))
            }
        }
    )*};
}

problem_responses! {
    /// Of placing an order.
    PlaceProblems: [UPSTREAM, BODY], [
        kinds::UNKNOWN_SKU, kinds::MIXED_CURRENCY, kinds::TOTAL_OVERFLOW, kinds::PAYMENT_DECLINED,
        kinds::OUT_OF_STOCK, kinds::RESERVATION_LOST, kinds::ORDER_TIMED_OUT, kinds::ORDER_CANCELLED,
        kinds::ORDER_REJECTED, kinds::CONFLICT, kinds::KEY_REUSED, kinds::TOO_MANY_ORDERS,
        kinds::OUTCOME_UNKNOWN,
    ];
    /// Of reading an order.
    OrderProblems: [UPSTREAM], [kinds::ORDER_NOT_FOUND];
    /// Of listing orders.
    ListProblems: [UPSTREAM], [problems::MALFORMED_REQUEST];
    /// Of cancelling an order.
    CancelProblems: [UPSTREAM], [
        kinds::ORDER_NOT_FOUND, kinds::ORDER_REJECTED, kinds::CONFLICT, kinds::TOO_MANY_ORDERS,
        kinds::OUTCOME_UNKNOWN,
    ];
    /// Of watching an order.
    WatchProblems: [UPSTREAM], [kinds::ORDER_NOT_FOUND, kinds::TOO_MANY_STREAMS];
    /// Of reading stock.
    StockProblems: [UPSTREAM], [kinds::SKU_NOT_FOUND];
    /// Of an import, before its first acknowledgment.
    ImportProblems: [UPSTREAM, BODY], [
        kinds::TOO_MANY_IMPORTS, kinds::CONFLICT, kinds::IMPORT_ID_REUSED, kinds::OUTCOME_UNKNOWN,
    ];
    /// Of what needs no service behind.
    AboutProblems: [], [];
    /// Of what may be asked for by a wrong name.
    AboutNotFound: [], [problems::NOT_FOUND, kinds::PROBLEM_NOT_FOUND];
}

/// One response for each status, with an example of each kind.
fn responses(all: impl Iterator<Item = ProblemKind>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<ProblemKind>>::new();
    for kind in all {
        let kinds = by_status.entry(kind.status.as_u16()).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let named = by_status.into_iter();
    named
        .map(|(status, kinds)| (status.to_string(), RefOr::T(response(status, &kinds))))
        .collect()
}

fn response(status: u16, kinds: &[ProblemKind]) -> Response {
    let titles: Vec<_> = kinds
        .iter()
        .map(|kind| format!("{} (`{}`)", kind.title, kind.slug))
        .collect();
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    for kind in kinds {
        let value = serde_json::json!({
            "type": kind.uri(),
            "title": kind.title,
            "status": status,
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        });
        let example = utoipa::openapi::example::ExampleBuilder::new()
            .summary(kind.title)
            .value(Some(value));
        content = content.examples_from_iter([(kind.slug, example.build())]);
    }
    let mut response = ResponseBuilder::new()
        .description(titles.join("; "))
        .content("application/problem+json", content.build())
        .header(
            "X-Trace-Id",
            header(Type::String, "Names the request in the logs."),
        );
    if matches!(status, 429 | 503) {
        let seconds = header(Type::Integer, "Seconds after which to try again.");
        response = response.header("Retry-After", seconds);
    }
    response.build()
}

fn header(kind: Type, description: &str) -> utoipa::openapi::header::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
        .description(Some(description))
        .build()
}
