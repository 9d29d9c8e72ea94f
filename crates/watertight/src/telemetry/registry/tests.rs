//! Tests of the registry.

use super::*;
use crate::series::{CONNECTIONS, HTTP_SERVER_DURATION, PROCESS_CPU};
use proptest::prelude::*;

fn lines(registry: &MetricsRegistry) -> Vec<String> {
    registry.render().lines().map(str::to_owned).collect()
}

fn count(registry: &MetricsRegistry, name: &'static str, label: String) {
    let key = Key::from_parts(name, vec![Label::new("l", label)]);
    let metadata = Metadata::new("", metrics::Level::INFO, None);
    registry.register_counter(&key, &metadata).increment(1);
}

#[test]
fn a_series_comes_with_its_meaning_its_kind_and_its_buckets() {
    let registry = MetricsRegistry::default();
    registry.within(|| {
        let ok = HTTP_SERVER_DURATION.with(["GET", "/v1/x", "200", ""]);
        ok.record(0.007);
        ok.record(100.0);
        PROCESS_CPU.get().set(1.25);
        CONNECTIONS.with(["main"]).set(3.0);
    });
    let lines = lines(&registry);
    let name = HTTP_SERVER_DURATION.name();
    let labels = r#"http_request_method="GET",http_route="/v1/x",http_response_status_code="200",error_type="""#;
    for line in [
        format!("# TYPE {name} histogram"),
        format!("{name}_bucket{{{labels},le=\"0.005\"}} 0"),
        format!("{name}_bucket{{{labels},le=\"0.01\"}} 1"),
        format!("{name}_bucket{{{labels},le=\"60\"}} 1"),
        format!("{name}_bucket{{{labels},le=\"+Inf\"}} 2"),
        format!("{name}_sum{{{labels}}} 100.007"),
        format!("{name}_count{{{labels}}} 2"),
        "# TYPE process_cpu_seconds_total counter".to_owned(),
        "process_cpu_seconds_total 1.25".to_owned(),
        "# TYPE server_connections gauge".to_owned(),
        "server_connections{listener=\"main\"} 3".to_owned(),
        format!("# HELP server_connections {}", CONNECTIONS.series().help()),
    ] {
        assert!(lines.contains(&line), "{line} is not in {lines:#?}");
    }
}

/// Of two values that were set there is no common one.
#[test]
fn gauges_beyond_the_bound_are_not_shown() {
    let registry = MetricsRegistry::new(2);
    registry.within(|| {
        for listener in ["a", "b", "c", "d"] {
            CONNECTIONS.with([listener]).set(1.0);
        }
    });
    let text = registry.render();
    assert!(
        text.contains("server_connections{listener=\"b\"} 1\n"),
        "{text}"
    );
    assert!(
        !text.contains("listener=\"c\"") && !text.contains("\"other\""),
        "{text}"
    );
    let dropped = "metrics_label_sets_dropped_total{metric=\"server_connections\"} 2\n";
    assert!(text.contains(dropped), "{text}");
}

/// Prometheus would take nothing of a page with such a line in it.
#[test]
fn names_that_prometheus_can_not_read_count_nothing() {
    let registry = MetricsRegistry::default();
    let metadata = Metadata::new("", metrics::Level::INFO, None);
    for (name, label) in [
        ("a.b_total", "l"),
        ("a-b_total", "l"),
        ("a\nb_total", "l"),
        ("1_total", "l"),
        ("", "l"),
        ("a_total", "l.m"),
        ("a_total", "l\"m"),
        ("a_total", ""),
    ] {
        let key = Key::from_parts(name, vec![Label::new(label, "v")]);
        registry.register_counter(&key, &metadata).increment(1);
    }
    let key = Key::from_parts("h_seconds", vec![Label::new("le", "1")]);
    registry.register_histogram(&key, &metadata).record(1.0);
    let samples = lines(&registry);
    assert!(
        samples.iter().all(|line| line.starts_with('#')),
        "{samples:?}"
    );
}

#[test]
fn a_handle_of_the_wrong_kind_counts_nothing() {
    let registry = MetricsRegistry::default();
    let metadata = Metadata::new("", metrics::Level::INFO, None);
    let key = Key::from_name("odd_total");
    registry.register_counter(&key, &metadata).increment(2);
    registry.register_histogram(&key, &metadata).record(1.0);
    registry.register_gauge(&key, &metadata).set(7.0);
    assert_eq!(
        lines(&registry),
        ["# TYPE odd_total counter", "odd_total 2"]
    );
}

#[test]
fn values_that_are_too_long_and_names_that_are_too_many_are_left_out() {
    let registry = MetricsRegistry::default();
    count(&registry, "a_total", "x".repeat(VALUE_BYTES_MAX + 1));
    let text = registry.render();
    assert!(text.contains("a_total{l=\"other\"} 1\n"), "{text}");
    assert!(text.contains("metrics_label_sets_dropped_total{metric=\"a_total\"} 1\n"));
    let metadata = Metadata::new("", metrics::Level::INFO, None);
    for i in 0..NAMES_MAX + 10 {
        let key = Key::from_name(format!("name_{i}"));
        registry.register_gauge(&key, &metadata).set(1.0);
    }
    assert_eq!(registry.read().len(), NAMES_MAX);
}

#[test]
fn all_names_together_have_a_bound() {
    let registry = MetricsRegistry::new(usize::MAX);
    let metadata = Metadata::new("", metrics::Level::INFO, None);
    for i in 0..LINES_MAX {
        let key = Key::from_parts("h_seconds", vec![Label::new("l", i.to_string())]);
        registry.register_histogram(&key, &metadata).record(1.0);
    }
    count(&registry, "a_total", "one more".to_owned());
    let lines = registry.render().lines().count();
    assert!(lines <= LINES_MAX + 2 * (LATENCY.len() + 3) + 10, "{lines}");
    assert!(registry.render().contains("a_total{l=\"other\"} 1\n"));
}

#[test]
fn two_scrapes_at_once_see_all_and_change_nothing() {
    let registry = MetricsRegistry::default();
    (0..400).for_each(|i| count(&registry, "a_total", i.to_string()));
    let alone = registry.render();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(registry.render(), alone);
                }
            });
        }
    });
}

proptest! {
    /// Nothing is lost at the bound, and nothing grows beyond it.
    #[test]
    fn label_sets_are_bounded_and_every_event_counts(
        max in 1_usize..20,
        events in prop::collection::vec((0_u8..3, 0_u16..60), 0..300),
    ) {
        let registry = MetricsRegistry::new(max);
        let names = ["a_total", "b_total", "c_total"];
        for (name, label) in &events {
            count(&registry, names[usize::from(*name)], label.to_string());
        }
        let text = registry.render();
        for (index, name) in names.iter().enumerate() {
            let of_it = || text.lines().filter_map(|line| line.strip_prefix(name));
            let of_it = || of_it().filter(|line| line.starts_with('{'));
            let expected = events.iter().filter(|(n, _)| usize::from(*n) == index).count();
            let counted: usize = of_it()
                .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
                .sum();
            prop_assert_eq!(counted, expected);
            prop_assert!(of_it().count() <= max + 1, "{}", text);
            let distinct: std::collections::BTreeSet<_> =
                events.iter().filter(|(n, _)| usize::from(*n) == index).map(|(_, l)| l).collect();
            let other = of_it().any(|line| line.contains("\"other\""));
            prop_assert_eq!(other, distinct.len() > max);
            let told = text.contains(&format!("metrics_label_sets_dropped_total{{metric=\"{name}\"}}"));
            prop_assert_eq!(told, other);
        }
    }
}
