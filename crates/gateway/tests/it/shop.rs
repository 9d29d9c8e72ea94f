//! The whole shop in this process, each service on real sockets.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use testkit::TempDir;
use watertight::{App, Running};

use crate::http::{Answer, Conn, request};

/// Orders, inventory, payments and the provider, and a gateway before them.
pub(crate) struct Shop {
    pub(crate) gateway: Running,
    pub(crate) orders: Running,
    pub(crate) inventory: Running,
    pub(crate) provider: Running,
    _payments: Running,
    _dir: TempDir,
}

impl Shop {
    pub(crate) async fn start() -> Self {
        Self::with(&[], &[]).await
    }

    /// With more flags for the gateway and for orders.
    pub(crate) async fn with(gateway: &[&str], orders: &[&str]) -> Self {
        let dir = testkit::temp_dir();
        let data = |name: &str| dir.path().join(name);
        let flags = args(
            "provider",
            Some(&data("provider")),
            &["--endpoint", "127.0.0.1:0"],
        );
        let provider = provider::build(App::new("provider", flags)).await.unwrap();
        let provider = provider.start().await.unwrap();
        let endpoint = provider.also().next().unwrap().1;
        let url = format!("http://{endpoint}");
        let flags = args("payments", Some(&data("payments")), &["--provider", &url]);
        let payments = payments::build(App::new("payments", flags)).await.unwrap();
        let payments = payments.start().await.unwrap();
        let flags = args("inventory", Some(&data("inventory")), &[]);
        let inventory = inventory::build(App::new("inventory", flags))
            .await
            .unwrap();
        let inventory = inventory.start().await.unwrap();
        let (stock, till) = (inventory.url(), payments.url());
        let mut flags = args(
            "orders",
            Some(&data("orders")),
            &["--inventory", &stock, "--payments", &till],
        );
        flags.extend(orders.iter().map(Into::into));
        let orders = orders::build(App::new("orders", flags)).await.unwrap();
        let orders = orders.start().await.unwrap();
        let gateway = start_gateway(&orders.url(), &inventory.url(), gateway).await;
        Self {
            gateway,
            orders,
            inventory,
            provider,
            _payments: payments,
            _dir: dir,
        }
    }

    /// With 100 pieces each of tea and jam.
    pub(crate) async fn stocked() -> Self {
        Self::start().await.stock().await
    }

    pub(crate) async fn stock(self) -> Self {
        let rows = ["tea", "jam"].map(|sku| row(sku, 100)).concat();
        let answer = import(self.addr(), "stock", rows.as_bytes()).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.body);
        self
    }

    /// Ends all of them in order; none leaves a task behind.
    pub(crate) async fn end(self) {
        let Self {
            gateway,
            orders,
            inventory,
            provider,
            _payments: payments,
            _dir,
        } = self;
        for service in [gateway, orders, payments, inventory, provider] {
            let stragglers = service.shutdown().await;
            assert!(stragglers.is_empty(), "{stragglers}");
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.gateway.addr()
    }

    /// The provider takes requests and never answers, or answers again.
    pub(crate) async fn provider_hangs(&self, hang: bool) {
        let plan = json!({"hang": hang}).to_string();
        for (_, endpoint) in self.provider.also() {
            let answer = ask(endpoint, &request("PUT", "/control", &[], plan.as_bytes())).await;
            assert_eq!(answer.status(), 200);
        }
    }

    pub(crate) async fn place(&self, key: &str, body: &Value) -> Answer {
        self.place_with(key, body, &[]).await
    }

    pub(crate) async fn place_with(
        &self,
        key: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        headers.extend(more);
        let body = body.to_string();
        ask(
            self.addr(),
            &request("POST", "/v1/orders", &headers, body.as_bytes()),
        )
        .await
    }

    /// Places an order and has it answered before its end; where it is found.
    ///
    /// A slow machine may miss the deadline altogether: the same key finds the
    /// same order.
    pub(crate) async fn place_pending(&self, key: &str, body: &Value) -> String {
        self.provider_hangs(true).await;
        loop {
            let placed = self
                .place_with(key, body, &[("x-request-timeout", "600")])
                .await;
            if placed.status() == 202 {
                assert_eq!(placed.header("retry-after"), Some("1"));
                assert_eq!(placed.json()["status"], "PENDING");
                return placed.header("location").unwrap().to_owned();
            }
            placed.problem(504, "deadline-exceeded");
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.addr(), &request("GET", path, headers, b"")).await
    }

    pub(crate) async fn delete(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.addr(), &request("DELETE", path, headers, b"")).await
    }

    /// Pieces of a SKU that ever came in; 0 if it isn't known.
    pub(crate) async fn received(&self, sku: &str) -> i64 {
        let answer = self.get(&format!("/v1/stock/{sku}")).await;
        answer.json()["received"].as_i64().unwrap_or(0)
    }
}

/// A gateway before what may not be there.
pub(crate) async fn start_gateway(orders: &str, inventory: &str, flags: &[&str]) -> Running {
    let mut all = args(
        "gateway",
        None,
        &["--orders", orders, "--inventory", inventory],
    );
    all.extend(flags.iter().map(Into::into));
    let app = gateway::build(App::new("gateway", all)).await.unwrap();
    app.start().await.unwrap()
}

pub(crate) fn args(name: &str, data: Option<&Path>, flags: &[&str]) -> Vec<OsString> {
    let fixed = [
        name,
        "--listen",
        "127.0.0.1:0",
        "--unready",
        "0s",
        "--drain",
        "1s",
    ];
    let mut args: Vec<OsString> = fixed.iter().map(Into::into).collect();
    if let Some(data) = data {
        args.extend(["--data".into(), data.into()]);
    }
    args.extend(flags.iter().map(Into::into));
    args
}

/// One request on a connection of its own.
pub(crate) async fn ask(addr: SocketAddr, request: &[u8]) -> Answer {
    let mut conn = Conn::open(addr).await;
    conn.send(request).await;
    conn.answer().await
}

/// A whole import.
pub(crate) async fn import(addr: SocketAddr, id: &str, lines: &[u8]) -> Answer {
    let headers = [("content-type", "application/x-ndjson"), ("import-id", id)];
    ask(
        addr,
        &request("POST", "/v1/catalog:import", &headers, lines),
    )
    .await
}

/// One line of an import, 4.50 € a piece.
pub(crate) fn row(sku: &str, quantity: i64) -> String {
    let price = json!({"amount": 450, "currency": "EUR"});
    let row = json!({"sku": sku, "name": sku, "price": price, "quantity": quantity});
    format!("{row}\n")
}

/// An order of Ada's.
pub(crate) fn order(lines: &[(&str, i64)]) -> Value {
    paid_with("pm_card_ok", lines)
}

pub(crate) fn paid_with(method: &str, lines: &[(&str, i64)]) -> Value {
    let line = |(sku, quantity): &(&str, i64)| json!({"sku": sku, "quantity": quantity});
    let lines: Vec<_> = lines.iter().map(line).collect();
    json!({"customer_id": "ada", "payment_method": method, "lines": lines})
}
