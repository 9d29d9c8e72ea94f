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
    ("tokio::task::spawn", "drop(tokio::task::spawn(async {}));"),
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
        "tokio::runtime::Runtime::spawn",
        "drop(runtime.spawn(async {}));",
    ),
    (
        "tokio::runtime::Handle::current",
        "drop(tokio::runtime::Handle::current());",
    ),
    (
        "tokio::sync::mpsc::unbounded_channel",
        "drop(tokio::sync::mpsc::unbounded_channel::<u8>());",
    ),
    (
        "std::sync::mpsc::channel",
        "drop(std::sync::mpsc::channel::<u8>());",
    ),
    ("std::thread::spawn", "drop(std::thread::spawn(|| {}));"),
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
        "std::collections::LinkedList",
        "let _: Option<std::collections::LinkedList<u8>> = None;",
    ),
];

const MANIFEST: &str = r#"
[package]
name = "bans-fixture"
version = "0.0.0"
edition = "2024"

[dependencies]
tokio = { version = "1", features = ["rt", "rt-multi-thread", "sync"] }

[workspace]
"#;

const OPENING: &str = "//! Uses everything that is banned.\n\
    pub fn all(handle: &tokio::runtime::Handle, runtime: &tokio::runtime::Runtime) {\n";

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
    let lines: BTreeSet<u64> = messages.iter().filter_map(line_of_ban).collect();
    for ((path, line), number) in USES.iter().zip(first_line()..) {
        assert!(
            lines.contains(&number),
            "no diagnostic for {path}: {line}\n{messages:#?}"
        );
    }
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
        .env_remove("RUSTFLAGS")
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

/// The line of a message of a `clippy::disallowed_*` lint.
fn line_of_ban(message: &serde_json::Value) -> Option<u64> {
    let message = message.get("message")?;
    let code = message.get("code")?.get("code")?.as_str()?;
    code.starts_with("clippy::disallowed_").then_some(())?;
    message.get("spans")?.get(0)?.get("line_start")?.as_u64()
}
