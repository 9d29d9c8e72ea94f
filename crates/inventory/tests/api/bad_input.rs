//! Bad requests: each field is named, nothing changes.

use shop_proto::inventory::*;
use tonic::Code;

use crate::support::*;

#[watertight::test]
async fn bad_lines_are_named() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 10).await;
    let quantity = |q| reserve(1, vec![line("tea", 1), line("tea-2", q)]);
    for bad in [0, -1, 1_000_001, i64::MAX, i64::MIN] {
        assert_invalid(client.reserve(quantity(bad)).await, &["lines[1].quantity"]);
    }
    assert_invalid(client.reserve(reserve(1, vec![])).await, &["lines"]);
    let many = (0..101).map(|i| line(&format!("sku-{i}"), 1)).collect();
    assert_invalid(client.reserve(reserve(1, many)).await, &["lines"]);
    let twice = vec![line("tea", 1), line("cup", 1), line("tea", 2)];
    assert_invalid(client.reserve(reserve(1, twice)).await, &["lines[2].sku"]);
    let long = "x".repeat(65);
    let skus = vec![line("", 1), line("no spaces", 1), line(&long, 0)];
    let fields = [
        "lines[0].sku",
        "lines[1].sku",
        "lines[2].sku",
        "lines[2].quantity",
    ];
    assert_invalid(client.reserve(reserve(1, skus)).await, &fields);
    assert_eq!(pieces(client, "tea").await, (10, 0, 0));
    service.stop().await;
}

#[watertight::test]
async fn bad_ids_are_named() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    for bad in ["", "17", "not-a-uuid"] {
        let order_id = bad.to_owned();
        let lines = vec![line("tea", 1)];
        let request = ReserveRequest { order_id, lines };
        assert_invalid(client.reserve(request).await, &["order_id"]);
        let order_id = bad.to_owned();
        assert_invalid(
            client.commit(CommitRequest { order_id }).await,
            &["order_id"],
        );
        let order_id = bad.to_owned();
        assert_invalid(
            client.release(ReleaseRequest { order_id }).await,
            &["order_id"],
        );
    }
    let receive = |receipt_id: &str, sku: &str, quantity| ReceiveStockRequest {
        receipt_id: receipt_id.to_owned(),
        sku: sku.to_owned(),
        quantity,
    };
    let bad = client.receive_stock(receive("", "", 0)).await;
    assert_invalid(bad, &["receipt_id", "sku", "quantity"]);
    let bad = client
        .receive_stock(receive(&"x".repeat(256), "tea", 1_000_000_001))
        .await;
    assert_invalid(bad, &["receipt_id", "quantity"]);
    let sku = String::new();
    assert_invalid(client.get_stock(GetStockRequest { sku }).await, &["sku"]);
    service.stop().await;
}

#[watertight::test]
async fn totals_that_are_no_amount_are_refused() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let items = vec![
        item("dear", i64::MAX / 2, "EUR", 10),
        item("euro", 1, "EUR", 10),
        item("dollar", 1, "USD", 10),
    ];
    import(client, "i", vec![items]).await.unwrap();
    let overflow = client.reserve(reserve(1, vec![line("dear", 3)])).await;
    assert_refused(overflow, Code::FailedPrecondition, "TOTAL_OVERFLOW");
    let mixed = client
        .reserve(reserve(1, vec![line("euro", 1), line("dollar", 1)]))
        .await;
    assert_refused(mixed, Code::FailedPrecondition, "MIXED_CURRENCY");
    for sku in ["dear", "euro", "dollar"] {
        assert_eq!(pieces(client, sku).await, (10, 0, 0));
    }
    service.stop().await;
}

#[watertight::test]
async fn only_page_tokens_of_ours_are_taken() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let items = (0..25)
        .map(|i| item(&format!("sku-{i:02}"), 1, "EUR", 1))
        .collect();
    import(client, "i", vec![items]).await.unwrap();
    let list = |page_size, page_token: &str| ListStockRequest {
        page_size,
        page_token: page_token.to_owned(),
    };
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = client
            .list_stock(list(10, &token))
            .await
            .unwrap()
            .into_inner();
        seen.extend(page.stock.into_iter().map(|stock| stock.sku));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    let all: Vec<_> = (0..25).map(|i| format!("sku-{i:02}")).collect();
    assert_eq!(seen, all);

    let other_list = shop_proto::page::encode("orders", b"sku-01");
    let mut changed = token.clone();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.push(last);
    let long = "A".repeat(10_000);
    for bad in ["17", "sku-01", "%%%", &other_list, &changed, &long] {
        assert_invalid(client.list_stock(list(10, bad)).await, &["page_token"]);
    }
    for bad in [-1, 1_001, i32::MIN, i32::MAX] {
        assert_invalid(client.list_stock(list(bad, "")).await, &["page_size"]);
    }
    service.stop().await;
}

#[watertight::test]
async fn huge_messages_are_refused() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    stocked(client, "tea", 10).await;
    let huge = "x".repeat(shop_proto::MESSAGE_BYTES_MAX + 1);
    let too_large = |code| matches!(code, Code::OutOfRange | Code::ResourceExhausted);
    let sku = huge.clone();
    let status = client.get_stock(GetStockRequest { sku }).await.unwrap_err();
    assert!(too_large(status.code()), "{status:?}");
    let items = vec![item("cup", 1, "EUR", 1)];
    let huge_item = vec![item(&huge, 1, "EUR", 1)];
    let status = import(client, "i", vec![items, huge_item])
        .await
        .unwrap_err();
    assert!(too_large(status.code()), "{status:?}");
    // The message before was a step of its own and stays; the service goes on.
    assert_eq!(pieces(client, "cup").await, (1, 0, 0));
    assert_eq!(pieces(client, "tea").await, (10, 0, 0));
    service.stop().await;
}

#[watertight::test]
async fn bad_watchers_are_refused() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let skus = |n: usize| WatchStockRequest {
        skus: (0..n).map(|i| format!("sku-{i}")).collect(),
    };
    for bad in [0, 101] {
        let answer = client.watch_stock(skus(bad)).await.map(|_stream| ());
        assert_invalid(answer, &["skus"]);
    }
    let skus = vec!["tea".to_owned(), "no spaces".to_owned()];
    let answer = client
        .watch_stock(WatchStockRequest { skus })
        .await
        .map(|_stream| ());
    assert_invalid(answer, &["skus[1]"]);
    service.stop().await;
}
