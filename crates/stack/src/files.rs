//! The generated files: what they should be, and whether they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::{alerts, boards};

/// What is generated, by path from the root of the workspace.
type Files = BTreeMap<PathBuf, String>;

/// A part of the stack, with the directories that hold nothing but it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Dashboards,
    Alerts,
}

impl Part {
    /// Files of these endings in these directories are ours.
    const fn homes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Dashboards => &[("grafana/dashboards", "json")],
            Self::Alerts => &[
                ("deploy/prometheus/rules", "yml"),
                ("deploy/prometheus/tests", "yml"),
            ],
        }
    }

    /// The command that writes it.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Dashboards => "cargo xtask dashboards write",
            Self::Alerts => "cargo xtask alerts write",
        }
    }

    fn files(self) -> Files {
        match self {
            Self::Dashboards => {
                let boards = boards::all().into_iter();
                let file = |board: crate::dash::Dashboard| {
                    let name = board.uid.trim_start_matches("watertight-");
                    let path = format!("grafana/dashboards/{name}.json");
                    (PathBuf::from(path), board.json() + "\n")
                };
                boards.map(file).collect()
            }
            Self::Alerts => {
                let files = alerts::files(&alerts::groups()).into_iter();
                files.map(|(path, text)| (path.into(), text)).collect()
            }
        }
    }
}

/// Writes a part, and removes what is no longer of it.
pub(crate) fn write(root: &Path, part: Part) -> Result<usize, Error> {
    let files = part.files();
    for path in strangers(root, part, &files)? {
        let failed = at("remove", &path);
        std::fs::remove_file(&path).map_err(failed)?;
    }
    for (path, text) in &files {
        let path = root.join(path);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(at("create", dir))?;
        }
        std::fs::write(&path, text).map_err(at("write", &path))?;
    }
    Ok(files.len())
}

/// Which files of a part are not what the code makes.
pub(crate) fn drift(root: &Path, part: Part) -> Result<Vec<String>, Error> {
    let files = part.files();
    let mut found = Vec::new();
    for (path, text) in &files {
        match std::fs::read_to_string(root.join(path)) {
            Ok(there) if there == *text => {}
            Ok(_other) => found.push(format!("{} is out of date", path.display())),
            Err(_missing) => found.push(format!("{} is missing", path.display())),
        }
    }
    for path in strangers(root, part, &files)? {
        found.push(format!("{} is not made by the code", path.display()));
    }
    Ok(found)
}

/// Files in the part's directories that it doesn't have.
fn strangers(root: &Path, part: Part, files: &Files) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for (home, ending) in part.homes() {
        let dir = root.join(home);
        let Ok(entries) = std::fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries {
            let path = entry.map_err(at("read", &dir))?.path();
            let ours = path
                .strip_prefix(root)
                .is_ok_and(|path| files.contains_key(path));
            if !ours && path.extension().is_some_and(|it| it == *ending) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// An error at a path.
pub(crate) fn at(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { verb, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The workspace that these tests are built from.
    fn root() -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        root.canonicalize().unwrap()
    }

    #[test]
    fn nothing_has_drifted() {
        let root = root();
        for part in [Part::Dashboards, Part::Alerts] {
            let found = drift(&root, part).unwrap();
            assert!(found.is_empty(), "run `{}`: {found:#?}", part.command());
        }
    }

    #[test]
    fn drift_of_every_kind_is_found_and_mended() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(
            drift(root, Part::Dashboards).unwrap().len(),
            boards::all().len()
        );
        write(root, Part::Dashboards).unwrap();
        assert!(drift(root, Part::Dashboards).unwrap().is_empty());

        let home = root.join("grafana/dashboards");
        std::fs::write(home.join("memory.json"), "{}").unwrap();
        std::fs::write(home.join("by-hand.json"), "{}").unwrap();
        let found = drift(root, Part::Dashboards).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        write(root, Part::Dashboards).unwrap();
        assert!(drift(root, Part::Dashboards).unwrap().is_empty());
    }

    #[test]
    fn every_alert_has_a_runbook_that_says_what_to_do() {
        let root = root();
        for name in alerts::runbooks() {
            let path = root.join(format!("docs/runbooks/{name}.md"));
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for part in [
                "## Meaning",
                "## First look",
                "## Likely causes",
                "## Action",
            ] {
                assert!(text.contains(part), "{}: no {part}", path.display());
            }
        }
    }
}
