//! ImportCatalog: good rows are kept, bad ones come back.

use shop_proto::inventory::*;
use tonic::{Code, Status};

use crate::support::*;

fn rejected(answer: &ImportCatalogResponse) -> Vec<(i64, &str)> {
    answer
        .rejected_rows
        .iter()
        .map(|row| (row.row, row.field.as_str()))
        .collect()
}

#[watertight::test]
async fn good_rows_are_kept_and_bad_rows_come_back() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let nameless = CatalogItem {
        name: String::new(),
        ..item("b", 1, "EUR", 1)
    };
    let long_name = CatalogItem {
        name: "x".repeat(201),
        ..item("b", 1, "EUR", 1)
    };
    let free = CatalogItem {
        price: None,
        ..item("b", 1, "EUR", 1)
    };
    let first = vec![
        item("a", 1, "EUR", 1),
        item("no spaces", 1, "EUR", 1),
        nameless,
        long_name,
        free,
    ];
    let second = vec![
        item("b", -1, "EUR", 1),
        item("b", 1, "XXX", 1),
        item("b", 1, "eur", 1),
        item("b", 1, "", 1),
        item("b", 1, "EUR", -1),
        item("b", 1, "EUR", 1_000_000_001),
        item("a", 1, "USD", 1),
        item("c", 0, "JPY", 0),
    ];
    let answer = import(client, "i", vec![first.clone(), second.clone()])
        .await
        .unwrap();
    assert_eq!(
        (answer.imported, answer.already_imported, answer.rejected),
        (2, 0, 11)
    );
    let bad = [
        (2, "sku"),
        (3, "name"),
        (4, "name"),
        (5, "price"),
        (6, "price.amount"),
        (7, "price.currency"),
        (8, "price.currency"),
        (9, "price.currency"),
        (10, "quantity"),
        (11, "quantity"),
        (12, "price.currency"),
    ];
    assert_eq!(rejected(&answer), bad);
    assert!(
        answer
            .rejected_rows
            .iter()
            .all(|row| !row.reason.is_empty())
    );
    assert_eq!(pieces(client, "a").await, (1, 0, 0));
    assert_eq!(pieces(client, "c").await, (0, 0, 0));

    let before = stock(client, "a").await;
    let again = import(client, "i", vec![first, second]).await.unwrap();
    assert_eq!(again.imported, 0, "the same import changes nothing");
    assert_eq!(stock(client, "a").await, before);
    service.stop().await;
}

#[watertight::test]
async fn names_with_control_characters_come_back() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let named = |sku: &str, name: &str| CatalogItem {
        name: name.to_owned(),
        ..item(sku, 1, "EUR", 1)
    };
    let rows = vec![
        named("nul", "tea\0pot"),
        named("line", "tea\npot"),
        named("escape", "\u{1b}[2Jteapot"),
        named("c1", "tea\u{9b}pot"),
        named("fine", "Teekännchen – 茶壺"),
    ];
    let answer = import(client, "i", vec![rows]).await.unwrap();
    let bad = [(1, "name"), (2, "name"), (3, "name"), (4, "name")];
    assert_eq!(rejected(&answer), bad);
    assert_eq!(answer.imported, 1);
    assert_eq!(stock(client, "fine").await.name, "Teekännchen – 茶壺");
    service.stop().await;
}

#[watertight::test]
async fn a_sku_twice_in_a_message_counts_twice() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let rows = vec![item("a", 1, "EUR", 3), item("a", 2, "EUR", 4)];
    let answer = import(client, "i", vec![rows]).await.unwrap();
    assert_eq!((answer.imported, answer.rejected), (2, 0));
    assert_eq!(pieces(client, "a").await, (7, 0, 0));
    service.stop().await;
}

#[watertight::test]
async fn an_import_that_was_cut_goes_on() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let message = |from: usize| -> Vec<_> {
        (from..from + 500)
            .map(|i| item(&format!("sku-{i}"), 1, "EUR", 1))
            .collect()
    };
    let cut = import(client, "i", vec![message(0), message(500)])
        .await
        .unwrap();
    assert_eq!((cut.imported, cut.already_imported), (1_000, 0));
    let all = vec![message(0), message(500), message(1_000)];
    let whole = import(client, "i", all).await.unwrap();
    assert_eq!((whole.imported, whole.already_imported), (500, 1_000));
    for sku in ["sku-0", "sku-999", "sku-1499"] {
        assert_eq!(pieces(client, sku).await, (1, 0, 0));
    }
    service.stop().await;
}

#[watertight::test]
async fn the_list_of_bad_rows_is_bounded() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let bad = || (0..900).map(|_| item("", 1, "EUR", 1)).collect();
    let answer = import(client, "i", vec![bad(), bad()]).await.unwrap();
    assert_eq!((answer.imported, answer.rejected), (0, 1_800));
    assert_eq!(answer.rejected_rows.len(), 1_000);
    service.stop().await;
}

#[watertight::test]
async fn streams_that_are_no_import_are_refused() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    assert_invalid(import(client, "i", vec![]).await, &["import_id"]);
    let one = || vec![item("a", 1, "EUR", 1)];
    assert_invalid(import(client, "", vec![one()]).await, &["import_id"]);
    let long = "x".repeat(256);
    assert_invalid(import(client, &long, vec![one()]).await, &["import_id"]);
    let many = (0..1_001).map(|_| item("a", 1, "EUR", 1)).collect();
    assert_invalid(import(client, "i", vec![many]).await, &["items"]);
    let renamed = ["i", "j"].map(|id| ImportCatalogRequest {
        import_id: id.to_owned(),
        items: one(),
    });
    let answer = client.import_catalog(tokio_stream::iter(renamed)).await;
    assert_invalid(answer, &["import_id"]);
    assert_eq!(
        pieces(client, "a").await,
        (1, 0, 0),
        "the first message stays"
    );
    service.stop().await;
}

/// That the import id was refused for standing for other rows.
fn assert_reused(answer: Result<ImportCatalogResponse, Status>) {
    assert_refused(answer, Code::AlreadyExists, "IMPORT_ID_REUSED");
}

#[watertight::test]
async fn an_import_id_stands_for_its_rows() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let tea = |quantity| item("tea", 1, "EUR", quantity);
    let bad = || item("no spaces", 1, "EUR", 1);
    let rows = || vec![tea(1), bad(), tea(2)];
    let first = import(client, "i", vec![rows()]).await.unwrap();
    assert_eq!((first.imported, first.rejected), (2, 1));
    let renamed = CatalogItem {
        name: "other".to_owned(),
        ..tea(1)
    };
    for other in [
        vec![item("cup", 1, "EUR", 1), bad(), tea(2)],
        vec![item("tea", 2, "EUR", 1), bad(), tea(2)],
        vec![renamed, bad(), tea(2)],
        vec![tea(3), bad(), tea(2)],
        // Mended, turned round, shorter, and longer with another beginning.
        vec![tea(1), item("cup", 1, "EUR", 1), tea(2)],
        vec![tea(2), bad(), tea(1)],
        vec![tea(1), bad()],
        vec![tea(1), tea(2), item("cup", 1, "EUR", 1)],
        vec![],
    ] {
        assert_reused(import(client, "i", vec![other]).await);
    }
    assert_eq!(pieces(client, "tea").await, (3, 0, 0));
    let sku = String::from("cup");
    let cup = client.get_stock(GetStockRequest { sku }).await;
    assert_refused(cup, Code::NotFound, "SKU_NOT_FOUND");
    let again = import(client, "i", vec![rows()]).await.unwrap();
    assert_eq!((again.imported, again.already_imported), (0, 2));
    service.stop().await;
}

#[watertight::test]
async fn a_repeat_may_have_other_messages_but_no_other_rows() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    let client = &mut service.client;
    let row = |n: usize| item(&format!("sku-{n}"), 1, "EUR", 1);
    let cut = |sizes: &[usize]| {
        let mut rows = (0..9).map(row);
        let messages = sizes.iter();
        messages
            .map(|size| rows.by_ref().take(*size).collect())
            .collect::<Vec<Vec<_>>>()
    };
    import(client, "i", cut(&[2, 3])).await.unwrap();
    for sizes in [&[5][..], &[2, 3], &[1, 1, 1, 1, 1], &[4, 1], &[1, 0, 4, 0]] {
        let again = import(client, "i", cut(sizes)).await.unwrap();
        assert_eq!((again.imported, again.already_imported), (0, 5));
    }
    // Other rows before, at and after a message's end; all that came before
    // the remembered end is compared when it is reached.
    for at in 0..5 {
        for sizes in [&[8][..], &[2, 6], &[3, 3, 2], &[5, 3]] {
            let mut messages = cut(sizes);
            let mut rows = messages.iter_mut().flatten();
            rows.nth(at).unwrap().quantity = 7;
            assert_reused(import(client, "i", messages).await);
        }
    }
    // It ends before that: nothing says whether it is the same.
    assert_reused(import(client, "i", cut(&[2])).await);
    assert_reused(import(client, "i", cut(&[2, 2])).await);
    let page = ListStockRequest::default();
    let stock = client.list_stock(page).await.unwrap().into_inner().stock;
    assert_eq!(stock.len(), 5);
    assert!(stock.iter().all(|stock| stock.received == 1), "{stock:?}");
    let longer = import(client, "i", cut(&[4, 3, 2])).await.unwrap();
    assert_eq!((longer.imported, longer.already_imported), (4, 5));
    let whole = import(client, "i", cut(&[9])).await.unwrap();
    assert_eq!((whole.imported, whole.already_imported), (0, 9));
    service.stop().await;
}

#[watertight::test]
async fn of_two_imports_with_one_id_one_is_taken_whole() {
    let dir = testkit::temp_dir();
    let mut service = Service::start(dir.path(), &[]).await;
    for n in 0..20 {
        let (id, sku) = (format!("i-{n}"), format!("sku-{n}"));
        let send = |quantity| {
            let (mut client, id) = (service.client.clone(), id.clone());
            let rows = vec![item(&sku, 1, "EUR", quantity); 3];
            async move { import(&mut client, &id, vec![rows]).await }
        };
        let (left, right) = watertight::join(send(1), send(10)).await;
        let (taken, refused) = match left {
            Ok(_) => (3, right),
            Err(_) => (30, left),
        };
        assert_reused(refused);
        assert_eq!(pieces(&mut service.client, &sku).await, (taken, 0, 0));
    }
    service.stop().await;
}
