//! How long orders waits for the others.

use super::shop::*;

fn is_of_stock(call: Call) -> bool {
    matches!(call, Call::Reserve | Call::Commit | Call::Release)
}

fn patient(key: &str) -> Request<PlaceOrderRequest> {
    let mut request = Request::new(order(key, &[("tea", 2)]));
    request.set_timeout(LIVENESS);
    request
}

#[watertight::test(flavor = "multi_thread")]
async fn a_call_that_hangs_ends_with_its_class_though_the_caller_has_more() {
    let shop = Shop::start_with(&["--request-timeout-max", "60s"]).await;
    let hang = [Call::Reserve, Call::Authorize, Call::Capture, Call::Commit];
    for call in hang {
        shop.fake.script(call, [Fate::Silent]);
    }
    let placed = shop.send(patient("k")).await.unwrap();
    assert_eq!(placed.status(), OrderStatus::Confirmed);
    for call in hang {
        // The other side learned that nobody waits any more.
        wait_until_async(LIVENESS, || async { shop.fake.was_given_up(call) }).await;
    }
    let given = shop.fake.given();
    assert!(given.len() >= 2 * hang.len(), "each was asked again");
    for (call, given) in given {
        let max = if is_of_stock(call) { 800 } else { 1_500 };
        assert!(given <= Duration::from_millis(max), "{call:?} {given:?}");
        assert!(!given.is_zero(), "{call:?}");
    }
}

#[watertight::test(flavor = "multi_thread")]
async fn each_class_can_be_set() {
    let flags = [
        ["--inventory-call", "40s"],
        ["--payments-call", "55s"],
        ["--saga-try", "5m"],
    ];
    let shop = Shop::start_with(flags.as_flattened()).await;
    shop.send(patient("k")).await.unwrap();
    let given = shop.fake.given();
    assert_eq!(given.len(), 4, "{given:?}");
    let secs = Duration::from_secs;
    for (call, given) in given {
        // What is sent is what is left, less a margin.
        let (more, max) = if is_of_stock(call) {
            (secs(2), secs(40))
        } else {
            (secs(40), secs(55))
        };
        assert!(more < given && given <= max, "{call:?} {given:?}");
    }
}

#[test]
fn these_are_the_classes_of_the_shop() {
    let nowhere = "http://127.0.0.1:1";
    let args = ["orders", "--data", "nowhere"];
    let others = ["--inventory", nowhere, "--payments", nowhere];
    let args = args.iter().chain(&others).map(Into::into).collect();
    let cfg = App::new("orders", args).config::<orders::Cfg>().unwrap();
    let classes = [cfg.inventory_call, cfg.payments_call, cfg.audit_timeout];
    assert_eq!(classes.map(|class| class.as_millis()), [800, 1_500, 300]);
    let settings = orders::service::Settings::default();
    assert_eq!(settings.stock_call_max, cfg.inventory_call);
    assert_eq!(settings.till_call_max, cfg.payments_call);
}
