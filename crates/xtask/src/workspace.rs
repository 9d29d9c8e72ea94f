//! Reads the workspace into plain data, so that every rule is a pure function.

use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::error::Error;

/// The workspace as the rules see it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Directory of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// All members, by name.
    pub(crate) crates: Vec<Crate>,
}

/// One member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crate {
    /// Its name.
    pub(crate) name: String,
    /// Its directory, relative to the root.
    pub(crate) dir: PathBuf,
    /// Names of what it needs to run.
    pub(crate) normal: Vec<String>,
    /// Names of what its tests, examples and build script need besides.
    pub(crate) dev: Vec<String>,
}

/// One Rust file.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Name of the crate it belongs to.
    pub(crate) krate: String,
    /// Path relative to the crate's directory, for example `src/api/mod.rs`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// One parsed `Cargo.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// Name of the crate it belongs to.
    pub(crate) krate: String,
    /// What it says.
    pub(crate) table: toml::Table,
}

impl Workspace {
    /// Asks cargo; needs no network, as dependencies of dependencies are left out.
    pub(crate) fn load() -> Result<Self, Error> {
        let metadata = MetadataCommand::new()
            .no_deps()
            .exec()
            .map_err(Error::Metadata)?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let mut crates: Vec<Crate> = metadata
            .packages
            .iter()
            .map(|package| Crate::from_package(package, &root))
            .collect();
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root,
            target: metadata.target_directory.into_std_path_buf(),
            crates,
        })
    }

    /// Reads every `.rs` file below `crates/`.
    pub(crate) fn sources(&self) -> Result<Vec<SourceFile>, Error> {
        let mut files = Vec::new();
        for krate in &self.crates {
            let dir = self.root.join(&krate.dir);
            for path in rust_files(&dir)? {
                let text = read(&path)?;
                let below = path.strip_prefix(&dir).unwrap_or(&path);
                let path = below.to_string_lossy().into_owned();
                files.push(SourceFile {
                    krate: krate.name.clone(),
                    path,
                    text,
                });
            }
        }
        Ok(files)
    }

    /// Reads every member's manifest.
    pub(crate) fn manifests(&self) -> Result<Vec<Manifest>, Error> {
        let read_one = |krate: &Crate| {
            let path = self.root.join(&krate.dir).join("Cargo.toml");
            Ok(Manifest {
                krate: krate.name.clone(),
                table: read_toml(&path)?,
            })
        };
        self.crates.iter().map(read_one).collect()
    }
}

impl Crate {
    fn from_package(package: &cargo_metadata::Package, root: &Path) -> Self {
        let names = |normal: bool| {
            let wanted = |kind| (kind == DependencyKind::Normal) == normal;
            let chosen = package.dependencies.iter().filter(|dep| wanted(dep.kind));
            chosen.map(|dep| dep.name.clone()).collect()
        };
        let manifest = package.manifest_path.as_std_path();
        let dir = manifest.parent().unwrap_or(manifest);
        Self {
            name: package.name.to_string(),
            dir: dir.strip_prefix(root).unwrap_or(dir).to_path_buf(),
            normal: names(true),
            dev: names(false),
        }
    }
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let at = path.to_path_buf();
    std::fs::read_to_string(path).map_err(|source| Error::File {
        verb: "read",
        path: at,
        source,
    })
}

/// Reads and parses a TOML file.
pub(crate) fn read_toml(path: &Path) -> Result<toml::Table, Error> {
    let parsed = read(path)?.parse::<toml::Table>();
    parsed.map_err(|source| Error::Toml {
        path: path.to_path_buf(),
        source: Box::new(source),
    })
}

/// All Rust files below a directory, sorted; `target` directories are left out.
fn rust_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File {
        verb: "list",
        path: dir.to_path_buf(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
