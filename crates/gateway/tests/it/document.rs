//! The document and the pages that show it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::request;
use crate::shop::{ask, start_gateway};

const NOWHERE: &str = "http://127.0.0.1:1";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(&gateway::openapi_json()).unwrap()
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[watertight::test]
async fn routes_and_document_are_the_same() {
    let gateway = start_gateway(NOWHERE, NOWHERE, &[]).await;
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        let documented: BTreeSet<_> = METHODS
            .into_iter()
            .filter(|method| item.get(*method).is_some())
            .collect();
        // A method that nobody serves is answered with all that are.
        let answer = ask(gateway.addr(), &request("TRACE", &filled(path), &[], b"")).await;
        answer.problem(405, "method-not-allowed");
        let allow = answer.header("allow").unwrap().to_ascii_lowercase();
        let served: BTreeSet<_> = allow
            .split(',')
            .map(str::trim)
            .filter(|name| *name != "head")
            .collect();
        assert_eq!(served, documented, "{path}");
    }
    // The other way round: no route is made but with its documentation.
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api")).unwrap();
    for source in sources {
        let path = source.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for past in [".route(", ".route_service(", ".nest(", ".fallback("] {
            assert!(!text.contains(past), "{} has {past}", path.display());
        }
    }
}

#[test]
fn every_operation_is_described() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "500", "503", "504"] {
                let problem = &responses[status]["content"]["application/problem+json"];
                assert_eq!(
                    problem["schema"]["$ref"], "#/components/schemas/Problem",
                    "{name} {status}"
                );
                assert!(problem["examples"].is_object(), "{name} {status}");
            }
            assert!(
                responses["503"]["headers"]["Retry-After"].is_object(),
                "{name}"
            );
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{name}"
            );
            let in_path = path.matches('{').count();
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let documented = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .count();
            assert_eq!(documented, in_path, "{name}");
        }
    }
    let place = &document["paths"]["/v1/orders"]["post"];
    assert_eq!(place["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(place["parameters"][0]["required"], true);
    let placed: Vec<_> = place["responses"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let statuses = [
        "201", "202", "400", "402", "408", "409", "413", "415", "422", "429", "500", "502", "503",
        "504",
    ];
    assert_eq!(placed, statuses);
    for (status, header) in [("201", "Location"), ("201", "ETag"), ("202", "Retry-After")] {
        assert!(
            place["responses"][status]["headers"][header].is_object(),
            "{status} {header}"
        );
    }
}

#[test]
fn references_lead_somewhere() {
    fn look(value: &Value, document: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        match value {
            Value::Object(members) => members.values().for_each(|value| look(value, document)),
            Value::Array(values) => values.iter().for_each(|value| look(value, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    look(&document, &document);
}

#[watertight::test]
async fn pages_bring_everything_they_need() {
    let gateway = start_gateway(NOWHERE, NOWHERE, &[]).await;
    let get = |path: &str, accept: &str| {
        let request = request("GET", path, &[("accept", accept)], b"");
        let addr = gateway.addr();
        async move { ask(addr, &request).await }
    };
    let page = get("/docs", "text/html").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(
        !text.contains("//") || !text.contains("http"),
        "nothing comes from elsewhere"
    );
    for part in text.split(['"', '\'']).filter(|part| part.starts_with('/')) {
        assert_eq!(get(part, "*/*").await.status(), 200, "{part}");
    }
    get("/docs/other.js", "*/*").await.problem(404, "not-found");
    let served = get("/openapi.json", "*/*").await;
    assert_eq!(served.json(), document());
    let kinds = get("/problems", "application/json").await.json();
    let kinds = kinds.as_array().unwrap();
    assert!(kinds.len() > 30, "{}", kinds.len());
    for kind in kinds {
        let path = kind["type"].as_str().unwrap();
        assert_eq!(&get(path, "*/*").await.json(), kind);
        let page = get(path, "text/html,*/*;q=0.8").await;
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(page.header("vary"), Some("accept"));
        let text = String::from_utf8(page.body).unwrap();
        assert!(text.contains(path), "{path}");
    }
    get("/problems/made-up", "*/*")
        .await
        .problem(404, "problem-not-found");
    let index = get("/", "text/html").await;
    assert!(
        String::from_utf8(index.body)
            .unwrap()
            .contains("href=\"/docs\"")
    );
    assert_eq!(get("/", "*/*").await.json()["openapi"], "/openapi.json");
}

#[test]
fn every_problem_of_the_document_is_a_documented_kind() {
    let document = gateway::openapi_json();
    let slugs: BTreeSet<_> = document
        .split("\"/problems/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(
        slugs.contains("out-of-stock") && slugs.len() > 25,
        "{slugs:?}"
    );
}

#[test]
fn no_header_and_no_parameter_can_be_null() {
    let document: Value = serde_json::from_str(&gateway::openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let parameters: Vec<_> = operations
        .filter_map(|operation| operation["parameters"].as_array())
        .flatten()
        .collect();
    assert!(parameters.len() > 8, "{parameters:?}");
    for parameter in parameters {
        let kinds = parameter["schema"]["type"].to_string();
        assert!(!kinds.contains("null"), "{parameter}");
        if parameter["name"] == "X-Request-Timeout" {
            assert_eq!(parameter["schema"]["minimum"], 1, "{parameter}");
        }
    }
}
