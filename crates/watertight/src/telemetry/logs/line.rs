//! One event as one line.

use super::json::{escape, time};
use crate::telemetry::redact::{self, Extent, Secret};
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Duration;
use tracing::Event;
use tracing::field::{Field, Visit};
use watertight_core::Label;

/// A line is never longer, its break included. Docker's log drivers take lines
/// of 16 KiB and cut longer ones in two.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1_024;
/// Kept free for what ends a line.
const TAIL_BYTES: usize = 64;
/// What of one value is shown, as it stands there. The longest that a service logs in regular
/// work is the list of its settings, at the start.
pub(super) const FIELD_BYTES_MAX: usize = 12 * 1_024;
/// What is looked at beyond that: a secret that begins in the part that is shown
/// must be recognised. All forms are by their first 1,024 bytes.
const BEYOND_BYTES: usize = 1_024;
/// The longest text of our own: a label is the longest.
const OWN_BYTES_MAX: usize = 256;
/// Fields of the log in which one may stand whose name is the value of another.
const NAMES: [&str; 5] = ["name", "key", "header", "setting", "param"];
const VALUES: [&str; 3] = ["value", "val", "content"];
/// What stands where a value was cut.
const CUT: &str = "…[cut]";

/// Memory that one line after the other is made in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    line: Vec<u8>,
    value: String,
    secrets: Vec<Secret>,
}

/// What a thread keeps of its scratch memory between two lines.
const KEEP_BYTES_MAX: usize = 4 * 1_024;

impl Scratch {
    /// Gives back what an unusually long line took.
    pub(super) fn tidy(&mut self) {
        self.line.clear();
        self.line.shrink_to(KEEP_BYTES_MAX);
        self.value.clear();
        self.value.shrink_to(KEEP_BYTES_MAX);
    }
}

/// What a line says beside its event.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) service: &'static str,
    pub(super) since_1970: Duration,
    /// How many lines it stands for.
    pub(super) stands_for: u32,
}

/// Writes the line into `scratch` and gives it back, with the number of its
/// fields that were cut or left out.
pub(super) fn write<'a>(
    scratch: &'a mut Scratch,
    about: About,
    event: &Event<'_>,
) -> (&'a [u8], u64) {
    // A panic in somebody's `Debug` may have left half a line.
    scratch.line.clear();
    head(&mut scratch.line, about, event);
    let mut message = Fields::new(scratch, Pass::Message);
    event.record(&mut message);
    let mut cut = message.cut;
    ambient(&mut scratch.line);
    if about.stands_for > 1 {
        let _never = write!(scratch.line, ",\"stands_for\":{}", about.stands_for);
    }
    let mut fields = Fields::new(scratch, Pass::Others);
    event.record(&mut fields);
    cut += fields.cut;
    if !fields.first {
        scratch.line.push(b'}');
    }
    if cut > 0 {
        let _never = write!(scratch.line, ",\"fields_cut\":{cut}");
    }
    scratch.line.extend_from_slice(b"}\n");
    (&scratch.line, cut)
}

fn head(line: &mut Vec<u8>, about: About, event: &Event<'_>) {
    line.extend_from_slice(b"{\"ts\":\"");
    time(line, about.since_1970);
    let level = event.metadata().level().as_str();
    let _never = write!(line, "\",\"level\":\"{level}\"");
    text(line, "service", about.service);
    text(line, "target", event.metadata().target());
}

/// Trace and label of the work that the event belongs to.
fn ambient(line: &mut Vec<u8>) {
    let Some(scope) = watertight_core::current() else {
        return;
    };
    if let Some(trace) = scope.trace() {
        let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
        let _never = write!(
            line,
            ",\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\""
        );
    }
    text(line, "scope", scope.name());
    let label = scope.label();
    if label != Label::NONE {
        text(line, "label", &label.text());
    }
}

/// A member whose text is ours, and short.
fn text(line: &mut Vec<u8>, name: &str, value: &str) {
    let _never = write!(line, ",\"{name}\":\"");
    let bytes_max = line.len() + OWN_BYTES_MAX;
    let _all = escape(line, value, bytes_max);
    line.push(b'"');
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// What the event says, for people: a member of the line itself.
    Message,
    /// All else, in an object of its own: a field named `level` must not look
    /// like the level.
    Others,
}

struct Fields<'a> {
    scratch: &'a mut Scratch,
    pass: Pass,
    /// No field was written yet.
    first: bool,
    cut: u64,
    /// The last field was a name; what it says holds for a value beside it.
    named: String,
}

impl<'a> Fields<'a> {
    fn new(scratch: &'a mut Scratch, pass: Pass) -> Self {
        Self {
            scratch,
            pass,
            first: true,
            cut: 0,
            named: String::new(),
        }
    }

    /// Whether there is a need to read the value of a field.
    fn wants(&self, field: &Field) -> bool {
        (field.name() == "message") == (self.pass == Pass::Message)
    }

    /// Writes everything up to the value. `false` if there is no room for it.
    fn begin(&mut self, name: &str) -> bool {
        let line = &mut self.scratch.line;
        if line.len() + name.len() + 2 * TAIL_BYTES > LINE_BYTES_MAX {
            self.cut += 1;
            return false;
        }
        let before: &[u8] = match (self.pass, self.first) {
            (Pass::Others, true) => b",\"fields\":{\"",
            (Pass::Others, false) | (Pass::Message, _) => b",\"",
        };
        line.extend_from_slice(before);
        let _all = escape(line, name, LINE_BYTES_MAX);
        line.extend_from_slice(b"\":");
        self.first = false;
        true
    }

    /// A value that JSON has no quotes for, unless it is a secret.
    fn bare(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if !self.wants(field) {
            return;
        }
        let mut number = std::mem::take(&mut self.scratch.value);
        number.clear();
        let _never = number.write_fmt(value);
        redact::find(
            field.name(),
            &number,
            Extent::Whole,
            &mut self.scratch.secrets,
        );
        if self.scratch.secrets.is_empty() {
            if self.begin(field.name()) {
                self.scratch.line.extend_from_slice(number.as_bytes());
            }
        } else {
            self.quoted(field.name(), &number, Extent::Whole);
        }
        self.scratch.value = number;
    }

    /// A text of any length, of which the beginning is in memory already.
    fn text(&mut self, name: &str, text: &str) {
        let shown = text.floor_char_boundary(FIELD_BYTES_MAX + BEYOND_BYTES);
        let extent = if shown < text.len() {
            Extent::Cut
        } else {
            Extent::Whole
        };
        let text = &text[..shown];
        let value_of_another = VALUES.contains(&name) && !self.named.is_empty();
        let sense = if value_of_another {
            self.named.as_str()
        } else {
            name
        };
        redact::find(sense, text, extent, &mut self.scratch.secrets);
        self.named.clear();
        if NAMES.contains(&name) && text.len() <= 64 {
            self.named.push_str(text);
        }
        self.quoted(name, text, extent);
    }

    /// Writes the text but for the secrets in it, which were looked for already.
    fn quoted(&mut self, name: &str, text: &str, extent: Extent) {
        if !self.begin(name) {
            return;
        }
        let Scratch { line, secrets, .. } = &mut *self.scratch;
        line.push(b'"');
        // Escaped, too: one value must leave room for those behind it.
        let room = LINE_BYTES_MAX - TAIL_BYTES - CUT.len();
        let bytes_max = room.min(line.len() + FIELD_BYTES_MAX);
        let end = text.floor_char_boundary(FIELD_BYTES_MAX);
        let (mut from, mut all) = (0, true);
        for secret in secrets.iter().take_while(|secret| secret.start < end) {
            let instead = secret.kind.instead();
            all = escape(line, &text[from..secret.start], bytes_max)
                && escape(line, instead, bytes_max);
            redact::count(secret.kind);
            from = secret.end;
            if !all {
                break;
            }
        }
        if all && from < end {
            all = escape(line, &text[from..end], bytes_max);
        }
        all &= extent == Extent::Whole && from.max(end) == text.len();
        if !all {
            line.extend_from_slice(CUT.as_bytes());
            self.cut += 1;
        }
        line.push(b'"');
    }

    /// A value that is made into text here, no further than it is looked at.
    fn formatted(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let mut out = Bounded {
            text: std::mem::take(&mut self.scratch.value),
        };
        out.text.clear();
        // Fails when it is full, or if the value's own formatting does; then
        // what there is is shown.
        let _full = out.write_fmt(value);
        self.text(name, &out.text);
        self.scratch.value = out.text;
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field, format_args!("{value}"));
        } else if self.wants(field) {
            self.formatted(field.name(), format_args!("{value}"));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if self.wants(field) {
            self.text(field.name(), value);
        }
    }

    /// An error with everything that caused it: the sources often say what happened.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.wants(field) {
            self.formatted(field.name(), format_args!("{}", Chain(value)));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.wants(field) {
            let name = field.name();
            self.formatted(
                name.strip_prefix("r#").unwrap_or(name),
                format_args!("{value:?}"),
            );
        }
    }
}

/// Causes of an error that are shown: a cycle of sources would have no end.
const CAUSES_MAX: usize = 16;

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        for _ in 0..CAUSES_MAX {
            let Some(cause) = source else { break };
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// Text that takes a little more than is ever looked at, and then no more: a
/// value of 10 MB isn't formatted to its end.
struct Bounded {
    text: String,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // One character more than is looked at tells that there was more.
        let room = (FIELD_BYTES_MAX + BEYOND_BYTES + 4).saturating_sub(self.text.len());
        let fits = text.floor_char_boundary(room);
        self.text.push_str(&text[..fits]);
        if fits < text.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}
