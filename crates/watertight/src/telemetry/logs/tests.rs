//! Events as they stand in the log.

use super::line::{FIELD_BYTES_MAX, LINE_BYTES_MAX};
use super::*;
use crate::{Scope, TraceContext};
use serde_json::Value;
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use tracing::level_filters::LevelFilter;
use watertight_core::Label;

/// A token as no service issues it, and a password.
const TOKEN: &str = "sk_live_c4n4ryC4N4RYc4n4ry";
const PASSWORD: &str = "c4n4ry-p4ssw0rd";

type Kept = Arc<Mutex<Vec<(Vec<u8>, Weight)>>>;

struct Log {
    kept: Kept,
    counts: Arc<Counts>,
}

impl Log {
    /// What `work` logs on this thread, at all levels.
    fn of(work: impl FnOnce()) -> Self {
        let (kept, counts) = (Kept::default(), Arc::new(Counts::new(1_000_000)));
        let to = Arc::clone(&kept);
        let lines = Lines {
            service: "test",
            counts: Arc::clone(&counts),
            out: move |line: &[u8], weight| to.lock().unwrap().push((line.to_vec(), weight)),
        };
        let subscriber = tracing_subscriber::registry()
            .with(LevelFilter::TRACE)
            .with(lines);
        tracing::subscriber::with_default(subscriber, work);
        Self { kept, counts }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(Vec<u8>, Weight)>> {
        self.kept.lock().unwrap()
    }

    /// Each line, read by a parser we didn't write.
    fn lines(&self) -> Vec<Value> {
        let kept = self.kept();
        let parsed = kept.iter().map(|(line, _)| {
            assert!(line.len() <= LINE_BYTES_MAX, "{}", line.len());
            assert_eq!(line.iter().position(|b| *b == b'\n'), Some(line.len() - 1));
            let text = std::str::from_utf8(line).unwrap();
            assert!(!text.trim_end().contains(char::is_control), "{text:?}");
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        });
        parsed.collect()
    }

    fn text(&self) -> String {
        let kept = self.kept();
        let all = kept.iter().flat_map(|(line, _)| line.iter().copied());
        String::from_utf8(all.collect()).unwrap()
    }

    fn cut(&self) -> u64 {
        self.counts.cut.load(Ordering::Relaxed)
    }
}

#[test]
fn a_line_says_when_who_and_what() {
    let log = Log::of(|| tracing::info!(order = 7, paid = true, share = 0.5, "brace }}"));
    let line = &log.lines()[0];
    assert_eq!(
        (&line["level"], &line["service"]),
        (&"INFO".into(), &"test".into())
    );
    assert_eq!(line["target"], module_path!());
    assert_eq!(line["message"], "brace }");
    assert_eq!(
        line["fields"],
        serde_json::json!({"order": 7, "paid": true, "share": 0.5})
    );
    let ts = line["ts"].as_str().unwrap();
    assert!(
        ts.len() == 27 && ts.starts_with("20") && ts.ends_with('Z'),
        "{ts}"
    );
    for absent in [
        "trace_id",
        "span_id",
        "scope",
        "label",
        "fields_cut",
        "stands_for",
    ] {
        assert_eq!(line.get(absent), None, "{absent}");
    }
}

#[test]
fn lines_name_the_work_they_belong_to() {
    let trace = TraceContext::new(0xbeef, 1);
    let scope = Scope::root("request").with_trace(trace);
    scope.set_label(Label::of("GET /v1/orders/{id}"));
    let log = Log::of(|| {
        scope.enter(|| tracing::warn!("inside"));
        tracing::debug!(a = 1);
    });
    let lines = log.lines();
    assert_eq!(lines[0]["trace_id"], trace.trace_id().to_string());
    assert_eq!(lines[0]["span_id"], trace.span_id().to_string());
    assert_eq!(lines[0]["scope"], "request");
    assert_eq!(lines[0]["label"], "GET /v1/orders/{id}");
    assert_eq!(lines[0].get("fields"), None);
    assert_eq!(
        (lines[1].get("trace_id"), lines[1].get("message")),
        (None, None)
    );
}

#[test]
fn no_field_can_pass_for_what_the_line_says_itself() {
    let log = Log::of(|| {
        tracing::info!(
            level = "ERROR",
            ts = "never",
            service = "other",
            "x\n{{\"level\":\"ERROR\"}}"
        );
    });
    let line = &log.lines()[0];
    assert_eq!(
        (&line["level"], &line["service"]),
        (&"INFO".into(), &"test".into())
    );
    assert_eq!(line["fields"]["level"], "ERROR");
    assert_eq!(line["message"], "x\n{\"level\":\"ERROR\"}");
}

#[test]
fn what_json_has_no_number_for_is_text() {
    let log = Log::of(|| tracing::info!(nan = f64::NAN, huge = u128::MAX, low = i64::MIN, "x"));
    let fields = &log.lines()[0]["fields"];
    assert_eq!(
        (&fields["nan"], &fields["low"]),
        (&"NaN".into(), &i64::MIN.into())
    );
    assert_eq!(fields["huge"], u128::MAX.to_string());
}

#[test]
fn errors_are_told_with_their_causes() {
    let cause = std::io::Error::other("the disk is full");
    let error = crate::StartError::ReadyFile {
        path: "x".to_owned(),
        source: cause,
    };
    let error: &(dyn std::error::Error + 'static) = &error;
    let log = Log::of(|| tracing::error!(error));
    assert_eq!(
        log.lines()[0]["fields"]["error"],
        "cannot write the ready file x: the disk is full"
    );
    assert_eq!(log.kept()[0].1, Weight::Urgent);
}

#[test]
fn ten_megabytes_are_cut_and_counted() {
    let long = "x".repeat(10_000_000);
    let odd = "\u{1b}ü\"".repeat(1_000_000);
    let log = Log::of(|| {
        tracing::info!(long, after = 1, "text");
        tracing::info!(long = ?long, after = 1, "debug");
        tracing::info!(odd, after = 1, "each character six bytes");
        tracing::info!("{long}");
    });
    let lines = log.lines();
    for line in &lines[..3] {
        assert_eq!(
            (&line["fields_cut"], &line["fields"]["after"]),
            (&1.into(), &1.into()),
            "{line}"
        );
    }
    let shown = lines[0]["fields"]["long"].as_str().unwrap();
    assert!(shown.starts_with("xxx") && shown.ends_with("x…[cut]"));
    assert!(shown.len() >= FIELD_BYTES_MAX && shown.len() < FIELD_BYTES_MAX + 10);
    assert!(lines[3]["message"].as_str().unwrap().ends_with("…[cut]"));
    assert_eq!(log.cut(), 4);
}

#[test]
fn many_long_fields_don_t_outgrow_a_line() {
    let long = "y".repeat(10_000);
    let log = Log::of(|| tracing::info!(a = long, b = long, c = long, d = long, e = 1, "m"));
    let line = &log.lines()[0];
    assert_eq!(line["message"], "m");
    assert!(line["fields_cut"].as_u64().unwrap() >= 3, "{line}");
}

/// Counts how much of it anybody wanted.
struct Endless<'a>(&'a std::cell::Cell<usize>);

impl fmt::Display for Endless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("0123456789")?;
            self.0.set(self.0.get() + 10);
        }
    }
}

#[test]
fn a_value_is_formatted_no_further_than_it_is_shown() {
    let count = std::cell::Cell::new(0);
    let log = Log::of(|| tracing::info!(endless = %Endless(&count), "x"));
    assert!(count.get() < 2 * FIELD_BYTES_MAX);
    assert_eq!(log.lines()[0]["fields_cut"], 1);
}

struct Talkative;

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("from within");
        f.write_str("done")
    }
}

struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::panic::resume_unwind(Box::new(()))
    }
}

#[test]
fn values_that_log_or_panic_while_they_are_written_do_no_harm() {
    let log = Log::of(|| {
        tracing::info!(x = %Talkative, "outer");
        let broken = || tracing::info!(x = %Broken, "never");
        assert!(std::panic::catch_unwind(broken).is_err());
        tracing::info!("after");
    });
    let lines = log.lines();
    let messages: Vec<_> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    // What is logged from within is lost under a subscriber for one thread, by `tracing`.
    assert_eq!(messages, ["outer", "after"]);
    assert_eq!(lines[0]["fields"]["x"], "done");
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
struct Login<'a> {
    user: &'a str,
    password: Option<&'a str>,
    headers: Vec<(&'a str, String)>,
}

#[test]
fn canaries_are_in_no_line_whatever_way_they_went() {
    let bearer = format!("Bearer {TOKEN}");
    let url = format!("postgres://shop:{PASSWORD}@db/x?api_key={TOKEN}");
    let login = Login {
        user: "me",
        password: Some(PASSWORD),
        headers: vec![("authorization", bearer.clone())],
    };
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", bearer.parse().unwrap());
    headers.insert("cookie", format!("sid={PASSWORD}").parse().unwrap());
    let error = std::io::Error::other(format!("refused by {url}"));
    let error: &(dyn std::error::Error + 'static) = &error;
    let log = Log::of(|| {
        tracing::info!("message {TOKEN}");
        tracing::info!(note = TOKEN, password = PASSWORD, "fields");
        tracing::info!(note = %bearer, url, "display");
        tracing::info!(?login, ?headers, "debug");
        tracing::error!(error, "error");
        tracing::info!(name = "password", value = PASSWORD, "name and value");
        tracing::info!(card = 4_111_111_111_111_111_u64, cvv = 123, "numbers");
        tracing::info!(
            json = serde_json::json!({ "password": PASSWORD }).to_string(),
            "json"
        );
        tracing::info!(body = ?format!("{{\"password\":\"{PASSWORD}\"}}"), "json in debug");
    });
    let text = log.text();
    for canary in [TOKEN, PASSWORD, "4111111111111111", "123,", ":123"] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
    let lines = log.lines();
    assert_eq!(lines[0]["message"], "message [redacted:api_key]");
    assert_eq!(lines[1]["fields"]["password"], "[redacted:password]");
    assert_eq!(lines[6]["fields"]["card"], "[redacted:card]");
    assert!(
        lines[3]["fields"]["login"]
            .as_str()
            .unwrap()
            .contains("user: \"me\"")
    );
}

#[test]
fn a_secret_on_the_edge_of_a_cut_is_seen_neither_whole_nor_in_part() {
    for from in (FIELD_BYTES_MAX - TOKEN.len() - 3..FIELD_BYTES_MAX + 3).rev() {
        let mut text = "- ".repeat(from / 2);
        text.push_str(&" ".repeat(from % 2));
        text.push_str(TOKEN);
        text.push_str(&" -".repeat(2_000));
        let log = Log::of(|| {
            tracing::info!(text, "text");
            tracing::info!(%text, "display");
        });
        assert!(!log.text().contains(&TOKEN[..9]), "at {from}");
        assert_eq!(log.cut(), 2);
        // And where what is looked at ends, too.
        let text = format!("{}password={PASSWORD}", "- ".repeat(from / 2));
        let log = Log::of(|| tracing::info!(%text, "x"));
        assert!(!log.text().contains(&PASSWORD[..3]), "at {from}");
    }
}

#[test]
fn memory_of_a_thread_goes_back_to_its_bound() {
    let long = "z".repeat(100_000);
    testkit::assert_no_leaks(20, async || {
        drop(Log::of(|| tracing::info!(long, "x")));
    });
}
