//! A dashboard as Grafana reads it: schema version 42.

use serde_json::{Map, Value, json};

use super::layout::{self, Place};
use super::variables::{annotations, datasource, templating};
use super::{Dashboard, Draw, Panel, Source, Steps, Target};

/// What Grafana 13 writes.
const SCHEMA: u32 = 42;

/// The whole dashboard as a text.
pub(super) fn text(board: &Dashboard) -> String {
    // A value made of strings and numbers is always writable.
    serde_json::to_string_pretty(&whole(board)).unwrap_or_default()
}

/// The whole dashboard as a value.
pub(super) fn whole(board: &Dashboard) -> Value {
    json!({
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": ["watertight"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "liveNow": false,
        "refresh": "10s",
        "time": { "from": board.from, "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "links": [{
            "title": "All dashboards",
            "type": "dashboards",
            "tags": ["watertight"],
            "asDropdown": true,
            "includeVars": true,
            "keepTime": true,
            "icon": "external link",
            "targetBlank": false,
            "tooltip": "",
            "url": "",
        }],
        "templating": templating(board),
        "annotations": annotations(),
        "panels": panels(board),
    })
}

fn panels(board: &Dashboard) -> Vec<Value> {
    let mut all = Vec::new();
    let mut y = 0;
    for row in &board.rows {
        let (heading, places) = layout::row(row, &mut y);
        all.push(json!({
            "id": all.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "gridPos": place(heading),
            "panels": [],
        }));
        for (panel, at) in row.panels.iter().zip(places) {
            all.push(one(panel, all.len() + 1, at));
        }
    }
    all
}

fn place(place: Place) -> Value {
    json!({ "x": place.x, "y": place.y, "w": place.w, "h": place.h })
}

const fn kind(draw: Draw) -> &'static str {
    match draw {
        Draw::Lines | Draw::Stacked => "timeseries",
        Draw::Figure => "stat",
        Draw::Table => "table",
        Draw::Bars => "bargauge",
        Draw::Logs => "logs",
        Draw::Traces => "table",
        Draw::Graph => "nodeGraph",
    }
}

fn one(panel: &Panel, id: usize, at: Place) -> Value {
    let source = panel
        .targets
        .first()
        .map_or(Source::Prometheus, |t| t.source);
    let targets = panel.targets.iter().enumerate();
    json!({
        "id": id,
        "type": kind(panel.draw),
        "title": panel.title,
        "description": panel.description,
        "datasource": datasource(source),
        "gridPos": place(at),
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel) },
        "options": options(panel.draw),
        "targets": targets.map(|(i, target)| ask(panel.draw, target, i)).collect::<Vec<_>>(),
        "transformations": transformations(panel),
    })
}

/// `A`, `B`, `C`, …
fn ref_id(index: usize) -> String {
    let letter = u8::try_from(index % 26).map_or('A', |i| char::from(b'A' + i));
    letter.to_string()
}

fn ask(draw: Draw, target: &Target, index: usize) -> Value {
    let common = json!({
        "refId": ref_id(index),
        "datasource": datasource(target.source),
    });
    let own = match (target.source, draw) {
        (Source::Tempo, Draw::Graph) => json!({
            "queryType": "serviceMap",
            "serviceMapQuery": target.expr,
        }),
        (Source::Tempo, _) => json!({
            "queryType": "traceql",
            "query": target.expr,
            "limit": 20,
            "tableType": "traces",
        }),
        (Source::Loki, _) => json!({
            "expr": target.expr,
            "queryType": "range",
            "editorMode": "code",
            "legendFormat": target.legend,
        }),
        (Source::Prometheus, _) => {
            let instant = matches!(draw, Draw::Figure | Draw::Table | Draw::Bars);
            let format = match draw {
                Draw::Table => "table",
                Draw::Lines | Draw::Stacked | Draw::Figure | Draw::Bars => "time_series",
                Draw::Logs | Draw::Traces | Draw::Graph => "time_series",
            };
            json!({
                "expr": target.expr,
                "legendFormat": target.legend,
                "editorMode": "code",
                "format": format,
                "instant": instant,
                "range": !instant,
            })
        }
    };
    merged(common, own)
}

fn merged(into: Value, from: Value) -> Value {
    match (into, from) {
        (Value::Object(mut into), Value::Object(from)) => {
            into.extend(from);
            Value::Object(into)
        }
        (_, from) => from,
    }
}

fn defaults(panel: &Panel) -> Value {
    let mut defaults = Map::new();
    defaults.insert("unit".to_owned(), json!(panel.unit.id()));
    defaults.insert("thresholds".to_owned(), thresholds(panel.steps));
    let colour = match panel.steps {
        Steps::Plain => "palette-classic",
        Steps::Above(..) | Steps::Below(..) => "thresholds",
    };
    let lines = matches!(panel.draw, Draw::Lines | Draw::Stacked);
    let colour = if lines { "palette-classic" } else { colour };
    defaults.insert("color".to_owned(), json!({ "mode": colour }));
    defaults.insert("noValue".to_owned(), json!("–"));
    if lines {
        defaults.insert("custom".to_owned(), line_style(panel));
    }
    Value::Object(defaults)
}

fn line_style(panel: &Panel) -> Value {
    let stacked = panel.draw == Draw::Stacked;
    json!({
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": if stacked { 30 } else { 8 },
        "showPoints": "never",
        "spanNulls": false,
        "axisSoftMin": 0,
        "stacking": { "group": "A", "mode": if stacked { "normal" } else { "none" } },
        "thresholdsStyle": { "mode": "off" },
    })
}

fn thresholds(steps: Steps) -> Value {
    let step = |colour: &str, value: Option<f64>| json!({ "color": colour, "value": value });
    let steps = match steps {
        Steps::Plain => vec![step("green", None)],
        Steps::Above(warn, bad) => vec![
            step("green", None),
            step("yellow", Some(warn)),
            step("red", Some(bad)),
        ],
        Steps::Below(bad, warn) => vec![
            step("red", None),
            step("yellow", Some(bad)),
            step("green", Some(warn)),
        ],
    };
    json!({ "mode": "absolute", "steps": steps })
}

/// Limits are dashed and red.
fn overrides(panel: &Panel) -> Vec<Value> {
    let targets = panel.targets.iter().enumerate();
    let limits = targets.filter(|(_, target)| target.limit);
    let limit = |(index, _)| {
        json!({
            "matcher": { "id": "byFrameRefID", "options": ref_id(index) },
            "properties": [
                { "id": "color", "value": { "fixedColor": "red", "mode": "fixed" } },
                { "id": "custom.fillOpacity", "value": 0 },
                { "id": "custom.lineStyle", "value": { "dash": [10, 10], "fill": "dash" } },
                { "id": "custom.stacking", "value": { "group": "limit", "mode": "none" } },
            ],
        })
    };
    limits.map(limit).collect()
}

fn options(draw: Draw) -> Value {
    match draw {
        Draw::Lines | Draw::Stacked => json!({
            "legend": {
                "calcs": ["lastNotNull", "max"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": true,
            },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Draw::Figure => json!({
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "textMode": "auto",
        }),
        Draw::Bars => json!({
            "displayMode": "basic",
            "orientation": "horizontal",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showUnfilled": true,
        }),
        Draw::Table | Draw::Traces => json!({ "showHeader": true, "cellHeight": "sm" }),
        Draw::Logs => json!({
            "showTime": true,
            "wrapLogMessage": true,
            "enableLogDetails": true,
            "prettifyLogMessage": false,
            "sortOrder": "Descending",
            "dedupStrategy": "none",
        }),
        Draw::Graph => json!({}),
    }
}

/// A table has no use for the time of the last scrape.
fn transformations(panel: &Panel) -> Vec<Value> {
    if panel.draw != Draw::Table {
        return Vec::new();
    }
    let mut all = Vec::new();
    if panel.targets.len() > 1 {
        all.push(json!({ "id": "merge", "options": {} }));
    }
    let hidden = json!({ "Time": true, "__name__": true });
    all.push(json!({ "id": "organize", "options": { "excludeByName": hidden } }));
    all
}
