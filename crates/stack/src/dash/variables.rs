//! The variables at the top of each dashboard, and its annotations.

use serde_json::{Value, json};

use super::{Dashboard, Source};
use crate::names;
use crate::query::chosen;

/// What the variables ask for: name, label, query. Each is narrowed by those
/// before it.
pub(crate) const VARIABLE_QUERIES: [(&str, &str, &str); 2] = [
    ("job", "Job", "label_values(tasks_live, job)"),
    (
        "instance",
        "Instance",
        r#"label_values(tasks_live{job=~"$job"}, instance)"#,
    ),
];

/// The data source that a target or variable names.
pub(super) fn datasource(source: Source) -> Value {
    json!({
        "type": source.plugin(),
        "uid": format!("${{{}}}", source.variable()),
    })
}

/// Data sources first, then job and instance.
pub(super) fn templating(board: &Dashboard) -> Value {
    let sources = std::iter::once(&Source::Prometheus).chain(board.asks);
    let mut list: Vec<Value> = sources.map(|source| choose_source(*source)).collect();
    list.extend(VARIABLE_QUERIES.map(|(name, label, query)| choose_label(name, label, query)));
    json!({ "list": list })
}

fn choose_source(source: Source) -> Value {
    let label = match source {
        Source::Prometheus => "Data source",
        Source::Loki => "Loki data source",
        Source::Tempo => "Tempo data source",
    };
    json!({
        "name": source.variable(),
        "label": label,
        "type": "datasource",
        "query": source.plugin(),
        "current": { "selected": false, "text": source.plugin(), "value": source.plugin() },
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
    })
}

fn choose_label(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource(Source::Prometheus),
        "definition": query,
        "query": { "qryType": 1, "query": query, "refId": "variable" },
        "allValue": ".+",
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "hide": 0,
        "includeAll": true,
        "multi": true,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": false,
        "sort": 1,
    })
}

/// A line where a process started, and one where an alert began to fire.
pub(super) fn annotations() -> Value {
    let starts = chosen(&names::PROCESS_START);
    json!({ "list": [
        {
            "name": "Starts and restarts",
            "datasource": datasource(Source::Prometheus),
            "enable": true,
            "hide": false,
            "iconColor": "purple",
            // The value is the time, so the line stands where the process
            // began and not where it was scraped first.
            "expr": format!("{} * 1000", starts.now()),
            "useValueForTime": true,
            "step": "60s",
            "titleFormat": "{{job}} started",
            "textFormat": "{{instance}}",
            "tagKeys": "job",
        },
        {
            "name": "Alerts",
            "datasource": datasource(Source::Prometheus),
            "enable": true,
            "hide": false,
            "iconColor": "red",
            "expr": r#"ALERTS{alertstate="firing", job=~"$job|", instance=~"$instance|"}"#,
            "step": "60s",
            "titleFormat": "{{alertname}}",
            "textFormat": "{{job}} {{instance}}",
            "tagKeys": "severity",
        },
    ] })
}
