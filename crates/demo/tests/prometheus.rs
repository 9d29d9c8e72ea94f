//! `--with-prometheus`, with a script in the place of the real one; that one is
//! tried by `cargo xtask dashboards test`.

#![expect(clippy::expect_used, reason = "helpers of tests may fail the test")]

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use testkit::{ChildGuard, LIVENESS, wait_until};

/// Says who it is and what it was told, and stays.
const STAND_IN: &str = r#"#!/bin/sh
echo "$@" > "$STAND_IN.args"
echo $$ > "$STAND_IN.pid"
exec sleep 600
"#;

fn demo(dir: &Path, range: u16, path: &str) -> Command {
    let first = 31_500 + range * 50;
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let base = (0..20)
        .map(|step| first + step)
        .find(|&base| (base..base + 13).all(free))
        .expect("thirteen free ports in a row");
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .args(["--plain", "--with-prometheus", "--for", "60s", "--data"])
        .arg(dir.join("shop"))
        .args(["--base-port", &base.to_string()])
        .current_dir(dir)
        .env("PATH", path)
        .stdin(Stdio::null());
    command
}

fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[test]
fn it_scrapes_every_service_and_ends_with_a_demo_that_is_killed() {
    let parent = testkit::temp_dir();
    let dir = parent.path();
    let program = dir.join("prometheus");
    std::fs::write(&program, STAND_IN).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let said = dir.join("said");
    let mut command = demo(dir, 8, &path);
    command.env("STAND_IN", &said);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut shop = ChildGuard::spawn(&mut command);

    let pid = said.with_extension("pid");
    let written = || std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'));
    wait_until(LIVENESS, written);
    let args = std::fs::read_to_string(said.with_extension("args")).unwrap();
    let config = args
        .split_whitespace()
        .find_map(|arg| arg.strip_prefix("--config.file="));
    let config = std::fs::read_to_string(config.unwrap()).unwrap();
    for service in ["gateway", "orders", "inventory", "payments", "provider"] {
        assert!(
            config.contains(&format!("job_name: {service},")),
            "{config}"
        );
    }

    let pid = std::fs::read_to_string(&pid).unwrap();
    assert!(is_alive(pid.trim()), "{pid}");
    shop.kill().unwrap();
    wait_until(LIVENESS, || !is_alive(pid.trim()));
}

#[test]
fn without_one_the_shop_opens_and_says_how_to_get_one() {
    let parent = testkit::temp_dir();
    let dir = parent.path();
    let said = dir.join("stderr");
    let mut command = demo(dir, 9, "");
    command.stdout(Stdio::null());
    command.stderr(std::fs::File::create(&said).unwrap());
    let _shop = ChildGuard::spawn(&mut command);
    let journal = dir.join("shop/checker/journal.jsonl");
    let sells = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("placed"));
    wait_until(LIVENESS, sells);
    let said = std::fs::read_to_string(&said).unwrap();
    assert!(said.contains("apt-get install prometheus"), "{said}");
}
