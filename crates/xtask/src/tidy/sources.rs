//! What the Rust files must and must not say.

use super::{Violation, code};
use crate::workspace::SourceFile;

/// Longer files hold more than one idea.
const FILE_LINES_MAX: usize = 500;

/// A suite of tests may tell a longer story.
const TEST_LINES_MAX: usize = 800;

/// Services with the folders `api/`, `clients/`, `service/` and `store/`.
const SERVICES: &[&str] = &["gateway", "inventory", "orders", "payments", "provider"];

/// Crates whose types end at the edge of a service.
const TRANSPORT: &[&str] = &["axum", "hyper", "tonic", "tonic_types", "tonic_health"];

/// Modules that reach a socket, a file or another process.
const IO_MODULES: &[(&str, &str)] = &[
    ("std", "fs"),
    ("std", "net"),
    ("std", "process"),
    ("tokio", "fs"),
    ("tokio", "net"),
    ("tokio", "process"),
    ("tokio", "signal"),
];

/// The one crate that may one day argue for unsafe code.
const UNSAFE_CRATE: &str = "watertight-heap";

/// The crate that the chassis' attribute for tests stands on: its own tests can't
/// use it, and look into the registry themselves.
const BELOW_THE_TEST_ATTRIBUTE: &str = "watertight-core";

/// All rules over source files.
pub(super) fn check(files: &[SourceFile]) -> Vec<Violation> {
    let rules = [
        opens_with_a_doc,
        is_short,
        transport_ends_at_the_edge,
        only_store_names_the_database,
        core_does_no_io,
        unsafe_lives_in_one_crate,
        allow_has_a_reason,
        tests_look_for_tasks,
    ];
    let clean = |file: &SourceFile| SourceFile {
        text: code::without_comments_and_strings(&file.text),
        ..file.clone()
    };
    let both: Vec<_> = files
        .iter()
        .map(|file| Both {
            file,
            code: clean(file).text,
        })
        .collect();
    rules
        .iter()
        .flat_map(|rule| both.iter().flat_map(rule))
        .collect()
}

/// A file as it stands, and its code alone.
struct Both<'a> {
    file: &'a SourceFile,
    code: String,
}

impl Both<'_> {
    fn violation(&self, rule: &'static str, line: usize, what: &str) -> Violation {
        let SourceFile { krate, path, .. } = self.file;
        let place = format!("crates/{krate}/{path}:{line}");
        Violation {
            rule,
            place,
            what: what.to_owned(),
        }
    }

    fn is_below(&self, folders: &[&str]) -> bool {
        let path = &self.file.path;
        // `src/api.rs` is the index of `src/api/`.
        let belongs = |folder: &&str| {
            path.starts_with(&format!("src/{folder}/")) || *path == format!("src/{folder}.rs")
        };
        folders.iter().any(belongs)
    }

    fn is_service_source(&self) -> bool {
        SERVICES.contains(&self.file.krate.as_str()) && self.file.path.starts_with("src/")
    }

    fn naming(&self, rule: &'static str, names: &[&str], what: &str) -> Vec<Violation> {
        let lines = names
            .iter()
            .flat_map(|name| code::lines_naming(&self.code, name));
        lines.map(|line| self.violation(rule, line, what)).collect()
    }
}

/// Every file says in its first line what it is for.
fn opens_with_a_doc(both: &Both<'_>) -> Vec<Violation> {
    if both.file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![both.violation("opens-with-doc", 1, "say with `//!` what this file is for")]
}

fn is_short(both: &Both<'_>) -> Vec<Violation> {
    let lines = both.file.text.lines().count();
    let is_test = both.file.path.starts_with("tests/");
    let max = if is_test {
        TEST_LINES_MAX
    } else {
        FILE_LINES_MAX
    };
    if lines <= max {
        return Vec::new();
    }
    let what = format!("{lines} lines, at most {max}: split it by idea");
    vec![both.violation("file-length", lines, &what)]
}

/// Transport types end in `api/` and begin in `clients/`.
fn transport_ends_at_the_edge(both: &Both<'_>) -> Vec<Violation> {
    if !both.is_service_source() || both.is_below(&["api", "clients"]) {
        return Vec::new();
    }
    both.naming(
        "transport-at-the-edge",
        TRANSPORT,
        "only api/ and clients/ name transport types",
    )
}

fn only_store_names_the_database(both: &Both<'_>) -> Vec<Violation> {
    // The whole store of the provider is its ledger.
    if !both.is_service_source() || both.is_below(&["store", "ledger"]) {
        return Vec::new();
    }
    both.naming(
        "database-in-store",
        &["rusqlite"],
        "only store/ names the database",
    )
}

fn core_does_no_io(both: &Both<'_>) -> Vec<Violation> {
    if both.file.krate != "watertight-core" || !both.file.path.starts_with("src/") {
        return Vec::new();
    }
    let reached = |(krate, module): &(&str, &str)| code::lines_reaching(&both.code, krate, module);
    let lines = IO_MODULES.iter().flat_map(reached);
    lines
        .map(|line| both.violation("core-does-no-io", line, "watertight-core does no I/O"))
        .collect()
}

fn unsafe_lives_in_one_crate(both: &Both<'_>) -> Vec<Violation> {
    if both.file.krate == UNSAFE_CRATE {
        return Vec::new();
    }
    both.naming(
        "unsafe-in-one-crate",
        &["unsafe"],
        "no unsafe code outside watertight-heap",
    )
}

/// `#[expect(…, reason)]` says when it is no longer needed; `#[allow]` doesn't,
/// and without a reason it doesn't even say why.
fn allow_has_a_reason(both: &Both<'_>) -> Vec<Violation> {
    let opens = both.code.match_indices("allow(");
    let attributes = opens.filter(|(at, _)| {
        let before = both.code[..*at].trim_end();
        before.ends_with("#[") || before.ends_with("#![")
    });
    let bare = attributes.filter(|(at, _)| {
        let end = both.code[*at..]
            .find(']')
            .map_or(both.code.len(), |length| at + length);
        !both.code[*at..end].contains("reason")
    });
    let line = |at: usize| both.code[..at].matches('\n').count() + 1;
    let what = "write `#[expect(…, reason = \"…\")]`";
    bare.map(|(at, _)| both.violation("allow-has-a-reason", line(at), what))
        .collect()
}

/// tokio's attribute drops what a test leaves running, and nobody hears of it.
fn tests_look_for_tasks(both: &Both<'_>) -> Vec<Violation> {
    if both.file.krate == BELOW_THE_TEST_ATTRIBUTE {
        return Vec::new();
    }
    let lines = code::lines_reaching(&both.code, "tokio", "test");
    let what = "write `#[watertight::test]`: it fails if the test leaves tasks behind";
    lines
        .into_iter()
        .map(|line| both.violation("tests-look-for-tasks", line, what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str, path: &str, text: &str) -> Vec<&'static str> {
        let text = if text.starts_with("//!") {
            text.to_owned()
        } else {
            format!("//! x\n{text}")
        };
        let file = SourceFile {
            krate: krate.to_owned(),
            path: path.to_owned(),
            text,
        };
        check(&[file])
            .into_iter()
            .map(|violation| violation.rule)
            .collect()
    }

    #[test]
    fn a_file_without_a_first_word_is_found() {
        let file = SourceFile {
            krate: "demo".to_owned(),
            path: "tests/x.rs".to_owned(),
            text: "fn main() {}".to_owned(),
        };
        assert_eq!(check(&[file])[0].rule, "opens-with-doc");
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(
            found("demo", "src/x.rs", &"\n".repeat(FILE_LINES_MAX)),
            ["file-length"]
        );
        assert_eq!(
            found("demo", "src/x.rs", &"\n".repeat(FILE_LINES_MAX - 1)),
            [""; 0]
        );
        assert_eq!(
            found("demo", "tests/x.rs", &"\n".repeat(TEST_LINES_MAX)),
            ["file-length"]
        );
    }

    #[test]
    fn transport_types_inside_a_service_are_found() {
        let rule = ["transport-at-the-edge"];
        assert_eq!(
            found("orders", "src/service/saga.rs", "use tonic::Status;"),
            rule
        );
        assert_eq!(
            found("payments", "src/store.rs", "fn f(_: axum::Router) {}"),
            rule
        );
        assert_eq!(
            found("orders", "src/api/place.rs", "use tonic::Status;"),
            [""; 0]
        );
        assert_eq!(
            found("orders", "src/clients.rs", "use tonic::Status;"),
            [""; 0]
        );
        assert_eq!(found("orders", "tests/x.rs", "use tonic::Status;"), [""; 0]);
        assert_eq!(
            found("orders", "src/service/x.rs", "// no tonic here"),
            [""; 0]
        );
    }

    #[test]
    fn a_database_outside_the_store_is_found() {
        assert_eq!(
            found("orders", "src/api/x.rs", "rusqlite::Connection"),
            ["database-in-store"]
        );
        assert_eq!(
            found("orders", "src/store/sqlite.rs", "rusqlite::Connection"),
            [""; 0]
        );
    }

    #[test]
    fn io_in_the_core_is_found() {
        let rule = ["core-does-no-io"];
        assert_eq!(
            found("watertight-core", "src/x.rs", "use std::{fs, io};"),
            rule
        );
        assert_eq!(
            found("watertight-core", "src/x.rs", "tokio::net::TcpStream"),
            rule
        );
        assert_eq!(found("watertight", "src/x.rs", "std::fs::read(x)"), [""; 0]);
    }

    #[test]
    fn unsafe_code_is_found() {
        assert_eq!(
            found("demo", "src/x.rs", "unsafe { f() }"),
            ["unsafe-in-one-crate"]
        );
        assert_eq!(found(UNSAFE_CRATE, "src/x.rs", "unsafe { f() }"), [""; 0]);
        assert_eq!(found("demo", "src/x.rs", "#![deny(unsafe_code)]"), [""; 0]);
    }

    #[test]
    fn an_allow_without_a_reason_is_found() {
        assert_eq!(
            found("demo", "src/x.rs", "#[allow(dead_code)]"),
            ["allow-has-a-reason"]
        );
        assert_eq!(
            found("demo", "src/x.rs", "#![allow(\n  dead_code\n)]"),
            ["allow-has-a-reason"]
        );
        assert_eq!(
            found("demo", "src/x.rs", "#[allow(dead_code, reason = \"x\")]"),
            [""; 0]
        );
        assert_eq!(
            found("demo", "src/x.rs", "fn allow() { allow(1) }"),
            [""; 0]
        );
    }

    #[test]
    fn an_attribute_that_lets_tasks_go_is_found() {
        let rule = ["tests-look-for-tasks"];
        let attribute = "#[tokio::test(flavor = \"multi_thread\")]\nasync fn f() {}";
        assert_eq!(found("orders", "tests/x.rs", attribute), rule);
        assert_eq!(found("demo", "src/x.rs", "use tokio::{net, test};"), rule);
        assert_eq!(found("watertight-core", "tests/x.rs", attribute), [""; 0]);
        let ours = "#[watertight::test]\nasync fn f() {} // not #[tokio::test]";
        assert_eq!(found("orders", "tests/x.rs", ours), [""; 0]);
    }
}
