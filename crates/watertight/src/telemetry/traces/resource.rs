//! Who sends: the attributes that all spans of a process have in common.

use super::encode::text;
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::fs;

/// What is known of this process, by the names of OpenTelemetry's conventions.
pub(super) fn of(service: &'static str, version: Option<&'static str>) -> Resource {
    let mut attributes = vec![
        text("service.name", service),
        text("service.instance.id", instance()),
        text("process.pid", std::process::id().to_string()),
        text("telemetry.sdk.name", "watertight"),
        text("telemetry.sdk.language", "rust"),
        text("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    if let Some(version) = version {
        attributes.push(text("service.version", version));
    }
    if let Some(host) = host() {
        attributes.push(text("host.name", host));
    }
    Resource {
        attributes,
        ..Resource::default()
    }
}

/// One run of one process: a random UUID.
fn instance() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xf << 76) | (4 << 76);
    let bits = bits & !(0b11 << 62) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// The machine's or the container's name; `None` where the system doesn't tell.
fn host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_a_random_uuid() {
        let (one, other) = (instance(), instance());
        assert_ne!(one, other);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
