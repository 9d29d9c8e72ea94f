//! Proof that each ban of `clippy.toml` fires.
//!
//! clippy says nothing about a path that it can't resolve in the crate at hand:
//! a typo in a ban, or a function that moved, would go unnoticed for ever. So a
//! made-up crate that uses everything banned, one use a line, goes through
//! clippy with our configuration, and each line must draw its diagnostic.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One line for each ban; the path must be the one that `clippy.toml` has.
const USES: &[(&str, &str)] = &[
    ("tokio::spawn", "drop(tokio::spawn(async {}));"),
    ("tokio::spawn", "drop(tokio::task::spawn(async {}));"),
    (
        "tokio::task::spawn_local",
        "drop(tokio::task::spawn_local(async {}));",
    ),
    (
        "tokio::task::spawn_blocking",
        "drop(tokio::task::spawn_blocking(|| {}));",
    ),
    (
        "tokio::runtime::Handle::spawn",
        "drop(handle.spawn(async {}));",
    ),
    (
        "tokio::runtime::Handle::spawn_blocking",
        "drop(handle.spawn_blocking(|| {}));",
    ),
    (
        "tokio::runtime::Handle::current",
        "drop(tokio::runtime::Handle::current());",
    ),
    (
        "tokio::runtime::Handle::try_current",
        "drop(tokio::runtime::Handle::try_current());",
    ),
    (
        "tokio::runtime::Runtime::spawn",
        "drop(runtime.spawn(async {}));",
    ),
    (
        "tokio::runtime::Runtime::spawn_blocking",
        "drop(runtime.spawn_blocking(|| {}));",
    ),
    (
        "tokio::task::LocalSet::spawn_local",
        "drop(set.spawn_local(async {}));",
    ),
    ("std::thread::spawn", "drop(std::thread::spawn(|| {}));"),
    (
        "std::thread::Builder::spawn",
        "drop(std::thread::Builder::new().spawn(|| {}));",
    ),
    (
        "tokio::sync::mpsc::unbounded_channel",
        "drop(tokio::sync::mpsc::unbounded_channel::<u8>());",
    ),
    (
        "std::sync::mpsc::channel",
        "drop(std::sync::mpsc::channel::<u8>());",
    ),
    (
        "futures_channel::mpsc::unbounded",
        "drop(futures_channel::mpsc::unbounded::<u8>());",
    ),
    (
        "crossbeam_channel::unbounded",
        "drop(crossbeam_channel::unbounded::<u8>());",
    ),
    ("tokio::time::sleep", "drop(tokio::time::sleep(d));"),
    (
        "tokio::time::sleep_until",
        "drop(tokio::time::sleep_until(at));",
    ),
    ("tokio::time::interval", "drop(tokio::time::interval(d));"),
    (
        "tokio::time::interval_at",
        "drop(tokio::time::interval_at(at, d));",
    ),
    (
        "tokio::time::timeout",
        "drop(tokio::time::timeout(d, async {}));",
    ),
    (
        "tokio::time::timeout_at",
        "drop(tokio::time::timeout_at(at, async {}));",
    ),
    (
        "futures_util::future::join_all",
        "drop(future::join_all([ready(1)]));",
    ),
    (
        "futures_util::future::try_join_all",
        "drop(future::try_join_all([ready(OK)]));",
    ),
    (
        "futures_util::future::join",
        "drop(future::join(ready(1), ready(2)));",
    ),
    (
        "futures_util::future::try_join",
        "drop(future::try_join(ready(OK), ready(OK)));",
    ),
    (
        "futures_util::future::select",
        "drop(future::select(ready(1), ready(2)));",
    ),
    (
        "futures_util::future::select_all",
        "drop(future::select_all([ready(1)]));",
    ),
    (
        "futures_util::future::select_ok",
        "drop(future::select_ok([ready(OK)]));",
    ),
    (
        "futures_util::stream::StreamExt::buffered",
        "drop(stream::iter([ready(1)]).buffered(2));",
    ),
    (
        "futures_util::stream::StreamExt::buffer_unordered",
        "drop(stream::iter([ready(1)]).buffer_unordered(2));",
    ),
    (
        "futures_util::stream::StreamExt::for_each_concurrent",
        "drop(stream::iter([1]).for_each_concurrent(2, |_: u8| ready(())));",
    ),
    ("std::mem::forget", "std::mem::forget(String::new());"),
    (
        "std::boxed::Box::leak",
        "let _: &mut u8 = Box::leak(Box::new(0));",
    ),
    (
        "std::vec::Vec::leak",
        "let _: &mut [u8] = Vec::<u8>::new().leak();",
    ),
    (
        "std::string::String::leak",
        "let _: &mut str = String::new().leak();",
    ),
    ("std::process::exit", "if false { std::process::exit(1) }"),
    (
        "std::time::SystemTime::now",
        "let _ = std::time::SystemTime::now();",
    ),
    (
        "tokio::task::JoinSet",
        "let _: Option<tokio::task::JoinSet<u8>> = None;",
    ),
    (
        "tokio::task::LocalSet",
        "let _: Option<tokio::task::LocalSet> = None;",
    ),
    (
        "tokio::task::Builder",
        "let _: Option<tokio::task::Builder<'_>> = None;",
    ),
    (
        "tokio_util::task::TaskTracker",
        "let _: Option<tokio_util::task::TaskTracker> = None;",
    ),
    (
        "tokio_util::task::LocalPoolHandle",
        "let _: Option<tokio_util::task::LocalPoolHandle> = None;",
    ),
    (
        "futures_util::stream::FuturesUnordered",
        "let _: Option<stream::FuturesUnordered<Ready<u8>>> = None;",
    ),
    (
        "futures_util::stream::FuturesOrdered",
        "let _: Option<stream::FuturesOrdered<Ready<u8>>> = None;",
    ),
    (
        "std::collections::LinkedList",
        "let _: Option<std::collections::LinkedList<u8>> = None;",
    ),
    (
        "tokio::select",
        "drop(async { tokio::select! { () = ready(()) => {} } });",
    ),
    ("tokio::join", "drop(async { tokio::join!(ready(1)) });"),
    (
        "tokio::try_join",
        "drop(async { tokio::try_join!(ready(OK)) });",
    ),
    (
        "futures_util::select",
        "drop(async { futures_util::select! { () = ready(()) => {} } });",
    ),
    (
        "futures_util::select_biased",
        "drop(async { futures_util::select_biased! { () = ready(()) => {} } });",
    ),
    (
        "futures_util::join",
        "drop(async { futures_util::join!(ready(1)) });",
    ),
    (
        "futures_util::try_join",
        "drop(async { futures_util::try_join!(ready(OK)) });",
    ),
    ("metrics::with_recorder", "metrics::with_recorder(|_| ());"),
    ("metrics::counter", r#"drop(metrics::counter!("a"));"#),
    ("metrics::gauge", r#"drop(metrics::gauge!("a"));"#),
    ("metrics::histogram", r#"drop(metrics::histogram!("a"));"#),
    (
        "metrics::describe_counter",
        r#"metrics::describe_counter!("a", "");"#,
    ),
    (
        "metrics::describe_gauge",
        r#"metrics::describe_gauge!("a", "");"#,
    ),
    (
        "metrics::describe_histogram",
        r#"metrics::describe_histogram!("a", "");"#,
    ),
];

const MANIFEST: &str = r#"
[package]
name = "bans-fixture"
version = "0.0.0"
edition = "2024"

[dependencies]
crossbeam-channel = "0.5"
futures-channel = "0.3"
futures-util = "0.3"
metrics = "0.24"
tokio = { version = "1", features = ["macros", "rt", "rt-multi-thread", "sync", "time", "tracing"] }
tokio-util = { version = "0.7", features = ["rt"] }

[workspace]
"#;

const OPENING: &str = "//! Uses everything that is banned.
use futures_util::future::{self, Ready, ready};
use futures_util::stream::{self, StreamExt as _};
const OK: Result<u8, u8> = Ok(1);
pub fn all(
    handle: &tokio::runtime::Handle, runtime: &tokio::runtime::Runtime, set: &tokio::task::LocalSet,
    d: std::time::Duration, at: tokio::time::Instant,
) {
";

type Failure = Box<dyn Error>;

#[test]
fn every_ban_fires() -> Result<(), Failure> {
    let banned = banned_paths(&root().join("clippy.toml"))?;
    let used: BTreeSet<String> = USES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        banned, used,
        "clippy.toml and the uses in this test have to name the same paths"
    );

    let messages = clippy(&fixture()?)?;
    let fired: BTreeSet<(u64, String)> = messages.iter().filter_map(fired).collect();
    let silent: Vec<_> = USES
        .iter()
        .zip(first_line()..)
        .filter(|((path, _), number)| !fired.contains(&(*number, (*path).to_owned())))
        .collect();
    assert!(
        silent.is_empty(),
        "no diagnostic for {silent:#?} among {fired:#?}"
    );
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn banned_paths(clippy_toml: &Path) -> Result<BTreeSet<String>, Failure> {
    let table: toml::Table = fs::read_to_string(clippy_toml)?.parse()?;
    let lists = [
        "disallowed-methods",
        "disallowed-types",
        "disallowed-macros",
    ];
    let entries = lists
        .iter()
        .filter_map(|list| table.get(*list)?.as_array())
        .flatten();
    let path = |entry: &toml::Value| {
        let path = entry.get("path").unwrap_or(entry).as_str();
        path.map(str::to_owned)
            .ok_or_else(|| format!("no path in {entry:?}").into())
    };
    entries.map(path).collect()
}

/// Writes the crate, with the workspace's lock so that nothing has to be fetched.
fn fixture() -> Result<PathBuf, Failure> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bans");
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("Cargo.toml"), MANIFEST)?;
    for file in ["Cargo.lock", "clippy.toml"] {
        fs::copy(root().join(file), dir.join(file))?;
    }
    let body: Vec<&str> = USES.iter().map(|(_, line)| *line).collect();
    fs::write(
        dir.join("src/lib.rs"),
        format!("{OPENING}{}\n}}\n", body.join("\n")),
    )?;
    Ok(dir)
}

fn first_line() -> u64 {
    OPENING.lines().zip(2..).last().map_or(1, |(_, next)| next)
}

/// Runs clippy over the crate and returns what it says, as JSON.
fn clippy(dir: &Path) -> Result<Vec<serde_json::Value>, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "clippy",
            "--offline",
            "--message-format=json",
            "--target-dir",
        ])
        .arg(dir.join("target"))
        // Else clippy would take the configuration of whoever runs this test.
        .env("CLIPPY_CONF_DIR", dir)
        // For `tokio::task::Builder`.
        .env("RUSTFLAGS", "--cfg tokio_unstable")
        .current_dir(dir)
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(
        !stderr.contains("does not refer to"),
        "a ban leads nowhere:\n{stderr}"
    );
    let stdout = String::from_utf8(output.stdout)?;
    Ok(stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

/// Line and path of a message of a `clippy::disallowed_*` lint.
fn fired(message: &serde_json::Value) -> Option<(u64, String)> {
    let message = message.get("message")?;
    let code = message.get("code")?.get("code")?.as_str()?;
    code.starts_with("clippy::disallowed_").then_some(())?;
    let mut span = message.get("spans")?.get(0)?;
    // Out of the macro, to the line of ours that calls it.
    while let Some(outer) = span.pointer("/expansion/span") {
        span = outer;
    }
    let line = span.get("line_start")?.as_u64()?;
    let path = message.get("message")?.as_str()?.split('`').nth(1)?;
    Some((line, path.to_owned()))
}
