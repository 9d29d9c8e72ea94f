//! What the members' manifests must leave to the root.

use super::Violation;
use crate::workspace::Manifest;

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Versions stand only in `[workspace.dependencies]`.
pub(super) fn versions_stand_in_the_workspace(manifests: &[Manifest]) -> Vec<Violation> {
    let mut found = Vec::new();
    for Manifest { krate, table } in manifests {
        for (name, value) in dependencies(table) {
            if value.get("workspace") != Some(&toml::Value::Boolean(true)) {
                found.push(Violation {
                    rule: "workspace-versions",
                    place: krate.clone(),
                    what: format!(
                        "write `{name}.workspace = true`; the version stands in the root"
                    ),
                });
            }
        }
    }
    found
}

/// Every crate inherits the workspace's lints.
pub(super) fn lints_are_inherited(manifests: &[Manifest]) -> Vec<Violation> {
    let inherits = |manifest: &&Manifest| {
        let lints = manifest
            .table
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        lints == Some(&toml::Value::Boolean(true))
    };
    let without = manifests.iter().filter(|manifest| !inherits(manifest));
    let violation = |manifest: &Manifest| Violation {
        rule: "inherited-lints",
        place: manifest.krate.clone(),
        what: "add `[lints] workspace = true`".to_owned(),
    };
    without.map(violation).collect()
}

/// All dependencies of a manifest, those of one platform included.
fn dependencies(table: &toml::Table) -> Vec<(&String, &toml::Value)> {
    let targets = table.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|targets| targets.values());
    let homes = targets.filter_map(toml::Value::as_table).chain([table]);
    let tables = homes.flat_map(|home| TABLES.map(|name| home.get(name)));
    tables
        .flatten()
        .filter_map(toml::Value::as_table)
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> [Manifest; 1] {
        [Manifest {
            krate: "x".to_owned(),
            table: text.parse().unwrap(),
        }]
    }

    #[test]
    fn a_version_in_a_member_is_found_wherever_it_stands() {
        for text in [
            "[dependencies]\ntokio = \"1\"",
            "[dev-dependencies]\ntokio = { version = \"1\" }",
            "[build-dependencies]\nx = { path = \"../x\" }",
            "[target.'cfg(unix)'.dependencies]\nrustix = \"1\"",
        ] {
            assert_eq!(
                versions_stand_in_the_workspace(&manifest(text)).len(),
                1,
                "{text}"
            );
        }
        let clean = "[dependencies]\ntokio = { workspace = true, features = [\"fs\"] }";
        assert_eq!(versions_stand_in_the_workspace(&manifest(clean)), []);
    }

    #[test]
    fn lints_of_its_own_are_found() {
        assert_eq!(
            lints_are_inherited(&manifest("[lints.rust]\nx = \"allow\"")).len(),
            1
        );
        assert_eq!(lints_are_inherited(&manifest("")).len(), 1);
        assert_eq!(
            lints_are_inherited(&manifest("[lints]\nworkspace = true")),
            []
        );
    }
}
