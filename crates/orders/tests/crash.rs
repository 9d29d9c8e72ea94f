//! A process that dies between two steps, and the one that comes after it.

#![expect(clippy::unwrap_used, reason = "a test may stop where it can't go on")]

#[path = "common/fake.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod fake;
#[path = "common/world.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod world;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fake::Fake;
use orders::service::Call;
use shop_proto::orders::orders_service_client::OrdersServiceClient;
use shop_proto::orders::{
    CancelOrderRequest, LineItem, ListOrdersRequest, Order, OrderStatus, PlaceOrderRequest,
};
use testkit::{ChildGuard, LIVENESS, wait_until_async};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use watertight::{Either, race};
use world::{Goods, Purse};

const SIGKILL: i32 = 9;

/// A process of the service, and a client to it.
struct Process {
    child: ChildGuard,
    client: OrdersServiceClient<Channel>,
}

fn command(dir: &Path, url: &str, ready: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    command
        .arg("--data")
        .arg(dir)
        .arg("--ready-file")
        .arg(ready);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--inventory",
        url,
        "--payments",
        url,
    ]);
    command
        .args(["--unready", "0s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Process {
    async fn start(dir: &Path, url: &str, crash_at: Option<&str>) -> Self {
        let ready = ready_file(dir);
        let mut command = command(dir, url, &ready);
        if let Some(point) = crash_at {
            command.args(["--crash-at", point]);
        }
        let child = ChildGuard::spawn(&mut command);
        wait_until_async(LIVENESS, || async { ready.exists() }).await;
        let listen: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        let url = format!("http://{}", listen["listen"].as_str().unwrap());
        let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
        Self {
            child,
            client: OrdersServiceClient::new(channel),
        }
    }

    async fn place(&self) -> Result<Order, Status> {
        let lines = vec![LineItem {
            sku: "tea".to_owned(),
            quantity: 2,
        }];
        let mut request = Request::new(PlaceOrderRequest {
            idempotency_key: "k".to_owned(),
            customer_id: "ada".to_owned(),
            lines,
            payment_method: "pm_card_ok".to_owned(),
        });
        request.set_timeout(Duration::from_secs(30));
        Ok(self
            .client
            .clone()
            .place_order(request)
            .await?
            .into_inner()
            .order
            .unwrap())
    }

    async fn all(&self) -> Vec<Order> {
        let request = ListOrdersRequest {
            page_size: 1_000,
            ..Default::default()
        };
        self.client
            .clone()
            .list_orders(request)
            .await
            .unwrap()
            .into_inner()
            .orders
    }

    async fn until(&self, status: OrderStatus) {
        wait_until_async(LIVENESS, || async {
            self.all()
                .await
                .iter()
                .all(|order| order.status() == status)
        })
        .await;
    }

    fn wait_killed(&mut self) {
        let status = self.child.wait(LIVENESS);
        assert_eq!(status.signal(), Some(SIGKILL), "{status:?}");
    }
}

/// A path that no process before has written.
fn ready_file(dir: &Path) -> PathBuf {
    let ready = dir.join("ready.json");
    if ready.exists() {
        std::fs::remove_file(&ready).unwrap();
    }
    ready
}

/// Dies at `point` while an order is placed; the next process must bring it to
/// its end by itself, with one effect.
async fn survives(point: &str) {
    let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
    let fakes = fake.serve().await;
    let mut first = Process::start(dir.path(), &fakes.url(), Some(point)).await;
    // The answer may get out before the process is gone, at the very last point.
    let _answer = first.place().await;
    first.wait_killed();

    let second = Process::start(dir.path(), &fakes.url(), None).await;
    assert_eq!(
        second.all().await.len(),
        1,
        "{point}: the order was recorded"
    );
    second.until(OrderStatus::Confirmed).await;
    let again = second.place().await.unwrap();
    assert_eq!(again.status(), OrderStatus::Confirmed, "{point}");
    let all = second.all().await;
    assert_eq!(
        (all.len(), &all[0]),
        (1, &again),
        "{point}: the key stands for the same order"
    );
    let world = fake.world();
    let books = world.books(again.id.parse().unwrap());
    assert_eq!((books.captures, books.refunds), (1, 0), "{point}");
    assert_eq!(
        (books.goods, books.purse),
        (Some(Goods::Committed), Some(Purse::Captured))
    );
    assert_eq!(
        (world.books.len(), world.shelves["tea"].available),
        (1, 998),
        "{point}"
    );
}

macro_rules! crash_points {
    ($($name:ident = $point:literal),* $(,)?) => {$(
        #[watertight::test(flavor = "multi_thread")]
        async fn $name() {
            survives($point).await;
        }
    )*};
}

crash_points!(
    recorded = "orders.recorded",
    reserve_replied = "orders.reserve.replied",
    reserved = "orders.reserved",
    authorize_replied = "orders.authorize.replied",
    authorized = "orders.authorized",
    capture_replied = "orders.capture.replied",
    captured = "orders.captured",
    commit_replied = "orders.commit.replied",
    confirmed = "orders.confirmed",
);

/// Dies while a confirmed order is being cancelled.
#[watertight::test(flavor = "multi_thread")]
async fn a_cancellation_survives_too() {
    for point in ["orders.refund.replied", "orders.release.replied"] {
        let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
        let fakes = fake.serve().await;
        let mut first = Process::start(dir.path(), &fakes.url(), Some(point)).await;
        let id = first.place().await.unwrap().id;
        let cancel = CancelOrderRequest {
            order_id: id.clone(),
        };
        first.client.clone().cancel_order(cancel).await.unwrap_err();
        first.wait_killed();
        let second = Process::start(dir.path(), &fakes.url(), None).await;
        second.until(OrderStatus::Cancelled).await;
        let books = fake.world().books(id.parse().unwrap());
        assert_eq!(
            (books.captures, books.refunds, books.goods),
            (1, 1, Some(Goods::Released))
        );
    }
}

/// Killed from outside at any moment, under load.
#[watertight::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_leaves_nothing_half_done() {
    let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
    let fakes = fake.serve().await;
    fake.hold(Call::Capture);
    let mut first = Process::start(dir.path(), &fakes.url(), None).await;
    let called = fake.called(Call::Authorize, 1);
    if let Either::Left(placed) = race(first.place(), called).await {
        panic!("the call is held: {placed:?}");
    }
    first.child.kill().unwrap();
    fake.let_go(Call::Capture);
    let second = Process::start(dir.path(), &fakes.url(), None).await;
    second.until(OrderStatus::Confirmed).await;
    assert_eq!(
        second.place().await.unwrap().status(),
        OrderStatus::Confirmed
    );
    assert_eq!(
        fake.world()
            .books
            .values()
            .map(|books| books.captures)
            .sum::<u32>(),
        1
    );
}

#[watertight::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_directory_is_turned_away() {
    let (dir, fake) = (testkit::temp_dir(), Fake::new(1_000));
    let fakes = fake.serve().await;
    let first = Process::start(dir.path(), &fakes.url(), None).await;
    let other_ready = dir.path().join("second.json");
    let mut command = command(dir.path(), &fakes.url(), &other_ready);
    let second = command
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned()
        + &String::from_utf8_lossy(&second.stdout);
    assert!(said.contains("another process holds"), "{said}");
    assert!(!other_ready.exists());
    assert_eq!(
        first.place().await.unwrap().status(),
        OrderStatus::Confirmed
    );
}
