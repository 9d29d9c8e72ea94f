//! The text format of Prometheus, version 0.0.4.

use super::histogram::Snapshot;
use std::fmt::Write as _;
use watertight_core::catalogue::Kind;

/// The value of one line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sample {
    Whole(u64),
    Real(f64),
}

/// `# HELP`, if the meaning is known, and `# TYPE`.
pub(super) fn head(out: &mut String, name: &str, kind: Kind, help: Option<&str>) {
    if let Some(help) = help {
        out.push_str("# HELP ");
        out.push_str(name);
        out.push(' ');
        escape(out, help, false);
        out.push('\n');
    }
    line(out, format_args!("# TYPE {name} {}", kind.word()));
}

/// Whether Prometheus reads it as the name of a series or of a label.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The text between the braces.
pub(super) fn labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        escape(&mut out, value, true);
        out.push('"');
    }
    out
}

/// One line: name, labels, value.
pub(super) fn sample(out: &mut String, name: &str, labels: &str, value: Sample) {
    out.push_str(name);
    if !labels.is_empty() {
        out.push('{');
        out.push_str(labels);
        out.push('}');
    }
    match value {
        Sample::Whole(value) => line(out, format_args!(" {value}")),
        Sample::Real(value) => line(out, format_args!(" {}", Real(value))),
    }
}

/// The lines of a histogram; its buckets are cumulative and end with +Inf.
pub(super) fn histogram(out: &mut String, name: &str, labels: &str, histogram: &Snapshot<'_>) {
    let comma = if labels.is_empty() { "" } else { "," };
    for (bound, count) in &histogram.below {
        let bound = Real(**bound);
        line(
            out,
            format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"),
        );
    }
    let Snapshot { count, sum, .. } = histogram;
    line(
        out,
        format_args!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"),
    );
    let (sum, count) = (Sample::Real(*sum), Sample::Whole(*count));
    for (suffix, value) in [("_sum", sum), ("_count", count)] {
        out.push_str(name);
        sample(out, suffix, labels, value);
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A `String` takes everything.
    let _written = out.write_fmt(text);
    out.push('\n');
}

/// Backslashes and line breaks, and quotes in values: a line stays one line.
fn escape(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            _ => out.push(c),
        }
    }
}

/// A number as Prometheus reads it.
struct Real(f64);

impl std::fmt::Display for Real {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_infinite() {
            return f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" });
        }
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_or_a_meaning_breaks_the_line() {
        let mut out = String::new();
        head(
            &mut out,
            "a_total",
            Kind::Counter,
            Some("two\nlines \\ \"quoted\"."),
        );
        let labels = labels([("a", "q\"b\\n\nend"), ("b", "")]);
        sample(&mut out, "a_total", &labels, Sample::Whole(1));
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(
            lines,
            [
                r#"# HELP a_total two\nlines \\ "quoted"."#,
                "# TYPE a_total counter",
                r#"a_total{a="q\"b\\n\nend",b=""} 1"#,
            ]
        );
    }

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        for (value, text) in [
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (0.0001, "0.0001"),
            (60.0, "60"),
            (1e21, "1000000000000000000000"),
        ] {
            assert_eq!(Real(value).to_string(), text);
        }
    }
}
