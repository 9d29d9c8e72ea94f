//! What docker-compose.yml and its neighbours promise, checked without an
//! engine: limits, hardening, ports, profiles, pins.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What the README promises of the whole.
const CONTAINERS_MAX: usize = 14;
const MEMORY_MAX: u64 = 1_500_000_000;

/// What Compose adds to the shop in its profile `minimal`.
const ALWAYS: [&str; 8] = [
    "gateway",
    "orders",
    "inventory",
    "payments",
    "provider",
    "load",
    "prometheus",
    "grafana",
];

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap().to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose() -> Value {
    serde_saphyr::from_str(&text("docker-compose.yml")).expect("docker-compose.yml")
}

fn services() -> BTreeMap<String, Value> {
    let services = compose()["services"].as_object().unwrap().clone();
    services.into_iter().collect()
}

fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().into_iter().flatten();
    list.map(|entry| entry.as_str().unwrap()).collect()
}

/// `64m` as bytes.
fn bytes(size: &Value) -> u64 {
    let size = size.as_str().expect("a limit");
    let number: u64 = size.strip_suffix('m').expect("in m").parse().unwrap();
    number * 1_048_576
}

/// Variables with their defaults put in, as Compose does.
fn with_defaults(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, behind) = after.split_once('}').unwrap();
        out.push_str(before);
        out.push_str(variable.split_once(":-").expect("a default").1);
        rest = behind;
    }
    out + rest
}

#[test]
fn every_container_is_bounded_and_all_of_them_are_small() {
    let services = services();
    assert!(services.len() <= CONTAINERS_MAX, "{}", services.len());
    let mut sum = 0;
    for (name, service) in &services {
        let limit = bytes(&service["mem_limit"]);
        assert_eq!(
            service["mem_limit"], service["memswap_limit"],
            "{name} may swap"
        );
        assert!(
            service["pids_limit"].as_u64().is_some_and(|n| n <= 512),
            "{name}"
        );
        if let Some(soft) = service["environment"]["GOMEMLIMIT"].as_str() {
            let soft: u64 = soft.strip_suffix("MiB").unwrap().parse().unwrap();
            assert!(
                soft * 1_048_576 < limit,
                "{name}: the collector must act first"
            );
        }
        sum += limit;
    }
    assert!(sum <= MEMORY_MAX, "{sum} bytes together");
}

#[test]
fn every_container_is_hard() {
    for (name, service) in services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(
            strings(&service["security_opt"]),
            ["no-new-privileges:true"],
            "{name}"
        );
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        for key in [
            "privileged",
            "cap_add",
            "network_mode",
            "pid",
            "ipc",
            "devices",
            "container_name",
        ] {
            assert!(service.get(key).is_none(), "{name} has {key}");
        }
        // Ours has its user in the image.
        if service.get("build").is_none() {
            let user = service["user"].as_str().expect("a user");
            assert!(
                !user.starts_with('0') && !user.starts_with("root"),
                "{name}: {user}"
            );
        }
    }
    let dockerfile = text("deploy/docker/Dockerfile");
    assert!(dockerfile.contains("\nUSER 65532:65532\n"));
    assert!(dockerfile.contains("\nFROM scratch\n"));
}

#[test]
fn nothing_is_reached_from_other_machines_and_no_port_twice() {
    let mut seen = BTreeSet::new();
    for (name, service) in services() {
        for port in strings(&service["ports"]) {
            let port = with_defaults(port);
            let parts: Vec<_> = port.split(':').collect();
            assert_eq!((parts.len(), parts[0]), (3, "127.0.0.1"), "{name}: {port}");
            assert!(seen.insert(parts[1].to_owned()), "{port} twice");
        }
    }
    for wanted in ["7400", "7402", "7404", "7410", "3000"] {
        assert!(seen.contains(wanted), "{wanted}");
    }
}

#[test]
fn every_container_says_whether_it_is_well() {
    for (name, service) in services() {
        let check = &service["healthcheck"];
        assert_eq!(strings(&check["test"])[0], "CMD", "{name}");
        assert!(
            check["interval"].is_string() && check["timeout"].is_string(),
            "{name}"
        );
        assert!(
            check.get("start_interval").is_none(),
            "{name}: 1.29 doesn't know it"
        );
        for (option, value) in service["logging"]["options"].as_object().expect("logging") {
            assert!(value.is_string(), "{name}: {option}");
        }
    }
}

#[test]
fn images_are_pinned_and_nothing_sees_the_engine() {
    for (name, service) in services() {
        let image = with_defaults(service["image"].as_str().unwrap());
        let (_repository, tag) = image.rsplit_once(':').expect("a tag");
        if service.get("build").is_none() {
            let numbers = tag.trim_start_matches('v').split('.').count();
            assert_eq!(numbers, 3, "{name}: {image}");
        }
        for mount in strings(&service["volumes"]) {
            assert!(!mount.contains("docker.sock"), "{name}: {mount}");
            if let Some(path) = mount.strip_prefix("./") {
                let path = path.split(':').next().unwrap();
                assert!(mount.ends_with(":ro"), "{name}: {mount}");
                assert!(root().join(path).exists(), "{name}: {path} isn't there");
            }
        }
    }
}

#[test]
fn the_minimal_profile_is_the_shop_with_prometheus_and_grafana() {
    let all = services();
    let always: BTreeSet<_> = all
        .iter()
        .filter(|(_name, service)| service.get("profiles").is_none())
        .map(|(name, _service)| name.as_str())
        .collect();
    assert_eq!(always, BTreeSet::from(ALWAYS));
    for (name, service) in &all {
        let profiles = strings(&service["profiles"]);
        assert!(
            profiles.is_empty() || profiles == ["full"],
            "{name}: {profiles:?}"
        );
        // Compose refuses a dependency on what the profile leaves out.
        for needed in strings(&service["depends_on"]) {
            assert!(always.contains(needed), "{name} needs {needed}");
        }
    }
    assert!(text(".env").contains("\nCOMPOSE_PROFILES=full\n"));
}

#[test]
fn every_variable_is_in_the_example_with_the_same_default() {
    let example = text(".env.example");
    let file = text("docker-compose.yml");
    let mut named = BTreeSet::new();
    for part in file.split("${").skip(1) {
        let variable = part.split('}').next().unwrap();
        let (name, default) = variable.split_once(":-").expect("a default");
        let line = format!("\n{name}={default}\n");
        assert!(example.contains(&line), "{line:?} is not in .env.example");
        named.insert(name);
    }
    for line in example
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let name = line.split('=').next().unwrap();
        assert!(
            named.contains(name) || name == "COMPOSE_PROFILES",
            "{name} sets nothing"
        );
    }
}

#[test]
fn docker_compose_1_29_can_read_the_file() {
    let file = compose();
    for key in file.as_object().unwrap().keys() {
        let known = ["services", "volumes"].contains(&key.as_str()) || key.starts_with("x-");
        assert!(known, "{key}");
    }
    for volume in file["volumes"].as_object().unwrap().values() {
        // Nothing with a name of its own or from outside: `down -v` leaves nothing.
        assert!(volume.is_null(), "{volume}");
    }
    for (name, service) in services() {
        for key in ["env_file", "develop", "configs", "secrets", "models"] {
            assert!(service.get(key).is_none(), "{name} has {key}");
        }
    }
}

#[test]
fn nobody_can_log_in_to_grafana_and_everybody_may_look() {
    let grafana = &services()["grafana"]["environment"];
    for (name, value) in [
        ("GF_AUTH_ANONYMOUS_ENABLED", "true"),
        ("GF_AUTH_ANONYMOUS_ORG_ROLE", "Viewer"),
        ("GF_AUTH_DISABLE_LOGIN_FORM", "true"),
        ("GF_AUTH_BASIC_ENABLED", "false"),
        ("GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION", "true"),
    ] {
        assert_eq!(grafana[name], value, "{name}");
    }
    assert!(grafana.get("GF_SECURITY_ADMIN_PASSWORD").is_none());
}

#[test]
fn the_compiler_of_the_image_is_the_pinned_one() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let wanted = format!("\nARG RUST_IMAGE=rust:{channel}-");
    assert!(
        text("deploy/docker/Dockerfile").contains(&wanted),
        "{wanted}"
    );
}

#[test]
fn prometheus_scrapes_every_service_of_ours_by_its_name() {
    let config: Value = serde_saphyr::from_str(&text("deploy/prometheus/prometheus.yml")).unwrap();
    let jobs = config["scrape_configs"].as_array().unwrap();
    for (name, _service) in services().iter().filter(|(_n, s)| s.get("build").is_some()) {
        let job = jobs.iter().find(|job| job["job_name"] == **name);
        let target = &job.unwrap_or_else(|| panic!("{name}"))["static_configs"][0]["targets"][0];
        assert_eq!(target, &format!("{name}:9090"));
    }
    for rules in strings(&config["rule_files"]) {
        assert!(rules.starts_with("/etc/prometheus/rules/"), "{rules}");
    }
}
