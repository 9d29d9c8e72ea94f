//! Tests against files as machines have them.

use super::*;
use crate::MetricsRegistry;

/// A machine of which only the files are there that are read.
fn machine(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cgroup");
    fixtures.join(name)
}

fn read(name: &str) -> Memory {
    Memory::read(&Place::find(&machine(name)).unwrap())
}

fn shown(memory: &Memory) -> String {
    let registry = MetricsRegistry::default();
    registry.within(|| show(memory));
    let text = registry.render();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn version_1_has_the_limit_of_the_groups_above_and_no_pressure() {
    let memory = read("v1");
    let expected = Memory {
        usage: Some(87_654_400),
        limit: Some(256 << 20),
        inactive_file: Some(12_288_000),
        oom_kills: Some(3),
        pressure: Pressure::default(),
    };
    assert_eq!(memory, expected);
    let text = shown(&memory);
    assert!(
        text.contains("cgroup_memory_working_set_bytes 75366400"),
        "{text}"
    );
    assert!(text.contains("cgroup_memory_oom_kills_total 3"), "{text}");
    assert!(!text.contains("stalled_seconds"), "{text}");
}

#[test]
fn version_2_has_the_lowest_limit_and_the_pressure() {
    let memory = read("v2");
    let expected = Memory {
        usage: Some(100 << 20),
        limit: Some(128 << 20),
        inactive_file: Some(24_576_000),
        oom_kills: Some(1),
        pressure: Pressure {
            some: Some(24_082_882),
            full: Some(7_795_979),
        },
    };
    assert_eq!(memory, expected);
    let text = shown(&memory);
    for line in [
        "cgroup_memory_usage_bytes 104857600",
        "cgroup_memory_limit_bytes 134217728",
        "cgroup_memory_stalled_seconds_total{tasks=\"some\"} 24.082882",
        "cgroup_memory_stalled_seconds_total{tasks=\"full\"} 7.795979",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn what_the_kernel_does_not_say_is_absent_and_not_zero() {
    let memory = read("v2-root");
    assert_eq!(
        (memory.usage, memory.limit, memory.oom_kills),
        (None, None, None)
    );
    let text = shown(&memory);
    let named = |line: &str| line.starts_with("cgroup_memory_stalled_seconds_total");
    assert!(!text.is_empty() && text.lines().all(named), "{text}");
    assert_eq!(shown(&Memory::default()), "");
    assert_eq!(Place::find(&machine("none")), None);
}

#[test]
fn this_machine_is_read_without_harm() {
    // Whatever it has: a limit is more than what is used, within what may change meanwhile.
    let Some(place) = Place::find(Path::new("/")) else {
        return;
    };
    let memory = Memory::read(&place);
    if let (Some(usage), Some(limit)) = (memory.usage, memory.limit) {
        assert!(usage <= limit + (64 << 20), "{memory:?}");
    }
}

#[test]
fn garbage_gives_nothing() {
    assert_eq!(
        v2::pressure("some avg10=x total=-1\nfull\nfullx total=3"),
        Pressure::default()
    );
    assert_eq!(field("oom_kill_disable 1\noom_kill x\n", "oom_kill"), None);
    assert_eq!(
        field("oom_kill_disable 1\noom_kill 4\n", "oom_kill"),
        Some(4)
    );
}
