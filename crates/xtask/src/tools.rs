//! Tools that CI needs beside the Rust toolchain: found or installed, pinned.
//!
//! They go to `.tools/` in the workspace, so that `cargo clean` leaves them
//! alone and nothing outside the workspace changes. What can't be had is not an
//! error here: the stage that wanted it says so in the summary.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::error::{Error, chain};
use crate::process;
use crate::workspace::Workspace;

const CARGO_DENY: &str = "0.20.2";
const BUF: &str = "1.75.0";
const GRPCURL: &str = "v1.9.4";

/// Building cargo-deny takes 40 s on two cores.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where the executable is, or why it can't be had.
pub(crate) type Found = Result<PathBuf, String>;

/// The first executable of this name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// cargo-deny, built from its source: in the debug profile, as it is used once.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<Found, Error> {
    let home = home(workspace, "cargo-deny", CARGO_DENY);
    let mut cargo = process::cargo();
    cargo.args([
        "install",
        "cargo-deny",
        "--locked",
        "--debug",
        "--version",
        CARGO_DENY,
    ]);
    cargo.arg("--root").arg(&home);
    cargo
        .env("CARGO_TARGET_DIR", home.join("build"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    let found = install(&home.join("bin/cargo-deny"), &mut cargo)?;
    // Half a gigabyte that nobody needs again; if it can't go, it can stay.
    drop(std::fs::remove_dir_all(home.join("build")));
    Ok(found)
}

/// buf, as npm offers it.
pub(crate) fn buf(workspace: &Workspace) -> Result<Found, Error> {
    if on_path("npm").is_none() {
        return Ok(Err("buf needs npm, which is not installed".to_owned()));
    }
    let home = home(workspace, "buf", BUF);
    let mut npm = process::command("npm");
    npm.args([
        "install",
        "--no-fund",
        "--no-audit",
        "--loglevel",
        "error",
        "--prefix",
    ]);
    npm.arg(&home).arg(format!("@bufbuild/buf@{BUF}"));
    install(&home.join("node_modules/.bin/buf"), &mut npm)
}

/// grpcurl, from `PATH` or built with Go.
pub(crate) fn grpcurl(workspace: &Workspace) -> Result<Found, Error> {
    if let Some(found) = on_path("grpcurl") {
        return Ok(Ok(found));
    }
    if on_path("go").is_none() {
        return Ok(Err("neither grpcurl nor Go is installed".to_owned()));
    }
    let home = home(workspace, "grpcurl", GRPCURL);
    let mut go = process::command("go");
    go.arg("install").arg(format!(
        "github.com/fullstorydev/grpcurl/cmd/grpcurl@{GRPCURL}"
    ));
    install(&home.join("grpcurl"), go.env("GOBIN", &home))
}

/// A directory with prometheus, promtool and amtool: from `PATH`, or Debian's
/// packages, unpacked and not installed, so that no service is started and
/// nothing outside the workspace changes.
pub(crate) fn prometheus(workspace: &Workspace) -> Result<Found, Error> {
    const PROGRAMS: [&str; 3] = ["prometheus", "promtool", "amtool"];
    let there = |dir: &Path| PROGRAMS.iter().all(|name| dir.join(name).is_file());
    let installed = on_path("prometheus").and_then(|file| Some(file.parent()?.to_path_buf()));
    if let Some(dir) = installed.filter(|dir| there(dir)) {
        return Ok(Ok(dir));
    }
    let home = workspace.root.join(".tools").join("prometheus");
    let bin = home.join("usr/bin");
    if there(&bin) {
        return Ok(Ok(bin));
    }
    if on_path("apt-get").is_none() || on_path("dpkg").is_none() {
        let why = "neither prometheus, promtool and amtool nor Debian's apt-get are installed";
        return Ok(Err(why.to_owned()));
    }
    let failed = |source| Error::File {
        verb: "create",
        path: home.clone(),
        source,
    };
    std::fs::create_dir_all(&home).map_err(failed)?;
    // A machine whose lists of packages are fresh needs no root for this.
    let script = "apt-get -qq download prometheus prometheus-alertmanager \
        || { apt-get -qq update && apt-get -qq download prometheus prometheus-alertmanager; } \
        || exit 1; for deb in *.deb; do dpkg -x \"$deb\" . && rm \"$deb\"; done";
    let mut sh = process::command("sh");
    sh.args(["-c", script]).current_dir(&home);
    let amtool = install(&bin.join("amtool"), &mut sh)?;
    Ok(amtool.and_then(|_amtool| match there(&bin) {
        true => Ok(bin),
        false => Err("Debian's packages lack one of prometheus, promtool, amtool".to_owned()),
    }))
}

/// The Python of an environment under `.tools/NAME` that has exactly these
/// requirements; what pip fetches for them stays in `.tools/pip`.
pub(crate) fn python(
    workspace: &Workspace,
    name: &str,
    requirements: &str,
) -> Result<Found, Error> {
    if on_path("python3").is_none() {
        return Ok(Err("python3 is not installed".to_owned()));
    }
    let tools = workspace.root.join(".tools");
    let home = tools.join(name);
    let (python, has) = (home.join("bin/python"), home.join("requirements.txt"));
    // Written last: an environment without it is half made.
    if python.is_file() && std::fs::read_to_string(&has).is_ok_and(|text| text == requirements) {
        return Ok(Ok(python));
    }
    drop(std::fs::remove_dir_all(&home));
    let mut venv = process::command("python3");
    venv.args(["-m", "venv"]).arg(&home);
    if let Err(why) = install(&python, &mut venv)? {
        return Ok(Err(why));
    }
    let wanted = home.join("wanted.txt");
    let failed = |source| Error::File {
        verb: "write",
        path: wanted.clone(),
        source,
    };
    std::fs::write(&wanted, requirements).map_err(failed)?;
    let mut pip = process::command(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--retries", "2"]);
    pip.args(["--disable-pip-version-check", "--cache-dir"]);
    pip.arg(tools.join("pip")).arg("-r").arg(&wanted);
    match process::run(&mut pip, INSTALL_LIMIT) {
        Ok(()) => {}
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => return Ok(Err(chain(&error))),
    }
    std::fs::rename(&wanted, &has).map_err(failed)?;
    Ok(Ok(python))
}

fn home(workspace: &Workspace, tool: &str, version: &str) -> PathBuf {
    workspace
        .root
        .join(".tools")
        .join(format!("{tool}-{version}"))
}

/// Runs the installer unless the tool is there; only an interrupt is an error.
fn install(tool: &Path, installer: &mut Command) -> Result<Found, Error> {
    if tool.is_file() {
        return Ok(Ok(tool.to_path_buf()));
    }
    println!(
        "installing {} into .tools",
        tool.file_name().unwrap_or_default().display()
    );
    match process::run(installer, INSTALL_LIMIT) {
        Ok(()) if tool.is_file() => Ok(Ok(tool.to_path_buf())),
        Ok(()) => Ok(Err(format!(
            "{} was not where its installer should put it",
            tool.display()
        ))),
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => Ok(Err(chain(&error))),
    }
}
