//! Who may know whom.

use super::Violation;
use crate::workspace::Crate;

/// What a crate may depend on inside the workspace, other than in its tests.
///
/// Written down as a list of what is allowed: a new edge is a decision, and
/// the change that makes it shows up in this file.
const LAYERS: &[(&str, &[&str])] = &[
    ("watertight-core", &[]),
    ("watertight-store", &["watertight-core"]),
    ("watertight-macros", &[]),
    ("watertight", &["watertight-core", "watertight-macros"]),
    ("shop-types", &[]),
    ("shop-proto", &["shop-types"]),
    ("inventory", SERVICE),
    ("payments", SERVICE),
    ("orders", SERVICE),
    ("provider", PROVIDER),
    ("gateway", GATEWAY),
    ("edge-bench", &["watertight", "watertight-core"]),
    ("testkit", &["watertight-core"]),
    ("demo", DEMO),
    ("stack", STACK),
    ("xtask", &["watertight-core"]),
];

/// Services know the chassis and the shop's common words, never each other.
const SERVICE: &[&str] = &[
    "watertight",
    "watertight-core",
    "watertight-store",
    "shop-types",
    "shop-proto",
];

/// The stub of somebody else's company speaks no gRPC.
const PROVIDER: &[&str] = &[
    "watertight",
    "watertight-core",
    "watertight-store",
    "shop-types",
];

/// The gateway keeps nothing, so it knows no store.
const GATEWAY: &[&str] = &["watertight", "watertight-core", "shop-types", "shop-proto"];

/// The demo runs them all.
const DEMO: &[&str] = &[
    "watertight",
    "watertight-core",
    "watertight-store",
    "shop-types",
    "shop-proto",
    "inventory",
    "payments",
    "orders",
    "provider",
    "gateway",
];

/// Dashboards and rules know the catalogue of every crate that counts.
const STACK: &[&str] = &[
    "watertight",
    "watertight-store",
    "inventory",
    "payments",
    "orders",
    "gateway",
    "demo",
];

/// What watertight-core must not even link.
const IO_CRATES: &[&str] = &[
    "axum",
    "h2",
    "http",
    "hyper",
    "opentelemetry",
    "prost",
    "reqwest",
    "rusqlite",
    "rustix",
    "socket2",
    "tempfile",
    "tonic",
    "tracing-appender",
    "tracing-subscriber",
];

/// A crate that has no line in [`LAYERS`] stands nowhere.
pub(super) fn every_crate_has_a_place(crates: &[Crate]) -> Vec<Violation> {
    let homeless = crates.iter().filter(|krate| allowed(&krate.name).is_none());
    let violation = |krate: &Crate| Violation {
        rule: "layers",
        place: krate.name.clone(),
        what: "say in xtask/src/tidy/layers.rs what this crate may know".to_owned(),
    };
    homeless.map(violation).collect()
}

/// No edge of the graph goes anywhere [`LAYERS`] doesn't allow.
///
/// Tests, examples and build scripts may reach further, except in the chassis:
/// `watertight*` knows nothing of the shop, not even there.
pub(super) fn crates_know_only_what_is_below(crates: &[Crate]) -> Vec<Violation> {
    let ours = |name: &String| crates.iter().any(|krate| krate.name == *name);
    let mut found = Vec::new();
    for krate in crates {
        let allowed = allowed(&krate.name).unwrap_or_default();
        for name in krate.normal.iter().filter(|name| ours(name)) {
            if !allowed.contains(&name.as_str()) {
                found.push(edge(&krate.name, name, "must not depend on"));
            }
        }
        for name in krate.dev.iter().filter(|name| ours(name)) {
            if is_chassis(&krate.name) && !is_chassis(name) && name != "testkit" {
                found.push(edge(
                    &krate.name,
                    name,
                    "must not know, not even in its tests,",
                ));
            }
        }
    }
    found
}

/// The mechanisms stay free of sockets and files down to what they link.
pub(super) fn core_has_no_io_dependency(crates: &[Crate]) -> Vec<Violation> {
    let core = crates
        .iter()
        .filter(|krate| krate.name == "watertight-core");
    let does_io = |name: &&String| {
        let family = |io: &&str| **name == **io || name.starts_with(&format!("{io}-"));
        IO_CRATES.iter().any(family)
    };
    core.flat_map(|krate| &krate.normal)
        .filter(does_io)
        .map(|name| {
            edge(
                "watertight-core",
                name,
                "does no I/O and must not depend on",
            )
        })
        .collect()
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    LAYERS
        .iter()
        .find(|(krate, _)| *krate == name)
        .map(|(_, allowed)| *allowed)
}

fn is_chassis(name: &str) -> bool {
    name.starts_with("watertight")
}

fn edge(from: &str, to: &str, verb: &str) -> Violation {
    Violation {
        rule: "layers",
        place: from.to_owned(),
        what: format!("{verb} {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(name: &str, normal: &[&str], dev: &[&str]) -> Crate {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Crate {
            name: name.to_owned(),
            normal: owned(normal),
            dev: owned(dev),
            ..Crate::default()
        }
    }

    #[test]
    fn a_service_that_knows_another_is_found() {
        let crates = [
            krate("orders", &["inventory", "tonic"], &[]),
            krate("inventory", &[], &[]),
        ];
        let found = crates_know_only_what_is_below(&crates);
        assert_eq!(found, [edge("orders", "inventory", "must not depend on")]);
    }

    #[test]
    fn tests_of_a_service_may_use_another() {
        let crates = [
            krate("orders", &[], &["inventory"]),
            krate("inventory", &[], &[]),
        ];
        assert_eq!(crates_know_only_what_is_below(&crates), []);
    }

    #[test]
    fn a_chassis_that_knows_the_shop_is_found_even_in_its_tests() {
        let crates = [
            krate("watertight", &["shop-types"], &["orders", "testkit"]),
            krate("shop-types", &[], &[]),
            krate("orders", &[], &[]),
            krate("testkit", &[], &[]),
        ];
        assert_eq!(crates_know_only_what_is_below(&crates).len(), 2);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let found = every_crate_has_a_place(&[krate("gateway9", &[], &[])]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn io_in_the_core_is_found_by_family() {
        let core = krate("watertight-core", &["tokio", "axum", "hyper-util"], &[]);
        assert_eq!(core_has_no_io_dependency(&[core]).len(), 2);
    }
}
