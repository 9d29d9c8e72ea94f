//! The registry of the process, which `/metrics` shows.

use super::registry::MetricsRegistry;
use std::sync::OnceLock;

static REGISTRY: OnceLock<Option<MetricsRegistry>> = OnceLock::new();

/// Installs the recorder; where another one is installed already, `/metrics` stays empty.
pub(super) fn install() {
    REGISTRY.get_or_init(|| {
        let registry = MetricsRegistry::default();
        metrics::set_global_recorder(registry.clone()).ok()?;
        Some(registry)
    });
}

fn registry() -> Option<&'static MetricsRegistry> {
    REGISTRY.get().and_then(Option::as_ref)
}

/// The exposition text.
pub(crate) fn render() -> String {
    registry().map(MetricsRegistry::render).unwrap_or_default()
}

/// How many label sets a name may have from now on.
pub(crate) fn set_label_sets_max(label_sets_max: usize) {
    if let Some(registry) = registry() {
        registry.set_label_sets_max(label_sets_max);
    }
}
