//! A customer of the shop: `cargo run --example place_order` while the demo runs.
//!
//! Looks at the stock, places an order under an idempotency key, repeats it as
//! somebody whose answer was lost would, and watches it to its end. It uses the
//! generated code and plain tonic, because callers of the shop need not be built
//! on the chassis. Those that are get most of `call` from `watertight::GrpcChannel`.
#![expect(clippy::print_stdout, reason = "it talks to a terminal")]

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use shop_proto::{
    common::Money,
    inventory::{GetStockRequest, inventory_service_client::InventoryServiceClient},
    orders::{
        LineItem, Order, OrderStatus, PlaceOrderRequest, WatchOrderRequest,
        orders_service_client::OrdersServiceClient,
    },
};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request, Response, Status, transport::Endpoint};
use tonic_types::StatusExt as _;

/// What the server is told of our patience with one try.
const TRY_MAX: Duration = Duration::from_secs(3);
/// The server's own answer at its deadline is worth more than ours, so it gets
/// this long to arrive.
const GRACE: Duration = Duration::from_millis(250);
/// How long one call is tried again before its error stands.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first wait where the server names none; it doubles up to [`WAIT_MAX`].
const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Places one order and watches it
#[derive(Debug, Parser)]
struct Args {
    /// Where orders listens
    #[arg(long, default_value = "http://127.0.0.1:7400")]
    orders: Endpoint,
    /// Where inventory listens
    #[arg(long, default_value = "http://127.0.0.1:7402")]
    inventory: Endpoint,
    /// Names the order for seven days; without it, a random one
    #[arg(long)]
    key: Option<String>,
    /// What to order
    #[arg(long, default_value = "tea-assam")]
    sku: String,
    /// How many pieces
    #[arg(long, default_value_t = 2)]
    quantity: i64,
    /// pm_card_declined is declined
    #[arg(long, default_value = "pm_card_ok")]
    payment_method: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match shop(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(status) => {
            println!("failed     {}", explain(&status));
            ExitCode::FAILURE
        }
    }
}

/// Says whether the order was confirmed.
async fn shop(args: Args) -> Result<bool, Status> {
    // Connections are made at the first call, and again when they break.
    let inventory = InventoryServiceClient::new(args.inventory.tcp_nodelay(true).connect_lazy());
    let orders = OrdersServiceClient::new(args.orders.tcp_nodelay(true).connect_lazy());

    let wanted = GetStockRequest {
        sku: args.sku.clone(),
    };
    let stock = call(async || inventory.clone().get_stock(within(&wanted)).await);
    let stock = stock.await?.stock.unwrap_or_default();
    println!(
        "stock      {} of {} ({}) at {}",
        stock.available,
        stock.sku,
        stock.name,
        money(stock.price.as_ref())
    );

    // A program that may crash writes the key down before it sends it: then it
    // can ask again afterwards, and still gets one order, not two.
    let key = args.key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let wanted = PlaceOrderRequest {
        idempotency_key: key.clone(),
        customer_id: "example".to_owned(),
        lines: vec![LineItem {
            sku: args.sku,
            quantity: args.quantity,
        }],
        payment_method: args.payment_method,
    };
    println!("placing    {} of it under the key {key}", args.quantity);
    let place = async || orders.clone().place_order(within(&wanted)).await;
    let first = call(place).await?.order.unwrap_or_default();
    println!("placed     {}", describe(&first));
    let second = call(place).await?.order.unwrap_or_default();
    // The first answer is PENDING if our deadline came before the order's end.
    let same = if second == first {
        "the same answer"
    } else {
        "the same order, further on"
    };
    println!("repeated   {}: {same}", describe(&second));

    let end = watch(&orders, second.id).await?;
    Ok(end.status() == OrderStatus::Confirmed)
}

/// Shows every change of an order until it is at an end.
async fn watch(
    orders: &OrdersServiceClient<tonic::transport::Channel>,
    order_id: String,
) -> Result<Order, Status> {
    let wanted = WatchOrderRequest { order_id };
    // A watch that is cut is begun anew: its first message is the order as it stands.
    let watch = async || {
        let mut changes = orders
            .clone()
            .watch_order(within(&wanted))
            .await?
            .into_inner();
        let mut last = Order::default();
        while let Some(change) = changes.message().await? {
            last = change.order.unwrap_or_default();
            println!("watched    {}", describe(&last));
        }
        Ok(Response::new(last))
    };
    call(watch).await
}

fn within<T: Clone>(message: &T) -> Request<T> {
    let mut request = Request::new(message.clone());
    request.set_timeout(TRY_MAX);
    request
}

/// Makes a call again until its outcome is known. Only for calls that may be
/// repeated: reads, and what carries an idempotency key.
#[expect(
    clippy::disallowed_methods,
    reason = "callers of the shop need not be built on the chassis, and this one is not"
)]
async fn call<T>(send: impl AsyncFn() -> Result<Response<T>, Status>) -> Result<T, Status> {
    let end = Instant::now() + PATIENCE;
    let mut wait = WAIT_MIN;
    loop {
        // `set_timeout` makes tonic wait for the answer's head no longer, but
        // nobody watches over what follows; we do.
        let status = match timeout(TRY_MAX + GRACE, send()).await {
            Ok(Ok(answer)) => return Ok(answer.into_inner()),
            Ok(Err(status)) => status,
            Err(_late) => Status::deadline_exceeded("no answer in time"),
        };
        let told = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        // Half of it at random, so that callers who failed together don't return together.
        let pause = told.unwrap_or_else(|| wait.mul_f64(rand::random_range(0.5..1.0)));
        if !(told.is_some() || is_open(&status)) || Instant::now() + pause > end {
            return Err(status);
        }
        println!(
            "unknown    {}; the same again in {} ms",
            explain(&status),
            pause.as_millis()
        );
        sleep(pause).await;
        wait = (wait * 2).min(WAIT_MAX);
    }
}

/// Whether nobody knows if the call was done, or it was not for now. A timeout or
/// a broken connection never means that it failed.
fn is_open(status: &Status) -> bool {
    use Code::{Aborted, Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable, Unknown};
    matches!(
        status.code(),
        Unavailable | DeadlineExceeded | Cancelled | Unknown | Aborted | ResourceExhausted
    )
}

/// Code, reason and fields are for programs; the message is for people.
fn explain(status: &Status) -> String {
    let mut text = format!("{:?}: {}", status.code(), status.message());
    let details = status.get_error_details();
    if let Some(info) = details.error_info() {
        text += &format!("; reason {}", info.reason);
    }
    for bad in details
        .bad_request()
        .iter()
        .flat_map(|bad| &bad.field_violations)
    {
        text += &format!("; field {}", bad.field);
    }
    text
}

fn describe(order: &Order) -> String {
    let (id, total) = (&order.id, money(order.total.as_ref()));
    match order.status() {
        OrderStatus::Pending => format!("{id} PENDING"),
        OrderStatus::Confirmed => format!("{id} CONFIRMED, {total}"),
        OrderStatus::Cancelled => format!("{id} CANCELLED"),
        OrderStatus::Rejected | OrderStatus::Unspecified => {
            let why = order.rejection_reason().as_str_name();
            format!("{id} REJECTED, {why} {}", order.rejection_detail)
        }
    }
}

/// Amounts are whole numbers of the smallest unit. The demo sells in euro, which
/// has a hundred of them.
fn money(money: Option<&Money>) -> String {
    money.map_or_else(String::new, |it| {
        format!("{}.{:02} {}", it.amount / 100, it.amount % 100, it.currency)
    })
}
