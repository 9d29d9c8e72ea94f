//! What a process says when it can't start.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A user who owns nothing, for those who run tests as root.
const NOBODY: u32 = 65_534;

fn orders(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    let nowhere = "http://127.0.0.1:1";
    command.arg("--data").arg(dir);
    command.args(["--listen", "127.0.0.1:0"]);
    command.args(["--inventory", nowhere, "--payments", nowhere]);
    command
}

/// Runs it until it gives up; its exit code and what it said.
fn fails(mut command: Command) -> std::io::Result<(Option<i32>, String)> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), said))
}

#[test]
fn a_directory_that_can_not_be_written_to_is_named() {
    let dir = testkit::temp_dir();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    // The way there is open to everybody, the directory is shut for writing.
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&data, Permissions::from_mode(0o555)).unwrap();
    let mut command = orders(&data);
    if std::fs::write(data.join("probe"), "").is_ok() {
        // Root writes anywhere.
        std::fs::remove_file(data.join("probe")).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let (code, said) = match fails(command) {
        Ok(failed) => failed,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            eprintln!("skipped: nobody but root may run the binary here: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(data.to_str().unwrap()), "{said}");
    assert!(said.contains("not writable"), "{said}");
}

#[test]
fn retentions_that_would_free_keys_too_early_are_a_bad_command_line() {
    let dir = testkit::temp_dir();
    for (flags, named) in [
        (
            [
                "--key-retention",
                "60000ms",
                "--saga-forward-max",
                "60001ms",
            ],
            [
                "--key-retention: 1m must not be less than saga_forward_max",
                "saga_forward_max is 60001ms, --saga-forward-max",
            ],
        ),
        (
            ["--retention", "200000ms", "--key-retention", "200001ms"],
            [
                "--retention: 200s must not be less than key_retention",
                "key_retention is 200001ms, --key-retention",
            ],
        ),
    ] {
        let mut command = orders(dir.path());
        command.args(flags);
        let (code, said) = fails(command).unwrap();
        assert_eq!(code, Some(2), "{said}");
        for flag in named {
            assert!(said.contains(flag), "{said}");
        }
    }
    assert!(!dir.path().join("orders.db").exists());
}
