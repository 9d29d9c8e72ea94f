//! What this service is: the document, the page that shows it, the problems.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use watertight::axum::body::Body;
use watertight::axum::response::{IntoResponse, Response};
use watertight::extract::{Json, Path};
use watertight::{Problem, ProblemKind, problems};

use super::document::{AboutNotFound, AboutProblems};
use super::headers::IfNoneMatch;
use super::{document, kinds};

/// What the pages may do: load what comes from here, and no more.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const HTML: &str = "text/html; charset=utf-8";

const PAGE: &str = include_str!("../../assets/docs.html");
const SCRIPT: &str = include_str!("../../assets/docs.js");
const STYLE: &str = include_str!("../../assets/docs.css");

/// A document that is made once, with its tag.
struct Made {
    json: Bytes,
    tag: String,
}

static OPENAPI: LazyLock<Made> = LazyLock::new(|| {
    let json = document::openapi_json();
    let digest = Sha256::digest(json.as_bytes());
    let hex: String = digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Made {
        tag: format!("W/\"{hex}\""),
        json: json.into(),
    }
});

/// A kind of problem.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/out-of-stock", "title": "Out of stock", "status": 409,
    "description": "A line asks for more than is available. The order is rejected and nothing is owed."
}))]
pub(super) struct ProblemType {
    /// What stands in the `type` of its problem documents.
    #[serde(rename = "type")]
    kind: String,
    /// What kind of problem it is.
    title: String,
    /// The HTTP status it comes with.
    status: u16,
    /// When it comes, and what to do about it.
    description: String,
}

/// Where to begin
#[utoipa::path(
    get, path = "/", tag = "about",
    responses((status = 200, description = "Where the documentation is; a page for browsers.", body = Object), AboutProblems)
)]
pub(super) async fn index(headers: HeaderMap) -> Response {
    if wants_html(&headers) {
        let list = "<ul><li><a href=\"/docs\">Documentation</a>\
            <li><a href=\"/openapi.json\">OpenAPI document</a>\
            <li><a href=\"/problems\">Problem types</a></ul>";
        return varied(page("Shop", list));
    }
    let links = json!({
        "name": "shop gateway", "documentation": "/docs",
        "openapi": "/openapi.json", "problems": "/problems",
    });
    varied(Json(links).into_response())
}

/// The OpenAPI document
#[utoipa::path(
    get, path = "/openapi.json", tag = "about",
    responses(
        (status = 200, description = "This document.", body = Object),
        (status = 304, description = "The reader has it."),
        AboutProblems
    )
)]
pub(super) async fn openapi(known: IfNoneMatch) -> Response {
    let made = &*OPENAPI;
    let body = (
        [(header::CONTENT_TYPE, "application/json")],
        made.json.clone(),
    );
    known.answer(&made.tag, body)
}

/// The documentation as a page
#[utoipa::path(
    get, path = "/docs", tag = "about",
    responses((status = 200, description = "A page for people.", body = String, content_type = "text/html"), AboutProblems)
)]
pub(super) async fn docs() -> Response {
    html(PAGE.to_owned())
}

/// A part of the page
#[utoipa::path(
    get, path = "/docs/{asset}", tag = "about",
    params(("asset" = String, Path, description = "`docs.js` or `docs.css`.")),
    responses(
        (status = 200, description = "The part.", body = String, content_type = "text/plain"),
        AboutNotFound, AboutProblems
    )
)]
pub(super) async fn docs_asset(Path(asset): Path<String>) -> Result<Response, Problem> {
    let (kind, text) = match asset.as_str() {
        "docs.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "docs.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Err(Problem::new(&problems::NOT_FOUND)),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, text).into_response())
}

/// All problem types
#[utoipa::path(
    get, path = "/problems", tag = "about",
    responses((status = 200, description = "The types, by status; a page for browsers.", body = [ProblemType]), AboutProblems)
)]
pub(super) async fn problems(headers: HeaderMap) -> Response {
    let all = kinds::all();
    if !wants_html(&headers) {
        let all: Vec<_> = all.into_iter().map(told).collect();
        return varied(Json(all).into_response());
    }
    let entries = all.iter().map(|(kind, _)| {
        let (status, uri) = (kind.status.as_u16(), kind.uri());
        format!("<li><a href=\"{uri}\">{status} {}</a>", escaped(kind.title))
    });
    let list: String = entries.collect();
    varied(page("Problem types", &format!("<ul>{list}</ul>")))
}

/// One problem type
#[utoipa::path(
    get, path = "/problems/{slug}", tag = "about",
    params(("slug" = String, Path, description = "The last part of a problem's `type`.")),
    responses(
        (status = 200, description = "When it comes and what to do about it; a page for browsers.", body = ProblemType),
        AboutNotFound, AboutProblems
    )
)]
pub(super) async fn problem(
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = kinds::all().into_iter().find(|(kind, _)| kind.slug == slug);
    let (kind, about) = found.ok_or_else(|| Problem::new(&kinds::PROBLEM_NOT_FOUND))?;
    if !wants_html(&headers) {
        return Ok(varied(Json(told((kind, about))).into_response()));
    }
    let title = format!("{} {}", kind.status.as_u16(), kind.title);
    let text = format!(
        "<p><code>{}</code></p><p>{}</p><p><a href=\"/problems\">All problem types</a></p>",
        kind.uri(),
        escaped(about)
    );
    Ok(varied(page(&title, &text)))
}

fn told((kind, about): (ProblemKind, &str)) -> ProblemType {
    ProblemType {
        kind: kind.uri(),
        title: kind.title.to_owned(),
        status: kind.status.as_u16(),
        description: about.to_owned(),
    }
}

/// Browsers name it; programs that name nothing get JSON.
fn wants_html(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.contains("text/html"))
    })
}

fn varied(mut response: Response) -> Response {
    let accept = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, accept);
    response
}

fn page(title: &str, content: &str) -> Response {
    let title = escaped(title);
    html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <link rel=\"stylesheet\" href=\"/docs/docs.css\"><main><h1>{title}</h1>{content}</main></html>\n"
    ))
}

fn html(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
