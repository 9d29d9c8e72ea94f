//! How to try the shop by hand while it runs.

use crate::{console::Console, services::Service, supervise::Plan};

/// An order that works as it stands.
pub(crate) fn curl(plan: &Plan) -> String {
    format!(
        "curl --json '{{\"customer_id\":\"me\",\"payment_method\":\"pm_card_ok\",\
         \"lines\":[{{\"sku\":\"tea-assam\",\"quantity\":2}}]}}' \
         -H 'idempotency-key: mine-1' {}/v1/orders",
        plan.url(Service::Gateway),
    )
}

/// Prints calls that work as they stand.
pub(crate) fn print(console: &Console, plan: &Plan) {
    let address = |service| plan.url(service).replace("http://", "");
    let gateway = plan.url(Service::Gateway);
    let (orders, inventory) = (address(Service::Orders), address(Service::Inventory));
    console.line(format_args!(
        "\nthe shop is open; data and logs in {}\n\ntry it by hand:\n\
         {}\n\
         curl '{gateway}/v1/orders?customer_id=me'   # {gateway}/docs in a browser\n\
         grpcurl -plaintext {orders} list\n\
         grpcurl -plaintext -d '{{\"sku\":\"tea-assam\"}}' {inventory} \
         shop.inventory.v1.InventoryService/GetStock\n\
         grpcurl -plaintext -d '{{\"idempotency_key\":\"mine-1\",\"customer_id\":\"me\",\
         \"payment_method\":\"pm_card_ok\",\"lines\":[{{\"sku\":\"tea-assam\",\"quantity\":2}}]}}' \
         {orders} shop.orders.v1.OrdersService/PlaceOrder\n\
         grpcurl -plaintext -d '{{\"customer_id\":\"me\"}}' {orders} \
         shop.orders.v1.OrdersService/ListOrders\n\
         curl '{}/v1/ledger?limit=3'",
        plan.dir.path().display(),
        curl(plan),
        plan.url(Service::Provider),
    ));
    for service in Service::ALL {
        let url = plan.admin_url(service);
        console.line(format_args!(
            "curl {url}/metrics   # {}, also /readyz",
            service.name()
        ));
    }
    console.line("\nCtrl-C stops, verifies and sums up\n");
}
