//! A service of one's own, and short words for requests.

use std::path::Path;
use std::time::Duration;

use shop_proto::common::Money;
use shop_proto::errors;
use shop_proto::inventory::inventory_service_client::InventoryServiceClient;
use shop_proto::inventory::*;
use tonic::{Code, Status};
use watertight::{App, GrpcChannel, Running};

pub(crate) type Client = InventoryServiceClient<GrpcChannel>;

/// A service in this process, on a port of its own.
pub(crate) struct Service {
    pub(crate) running: Running,
    pub(crate) client: Client,
}

impl Service {
    pub(crate) async fn start(dir: &Path, flags: &[&str]) -> Self {
        let mut args = vec!["inventory", "--listen", "127.0.0.1:0", "--unready", "0s"];
        args.extend(flags);
        let mut args: Vec<_> = args.into_iter().map(Into::into).collect();
        args.extend(["--data".into(), dir.as_os_str().to_owned()]);
        let app = inventory::build(App::new("inventory", args))
            .await
            .expect("service builds");
        let running = app.start().await.expect("service starts");
        let client = client(&running.url());
        Self { running, client }
    }

    pub(crate) async fn stop(self) {
        drop(self.client);
        let stragglers = self.running.shutdown().await;
        assert!(stragglers.is_empty(), "{stragglers}");
    }
}

pub(crate) fn client(url: &str) -> Client {
    let channel = GrpcChannel::connect_lazy("inventory", url).expect("a channel");
    InventoryServiceClient::new(channel)
}

pub(crate) fn order(n: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{n:02x}")
}

pub(crate) fn line(sku: &str, quantity: i64) -> ReservationLine {
    let sku = sku.to_owned();
    ReservationLine { sku, quantity }
}

pub(crate) fn reserve(n: u8, lines: Vec<ReservationLine>) -> ReserveRequest {
    ReserveRequest {
        order_id: order(n),
        lines,
    }
}

pub(crate) fn item(sku: &str, amount: i64, currency: &str, quantity: i64) -> CatalogItem {
    CatalogItem {
        sku: sku.to_owned(),
        name: format!("name of {sku}"),
        price: Some(Money {
            amount,
            currency: currency.to_owned(),
        }),
        quantity,
    }
}

/// Sends one import as messages of these rows; only the first names it.
pub(crate) async fn import(
    client: &mut Client,
    id: &str,
    messages: Vec<Vec<CatalogItem>>,
) -> Result<ImportCatalogResponse, Status> {
    let mut id = id.to_owned();
    let messages: Vec<_> = messages
        .into_iter()
        .map(|items| ImportCatalogRequest {
            import_id: std::mem::take(&mut id),
            items,
        })
        .collect();
    let answer = client.import_catalog(tokio_stream::iter(messages)).await?;
    Ok(answer.into_inner())
}

pub(crate) async fn stocked(client: &mut Client, sku: &str, quantity: i64) {
    let items = vec![item(sku, 250, "EUR", quantity)];
    let done = import(client, &format!("stock {sku}"), vec![items])
        .await
        .expect("import");
    assert_eq!(done.imported, 1);
}

pub(crate) async fn stock(client: &mut Client, sku: &str) -> Stock {
    let sku = sku.to_owned();
    let answer = client
        .get_stock(GetStockRequest { sku })
        .await
        .expect("stock");
    answer.into_inner().stock.expect("a stock")
}

/// available, reserved, sold.
pub(crate) async fn pieces(client: &mut Client, sku: &str) -> (i64, i64, i64) {
    let stock = stock(client, sku).await;
    assert_eq!(
        stock.available + stock.reserved + stock.sold,
        stock.received
    );
    (stock.available, stock.reserved, stock.sold)
}

/// That a call was refused with this code and reason.
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Status {
    let status = answer.expect_err("a refusal");
    let found = (status.code(), errors::reason(&status));
    assert_eq!(found, (code, Some(reason.to_owned())), "{status:?}");
    status
}

/// That a call was refused for these fields.
pub(crate) fn assert_invalid<T: std::fmt::Debug>(answer: Result<T, Status>, fields: &[&str]) {
    let status = assert_refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(errors::fields(&status), fields, "{status:?}");
}

/// Repeats a call until it holds; fails after a minute.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let started = std::time::Instant::now();
    while !holds().await {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "never came: {what}"
        );
        testkit::let_pass(Duration::from_millis(5), "between two looks").await;
    }
}
