//! Placing, reading, listing and cancelling orders.

use serde_json::json;
use testkit::{LIVENESS, wait_until_async};

use crate::shop::{Shop, order, paid_with};

#[watertight::test]
async fn an_order_is_placed_once_per_key() {
    let shop = Shop::stocked().await;
    let first = shop.place("key-1", &order(&[("tea", 2), ("jam", 1)])).await;
    assert_eq!(first.status(), 201, "{:?}", first.json());
    let placed = first.json();
    assert_eq!(placed["status"], "CONFIRMED");
    assert_eq!(placed["total"], json!({"amount": 1350, "currency": "EUR"}));
    let path = format!("/v1/orders/{}", placed["id"].as_str().unwrap());
    assert_eq!(first.header("location"), Some(&*path));
    assert!(first.header("etag").unwrap().starts_with("W/\""));
    let again = shop.place("key-1", &order(&[("tea", 2), ("jam", 1)])).await;
    assert_eq!((again.status(), &again.body), (201, &first.body));
    let other = shop.place("key-1", &order(&[("tea", 3)])).await;
    other.problem(422, "idempotency-key-reused");
    let stock = shop.get("/v1/stock/tea").await;
    assert_eq!(stock.status(), 200);
    let stock = stock.json();
    assert_eq!(
        (&stock["sold"], &stock["available"]),
        (&json!(2), &json!(98))
    );
    assert_eq!(shop.get(&path).await.json(), placed);
}

#[watertight::test]
async fn refused_orders_say_why_and_where_they_are() {
    let shop = Shop::stocked().await;
    for (key, body, status, slug, reason) in [
        (
            "a",
            paid_with("pm_card_declined", &[("tea", 1)]),
            402,
            "payment-declined",
            "PAYMENT_DECLINED",
        ),
        (
            "b",
            order(&[("tea", 1_000)]),
            409,
            "out-of-stock",
            "OUT_OF_STOCK",
        ),
    ] {
        let refused = shop.place(key, &body).await;
        let problem = refused.problem(status, slug);
        assert_eq!(problem["reason"], reason);
        assert_eq!(problem["order"]["status"], "REJECTED");
        let path = refused.header("location").unwrap();
        assert_eq!(shop.get(path).await.json(), problem["order"]);
        // The same key gives the same answer, but for the name of the request.
        let mut again = shop.place(key, &body).await.problem(status, slug);
        let mut first = problem;
        for json in [&mut again, &mut first] {
            json.as_object_mut().unwrap().remove("trace_id");
        }
        assert_eq!(again, first);
        shop.delete(path, &[]).await.problem(409, "order-rejected");
    }
    let unknown = shop.place("c", &order(&[("tea", 1), ("moon", 1)])).await;
    let problem = unknown.problem(400, "unknown-sku");
    assert_eq!(problem["errors"][0]["field"], "lines[1].sku");
    let path = unknown.header("location").unwrap();
    assert_eq!(shop.get(path).await.json()["id"], problem["order_id"]);
}

#[watertight::test]
async fn an_order_whose_time_runs_out_is_pending_and_goes_on() {
    let shop = Shop::stocked().await;
    let path = shop.place_pending("slow", &order(&[("tea", 1)])).await;
    let cancelling = loop {
        let short = [("x-request-timeout", "600")];
        let answer = shop.delete(&path, &short).await;
        if answer.status() != 504 {
            break answer;
        }
    };
    assert_eq!(cancelling.status(), 202, "{:?}", cancelling.json());
    assert_eq!(cancelling.header("location"), Some(&*path));
    shop.provider_hangs(false).await;
    wait_until_async(LIVENESS, || async {
        shop.get(&path).await.json()["status"] == "CANCELLED"
    })
    .await;
    let first_end = shop.place("slow", &order(&[("tea", 1)])).await;
    let problem = first_end.problem(409, "order-cancelled");
    assert_eq!(problem["reason"], "CANCELLED");
    let cancelled = shop.delete(&path, &[]).await;
    assert_eq!(
        (cancelled.status(), cancelled.json()["status"].as_str()),
        (200, Some("CANCELLED"))
    );
}

#[watertight::test]
async fn readers_that_have_it_get_304() {
    let shop = Shop::stocked().await;
    let placed = shop.place("k", &order(&[("tea", 1)])).await;
    let path = placed.header("location").unwrap();
    for path in [path, "/v1/orders", "/v1/stock/tea", "/openapi.json"] {
        let full = shop.get(path).await;
        assert_eq!(full.status(), 200, "{path}");
        assert_eq!(full.header("cache-control"), Some("no-cache"), "{path}");
        let tag = full.header("etag").unwrap();
        let strong = tag.strip_prefix("W/").unwrap();
        for known in [tag, strong, "*", &format!("\"other\", {tag}")] {
            let same = shop.get_with(path, &[("if-none-match", known)]).await;
            assert_eq!((same.status(), same.body.len()), (304, 0), "{path} {known}");
            assert_eq!(same.header("etag"), Some(tag), "{path}");
            // A cache that keeps the compressed one must not lose what it varies by.
            assert_eq!(same.header("vary"), Some("accept-encoding"), "{path}");
        }
        let other = shop
            .get_with(path, &[("if-none-match", "W/\"other\"")])
            .await;
        assert_eq!(
            (other.status(), other.body),
            (200, full.body.clone()),
            "{path}"
        );
    }
    let before = shop.get("/v1/orders").await;
    assert_eq!(shop.place("l", &order(&[("tea", 1)])).await.status(), 201);
    let after = shop.get("/v1/orders").await;
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[watertight::test]
async fn pages_follow_each_other_to_the_end() {
    let shop = Shop::stocked().await;
    let mut placed = Vec::new();
    for key in ["a", "b", "c", "d", "e"] {
        placed.push(shop.place(key, &order(&[("tea", 1)])).await.json()["id"].clone());
    }
    placed.reverse();
    let mut path = "/v1/orders?limit=2&customer_id=ada".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = shop.get(&path).await;
        let json = page.json();
        let orders = json["orders"].as_array().unwrap();
        assert!((1..=2).contains(&orders.len()), "{json}");
        seen.extend(orders.iter().map(|order| order["id"].clone()));
        let Some(link) = page.header("link") else {
            assert!(json.get("next_cursor").is_none(), "{json}");
            break;
        };
        path = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .unwrap()
            .to_owned();
        let cursor = json["next_cursor"].as_str().unwrap();
        assert!(
            path.contains(&format!("cursor={cursor}&limit=2&customer_id=ada")),
            "{path}"
        );
    }
    assert_eq!(seen, placed);
    let none = shop.get("/v1/orders?customer_id=nobody").await;
    assert_eq!(none.json(), json!({"orders": []}));
}
