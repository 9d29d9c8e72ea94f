//! *Logs and traces*: what the services say, what one request did, and what of
//! that got lost on the way.

use super::absent::NEVER;
use crate::dash::{Dashboard, Draw, Panel, Row, Source, Steps, Unit, panel};
use crate::names::{
    LABEL_SETS_DROPPED, LOG_BUFFER, LOG_BUFFER_MAX, LOG_CUT, LOG_DROPPED, LOG_LINES, LOG_SAMPLED,
    LOG_SECRETS, PANICS, SPANS_DROPPED,
};
use crate::query::{chosen, max_by, sum_by};

/// The dashboard.
pub(super) fn board() -> Dashboard {
    Dashboard {
        uid: "watertight-telemetry",
        title: "Logs and traces",
        description: "What the services say, what one request did, and what of that got lost.",
        asks: &[Source::Loki, Source::Tempo],
        from: "now-15m",
        rows: vec![
            Row {
                title: "What is lost, and what shouldn't be there",
                panels: vec![secrets(), lines(), spans(), labels(), panics()],
            },
            Row {
                title: "Logs",
                panels: vec![written(), left_out(), buffer(), volume(), errors()],
            },
            Row {
                title: "Traces",
                panels: vec![graph(), failed(), slow()],
            },
        ],
    }
}

fn secrets() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Secrets taken out of logs",
        "Keys, tokens, passwords and card numbers that somebody tried to log.",
    )
    .steps(Steps::Above(0.001, 0.01))
    .ask_maybe(
        "{{job}}",
        sum_by("job", &chosen(&LOG_SECRETS).rate()),
        NEVER,
    )
}

fn lines() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Log lines dropped",
        "Lines for which there was no room: nobody waits for a log.",
    )
    .ask("{{job}}", sum_by("job", &chosen(&LOG_DROPPED).rate()))
}

fn spans() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Spans dropped",
        "Spans for which there was no room, or that no collector took.",
    )
    .ask_maybe(
        "{{job}}",
        sum_by("job", &chosen(&SPANS_DROPPED).rate()),
        NEVER,
    )
}

fn labels() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Label sets dropped",
        "Values that were counted as `other` because a metric had too many already.",
    )
    .ask_maybe(
        "{{job}} {{metric}}",
        sum_by("job, metric", &chosen(&LABEL_SETS_DROPPED).rate()),
        NEVER,
    )
}

fn panics() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Panics",
        "Each is in the log with its place.",
    )
    .ask_maybe("{{job}}", sum_by("job", &chosen(&PANICS).rate()), NEVER)
}

fn written() -> Panel {
    panel(
        Draw::Stacked,
        Unit::PerSecond,
        "Lines written",
        "Log lines a second by service and level, as the services count them.",
    )
    .ask(
        "{{job}} {{level}}",
        sum_by("job, level", &chosen(&LOG_LINES).rate()),
    )
}

fn left_out() -> Panel {
    panel(
        Draw::Lines,
        Unit::PerSecond,
        "Lines left out, fields cut",
        "Lines that sampling skipped, because there were many of their kind; fields that were \
        too long.",
    )
    .ask("{{job}} lines", sum_by("job", &chosen(&LOG_SAMPLED).rate()))
    .ask("{{job}} fields", sum_by("job", &chosen(&LOG_CUT).rate()))
}

fn buffer() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Lines that wait",
        "Bytes of log lines that stdout hasn't taken yet; what doesn't fit below the dashed \
        line is dropped.",
    )
    .ask("{{job}}", max_by("job", &chosen(&LOG_BUFFER).now()))
    .limit(
        "{{job}} bound",
        max_by("job", &chosen(&LOG_BUFFER_MAX).now()),
        None,
    )
}

fn volume() -> Panel {
    panel(
        Draw::Stacked,
        Unit::PerSecond,
        "Lines by level",
        "Log lines a second, by level.",
    )
    .from(
        Source::Loki,
        r#"sum by (level) (rate({job=~"$job"} [$__auto]))"#,
    )
}

fn errors() -> Panel {
    panel(
        Draw::Logs,
        Unit::None,
        "Warnings and errors",
        "Open a line: its trace id leads to the trace.",
    )
    .wide(16)
    .from(Source::Loki, r#"{job=~"$job", level=~"WARN|ERROR"}"#)
}

fn graph() -> Panel {
    panel(
        Draw::Graph,
        Unit::None,
        "Service graph",
        "Who calls whom, made from traces; width and colour are calls and failures.",
    )
    .wide(12)
    .from(Source::Tempo, "{}")
}

fn failed() -> Panel {
    panel(
        Draw::Traces,
        Unit::None,
        "Failed traces",
        "Traces with an error in them; all of these are kept, whatever is sampled.",
    )
    .wide(12)
    .from(
        Source::Tempo,
        r#"{resource.service.name=~"$job" && status=error}"#,
    )
}

fn slow() -> Panel {
    panel(
        Draw::Traces,
        Unit::None,
        "Slow traces",
        "Traces that took longer than half a second.",
    )
    .wide(24)
    .from(
        Source::Tempo,
        r#"{resource.service.name=~"$job" && traceDuration>500ms}"#,
    )
}
