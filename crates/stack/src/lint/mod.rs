//! The rules of Grafana's dashboard-linter, made again: on the JSON that Grafana
//! reads, so that nothing between a panel and its file can go wrong unseen.

mod promql;

use serde_json::Value;

use crate::names;
use promql::Use;
pub(crate) use promql::{series_in, uses};

/// What is wrong with a dashboard.
pub(crate) fn findings(board: &Value) -> Vec<String> {
    let name = text(board, "/title").to_owned();
    let mut found = top(board);
    found.extend(variables(board));
    for panel in panels(board) {
        let of_panel = of_panel(panel).into_iter();
        found.extend(of_panel.map(|what| format!("panel {:?}: {what}", text(panel, "/title"))));
    }
    found.iter().map(|what| format!("{name}: {what}")).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// All panels but the headings of rows.
fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    let all = list(board, "/panels").iter();
    all.filter(|panel| text(panel, "/type") != "row")
}

/// Rules that hold are true.
fn broken<const N: usize>(rules: [(bool, &str); N]) -> Vec<String> {
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, rule)| rule.to_owned()).collect()
}

fn top(board: &Value) -> Vec<String> {
    broken([
        (board["editable"] == false, "it can be edited in place"),
        (board["schemaVersion"] == 42, "its schema isn't version 42"),
        (
            text(board, "/uid").starts_with("watertight-"),
            "it has no stable uid",
        ),
        (
            !text(board, "/description").is_empty(),
            "it has no description",
        ),
        (board.get("__inputs").is_none(), "it asks for inputs"),
        (board["id"].is_null(), "it has an id of some database"),
        (panels(board).count() > 0, "it has no panels"),
    ])
}

fn variables(board: &Value) -> Vec<String> {
    let all = list(board, "/templating/list");
    let named = |name: &str| all.iter().find(|variable| text(variable, "/name") == name);
    let source = named("datasource");
    let source = source.is_some_and(|it| {
        text(it, "/type") == "datasource"
            && text(it, "/query") == "prometheus"
            && text(it, "/label") == "Data source"
    });
    let mut found = broken([(source, "template-datasource-rule")]);
    for (name, label) in [("job", "Job"), ("instance", "Instance")] {
        let Some(it) = named(name) else {
            found.push(format!("template-{name}-rule: there is none"));
            continue;
        };
        let rules = broken([
            (text(it, "/type") == "query", "is no query"),
            (text(it, "/label") == label, "has the wrong label"),
            (
                text(it, "/datasource/uid") == "${datasource}",
                "has a data source of its own",
            ),
            (it["multi"] == true, "takes one value alone"),
            (text(it, "/allValue") == ".+", "has another value for all"),
            (it["refresh"] == 2, "doesn't follow the time"),
            (
                text(it, "/query/query").starts_with("label_values("),
                "asks for something else",
            ),
        ]);
        found.extend(
            rules
                .iter()
                .map(|rule| format!("template-{name}-rule: {rule}")),
        );
    }
    found
}

fn of_panel(panel: &Value) -> Vec<String> {
    let kind = text(panel, "/type");
    let measured = !matches!(kind, "logs" | "nodeGraph");
    let mut found = broken([
        (
            text(panel, "/title").len() > 2,
            "panel-title-description-rule: no title",
        ),
        (
            text(panel, "/description").len() > 2,
            "panel-title-description-rule: no description",
        ),
        (
            !measured || !text(panel, "/fieldConfig/defaults/unit").is_empty(),
            "panel-units-rule: no unit",
        ),
        (
            text(panel, "/datasource/uid").starts_with("${"),
            "panel-datasource-rule: the data source is no variable",
        ),
        (!list(panel, "/targets").is_empty(), "panel-no-targets-rule"),
    ]);
    for target in list(panel, "/targets") {
        let source = text(target, "/datasource/type");
        if source == "prometheus" {
            found.extend(of_expr(text(target, "/expr")));
        }
        if source == "loki" && !text(target, "/expr").contains(r#"job=~"$job""#) {
            found.push("target-logql-job-rule: no matcher for job".to_owned());
        }
        if text(target, "/datasource/uid") != text(panel, "/datasource/uid") {
            found.push("a target has another data source than its panel".to_owned());
        }
    }
    found
}

fn of_expr(expr: &str) -> Vec<String> {
    let uses = uses(expr);
    if uses.is_empty() {
        return vec![format!("target-promql-rule: {expr:?} reads nothing")];
    }
    uses.iter().flat_map(of_use).collect()
}

/// Functions that turn a counter into something to look at.
const RATES: [&str; 3] = ["rate", "increase", "irate"];

fn of_use(it: &Use) -> Vec<String> {
    let rated = RATES.contains(&it.function.as_str());
    let known = names::is_known(&it.name);
    let counter = names::is_counter(&it.name);
    let rules = broken([
        (it.matchers.contains(r#"job=~"$job""#), "target-job-rule"),
        (
            it.matchers.contains(r#"instance=~"$instance""#),
            "target-instance-rule",
        ),
        (
            !rated || it.range == "$__rate_interval",
            "target-rate-interval-rule",
        ),
        (
            !counter || rated,
            "target-counter-agg-rule: a counter outside rate and increase",
        ),
        (counter || !rated, "a rate of what isn't a counter"),
        (known, "not in the catalogue"),
    ]);
    rules
        .iter()
        .map(|rule| format!("{rule}: {}", it.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Value {
        crate::boards::all()[0].value()
    }

    #[test]
    fn all_dashboards_follow_the_rules() {
        for board in crate::boards::all() {
            let found = findings(&board.value());
            assert!(found.is_empty(), "{found:#?}");
        }
    }

    /// Each rule is broken once, so that none is a rule in name alone.
    #[test]
    fn every_rule_finds_what_breaks_it() {
        let first = |board: &mut Value, pointer: &str, value: Value| {
            let panels = board["panels"].as_array_mut().unwrap();
            let panel = panels.iter_mut().find(|panel| panel["type"] == "stat");
            *panel.unwrap().pointer_mut(pointer).unwrap() = value;
        };
        let expr = "/targets/0/expr";
        let in_panel = [
            ("/title", "", "no title"),
            ("/description", "", "no description"),
            ("/fieldConfig/defaults/unit", "", "panel-units-rule"),
            ("/datasource/uid", "prometheus", "panel-datasource-rule"),
            (expr, "", "target-promql-rule"),
            (expr, r#"up{instance=~"$instance"}"#, "target-job-rule"),
            (expr, r#"up{job=~"$job"}"#, "target-instance-rule"),
            (expr, "rate(panics_total[5m])", "target-rate-interval-rule"),
            (expr, "sum(panics_total)", "target-counter-agg-rule"),
            (
                expr,
                "rate(tasks_live[$__rate_interval])",
                "isn't a counter",
            ),
            (expr, "tasks_live2", "not in the catalogue"),
        ];
        for (pointer, value, rule) in in_panel {
            let mut board = board();
            first(&mut board, pointer, Value::from(value));
            let found = findings(&board).join("\n");
            assert!(found.contains(rule), "{rule}: {found}");
        }
        let on_top = [
            ("/editable", Value::from(true), "edited"),
            ("/schemaVersion", Value::from(41), "schema"),
            ("/uid", Value::from(""), "uid"),
            ("/description", Value::from(""), "description"),
            ("/panels", Value::Array(Vec::new()), "panels"),
            (
                "/templating/list/0/type",
                Value::from("x"),
                "template-datasource-rule",
            ),
            (
                "/templating/list/1/refresh",
                Value::from(1),
                "template-job-rule",
            ),
            (
                "/templating/list/2/name",
                Value::from("x"),
                "template-instance-rule",
            ),
        ];
        for (pointer, value, rule) in on_top {
            let mut board = board();
            *board.pointer_mut(pointer).unwrap() = value;
            let found = findings(&board).join("\n");
            assert!(found.contains(rule), "{rule}: {found}");
        }
    }
}
