//! The settings of the service; the chassis' own come beside them.

use std::time::Duration;

use http::HeaderValue;
use watertight::config::{Checks, Kind, Url, Value};

watertight::settings! {
    /// Settings of the gateway.
    [gateway, check = check]
    pub struct Cfg {
        /// Where orders listens.
        pub orders: Url = required()
            .wrong("all calls about orders answer 503")
            .metric("http_server_request_duration_seconds"),
        /// Where inventory listens.
        pub inventory: Url = required()
            .wrong("all calls about stock and all imports answer 503")
            .metric("http_server_request_duration_seconds"),
        /// Event streams at once; one more is refused with 429.
        pub events_max: usize = default("1000").range("1", "8000").live()
            .breaks("customers can't watch their orders", "streams take memory here and places in orders (watchers_max)")
            .metric("gateway_event_streams, orders_watchers"),
        /// How often a silent event stream says that it is alive.
        pub events_heartbeat: Duration = default("15s").range("10ms", "1d").live()
            .breaks("heartbeats cost more than events", "proxies close streams that look dead, and callers that left are noticed late")
            .metric("gateway_event_streams"),
        /// How long an event stream may stay open without a change of the order.
        pub events_idle: Duration = default("10m").range("10ms", "1d").live()
            .breaks("browsers come back all the time", "streams that nobody needs any more pile up")
            .metric("gateway_event_streams, orders_watchers"),
        /// Imports at once; one more is refused with 429. Each holds a few MiB.
        pub imports_max: usize = default("4").range("1", "64").live()
            .breaks("imports are refused while there is room", "imports take memory, and the disk of inventory from orders")
            .metric("gateway_import_rows_total, process_resident_memory_bytes"),
        /// How long an import may take that names no time of its own, and the longest time that one may ask for.
        pub import_timeout: Duration = default("6h").range("10ms", "1d")
            .breaks("large imports are cut off; what was acknowledged stays", "imports that hang hold their place (imports_max)")
            .metric("http_server_request_duration_seconds"),
        /// Origins whose pages may call this service from a browser; `*` for any. Without one, no page of another origin can.
        pub cors_origin: Vec<Origin> = optional()
            .wrong("pages can't reach the service, or strangers' pages can")
            .metric("http_server_request_duration_seconds"),
    }
}

/// `*` next to an origin would make that origin's line a lie.
fn check(cfg: &Cfg, checks: &mut Checks<'_>) {
    if cfg.cors_origin.len() > 1 && cfg.cors_origin.iter().any(Origin::is_any) {
        checks.fail("cors_origin", "must be * alone, or origins", &[]);
    }
}

/// `scheme://host[:port]`, as browsers send it, or `*` for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// Whether it stands for all there are.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// As the value of a header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl Value for Origin {
    const KIND: Kind = Kind::text("ORIGIN");

    fn parse(text: &str) -> Result<Self, String> {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let is_host = |host: &str| {
            let plain = |byte: u8| byte.is_ascii_graphic() && !b"/,@?#".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        };
        let header = HeaderValue::from_str(text).ok();
        header
            .filter(|_header| text == "*" || host.is_some_and(is_host))
            .map(Self)
            .ok_or_else(|| "is not http://HOST[:PORT], https://HOST[:PORT] or *".to_owned())
    }

    fn show(&self) -> String {
        String::from_utf8_lossy(self.0.as_bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_no_path() {
        for good in ["http://localhost:3000", "https://shop.example", "*"] {
            let origin = Origin::parse(good).unwrap();
            assert_eq!(
                (origin.show(), origin.is_any()),
                (good.to_owned(), good == "*")
            );
        }
        for bad in [
            "",
            "**",
            "shop.example",
            "https://",
            "https://a/",
            "https://a b",
            "https://me@a",
            "https://a?b",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
