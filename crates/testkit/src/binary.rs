//! Finding the binaries that cargo built beside the running test.

use std::path::{Path, PathBuf};

/// The path of the cargo binary `name` in the profile directory of this test.
///
/// Unlike `CARGO_BIN_EXE_…` it also finds binaries of other packages; they
/// must have been built before.
///
/// # Panics
///
/// If there is no such file.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    existing(&profile_dir().join(name))
}

/// The path of the cargo example `name`, built along with the tests of its package.
///
/// # Panics
///
/// If there is no such file.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    existing(&profile_dir().join("examples").join(name))
}

/// `target/<profile>`: tests run from `target/<profile>/deps`.
#[expect(
    clippy::expect_used,
    reason = "a test without an executable path can't go on"
)]
fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("path of the test executable");
    let deps = exe.parent().expect("directory of the test executable");
    if deps.ends_with("deps") {
        deps.parent().expect("profile directory").to_owned()
    } else {
        deps.to_owned()
    }
}

fn existing(path: &Path) -> PathBuf {
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} has not been built", path.display());
    path
}
