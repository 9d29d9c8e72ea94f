//! What is found, and what isn't.

use super::*;
use proptest::prelude::*;

fn redact(name: &str, text: &str) -> String {
    redact_of(name, text, Extent::Whole)
}

fn redact_of(name: &str, text: &str, extent: Extent) -> String {
    let (mut found, mut out, mut from) = (Vec::new(), String::new(), 0);
    find(name, text, extent, &mut found);
    for secret in &found {
        out.push_str(&text[from..secret.start]);
        out.push_str(secret.kind.instead());
        from = secret.end;
    }
    out.push_str(&text[from..]);
    out
}

/// Put together here, so that nobody's scanner takes this file for a leak.
fn canaries() -> Vec<(Kind, String)> {
    let body = "MIIEpAIBAAKCAQEA7v3fB0q\nJ8mQyJ2fQq0aE3bD\n";
    vec![
        (Kind::ApiKey, format!("AKIA{}", "Z7QF3MLO2XW5TN4K")),
        (
            Kind::ApiKey,
            format!("ghp_{}", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"),
        ),
        (
            Kind::ApiKey,
            format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc"),
        ),
        (Kind::ApiKey, format!("glpat-{}", "x9Zk3-LmQ7_vT2bN8wRc")),
        (Kind::ApiKey, format!("xoxb-{}", "2048-4096-aBcDeFgHiJkL")),
        (
            Kind::ApiKey,
            format!("AIza{}", "SyD3fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5b"),
        ),
        (
            Kind::ApiKey,
            "h7Kq2LxV9bTzR4mWcY8nJd3PfS6gUaE1oXiQ5vBk".to_owned(),
        ),
        (
            Kind::Jwt,
            format!(
                "eyJhbGciOiJIUzI1NiJ9.{}.{}",
                "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
            ),
        ),
        (Kind::Card, "4111111111111111".to_owned()),
        (Kind::Card, "4111 1111 1111 1111".to_owned()),
        (Kind::Card, "5500-0000-0000-0004".to_owned()),
        (Kind::Card, "3400 000000 00009".to_owned()),
        (
            Kind::PrivateKey,
            format!(
                "-----BEGIN RSA PRIVATE {}-----\n{body}-----END RSA PRIVATE KEY-----",
                "KEY"
            ),
        ),
        (Kind::Authorization, "Bearer c2VjcmV0LXRva2VuLTE".to_owned()),
        (Kind::Authorization, "Basic c2hvcDpzM2NyZXQ=".to_owned()),
    ]
}

/// What of a canary must not be seen: all but a scheme.
fn essence(canary: &str) -> &str {
    canary.rsplit("er ").next().unwrap_or(canary)
}

#[test]
fn canaries_are_found_wherever_they_stand() {
    for (kind, canary) in canaries() {
        for text in [
            canary.clone(),
            format!("before {canary} behind"),
            format!("the card was refused: {canary}"),
            format!("({canary})"),
            format!("[\"{canary}\", 7]"),
            format!("at={canary}"),
            format!("at={canary}, more"),
            format!("{{\"at\":\"{canary}\"}}"),
            format!("{:?}", Some(&canary)),
            format!("{:?}", format!("{{\"at\":\"{canary}\"}}")),
            format!("über {canary} ärger"),
            format!("first\n{canary}\nthird"),
            format!("{:?}", format!("first\n{canary}\nthird")),
        ] {
            let shown = redact("note", &text);
            // As Debug writes it, the lines of a private key are one.
            let inner = canary.split(['\n', ' ']).next_back().unwrap();
            assert!(!shown.contains(essence(&canary)), "{shown}");
            assert!(
                kind == Kind::PrivateKey || !shown.contains(inner),
                "{shown}"
            );
            assert!(!shown.contains("MIIE"), "{shown}");
            assert!(shown.contains("[redacted:"), "{shown}");
        }
    }
}

#[test]
fn each_kind_is_called_what_it_is() {
    for (kind, canary) in canaries() {
        assert!(redact("note", &canary).contains(kind.instead()), "{canary}");
    }
}

#[test]
fn a_name_gives_its_value_away() {
    for text in [
        "password=hunter",
        "password = hunter",
        "password: hunter",
        "Password:hunter, x",
        "{\"password\":\"hunter\"}",
        "{\"password\": \"hunter\", \"a\": 1}",
        "{\\\"password\\\":\\\"hunter\\\"}",
        "{'password': 'hunter'}",
        "Login { user: \"me\", password: \"hunter\" }",
        "Login { user: \"me\", password: Some(\"hunter\") }",
        "Login { user: \"me\", password: b\"hunter\" }",
        "Password(\"hunter\")",
        "password => hunter",
        "user=me&password=hunter&x=1",
        "user%3Dme%26password%3Dhunter%26x",
        "%22password%22%3A%22hunter%22",
        "db_password=hunter;",
        "MY_PASSWORD=hunter",
        "x\\npassword: hunter\\nnext",
        "--password=hunter",
        "--password hunter",
        "[\"--password\", \"hunter\"]",
        "postgres://shop:hunter@db.example/x",
        "client_secret: hunter)",
        "passwords: 1, cvv: hunter",
        "cookie: sid=hunter; theme=hunter",
        "{\"set-cookie\": \"sid=hunter; Path=/\"}",
        "secret: [\"hunter\", \"hunter\"]",
        "api key: x, x-api-key: hunter",
    ] {
        let shown = redact("note", text);
        assert!(!shown.contains("hunter"), "{text}: {shown}");
    }
    for name in [
        "password",
        "PASSWORD",
        "user.password",
        "x-api-key",
        "cookie",
    ] {
        for text in ["hunter", "correct horse battery staple", "1234"] {
            assert!(redact(name, text).starts_with("[redacted:"), "{name}");
        }
    }
    assert_eq!(redact("token", "s3cretive"), "[redacted:token]");
    assert_eq!(
        redact("header", "authorization: Digest x"),
        "header".replace("header", "authorization: [redacted:authorization]")
    );
}

#[test]
fn the_rest_of_a_line_stays() {
    for (text, shown) in [
        ("a password=hunter b", "a password=[redacted:password] b"),
        ("card 4111111111111111.", "card [redacted:card]."),
        (
            "GET /x?api_key=abc&y=1 from 127.0.0.1:80",
            "GET /x?api_key=[redacted:api_key]&y=1 from 127.0.0.1:80",
        ),
        (
            "http://me:pw@host:80/x and http://host:80/y@z",
            "http://me:[redacted:password]@host:80/x and http://host:80/y@z",
        ),
        (
            "Authorization: Bearer abc, Accept: */*",
            "Authorization: [redacted:authorization], Accept: */*",
        ),
    ] {
        assert_eq!(redact("note", text), shown);
    }
}

#[test]
fn what_says_nothing_is_shown() {
    for text in [
        "",
        "order placed",
        "password is wrong",
        "password: must not be empty",
        "password: (set)",
        "password: None",
        "{\"password\":null}",
        "password=***",
        "token: cancelled",
        "the token expired: next try in 5 s",
        "token == 7",
        "watertight::config::secret::Secret",
        "admin_token_file=/run/secrets/admin_token",
        "{\"authorization\": Sensitive, \"cookie\": Sensitive}",
        "bearer token is missing",
        "basic authentication required",
        "next_page_token=abcdefgh12345678",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "/home/ann/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.0/src/runtime/task/core.rs:365:17",
        "<core::pin::Pin<P> as core::future::future::Future>::poll::h0123456789abcdef",
        "_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdefE",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0",
        "text/html,application/xhtml+xml;q=0.9",
        "shop.orders.v1.OrdersService/PlaceOrder",
        "OrdersServicePlaceOrderIdempotencyConflictExceptionV2",
        "urn:shop:idempotency-conflict-with-another-body",
        "1700000000000000 µs, 1700000000000000000 ns",
        "total 4111111111111112",
        "amount 4111111111111111.00 EUR",
        "offset=4111111111111111",
        "{\"elapsed_ns\": 4111111111111111}",
        "0.4111111111111111",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "[watertight] admin_token_file: holds less than 16 characters",
        "AKIA is a prefix, ghp_ too, and eyJ",
    ] {
        assert_eq!(redact("note", text), text);
    }
    for (name, text) in [
        ("elapsed_ns", "4111111111111111"),
        ("idempotency_key", "0198c5a2-7d4e-7cc3-98c4-dc0c0c07398f"),
        ("token", "cancelled"),
        ("password", ""),
        ("password", "(set)"),
        ("next_page_token", "abcdefgh12345678"),
    ] {
        assert_eq!(redact(name, text), text, "{name}");
    }
}

#[test]
fn what_may_go_on_behind_a_cut_is_taken_for_what_it_begins_like() {
    for (_, canary) in canaries() {
        // Behind the prefix by which it is known.
        for length in canary.find(['_', '-', '.', ' ']).unwrap_or(20) + 12..canary.len() {
            let text = format!("before {}", &canary[..length.min(canary.len())]);
            if canary.as_bytes()[0].is_ascii_digit() || canary.starts_with("h7") {
                continue;
            }
            let shown = redact_of("note", &text, Extent::Cut);
            assert!(shown.contains("[redacted:"), "{shown}");
        }
    }
}

#[test]
fn too_many_secrets_take_the_rest_with_them() {
    let text = "password=hunter ".repeat(200);
    let shown = redact("note", &text);
    assert!(!shown.contains("hunter"));
    assert!(shown.len() < text.len());
}

#[test]
fn kinds_are_counted_under_their_own_name() {
    for (nth, kind) in Kind::ALL.iter().enumerate() {
        assert_eq!(*kind as usize, nth);
        assert_eq!(kind.instead(), format!("[redacted:{}]", kind.name()));
    }
}

fn uuid() -> impl Strategy<Value = String> {
    any::<u128>().prop_map(|n| {
        let hex = format!("{n:032x}");
        let part = |from: usize, to: usize| &hex[from..to];
        format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    })
}

/// What logs are full of.
fn harmless() -> impl Strategy<Value = String> {
    prop_oneof![
        uuid(),
        uuid().prop_map(|uuid| uuid.replace('-', "").replacen(
            |c: char| c.is_ascii_digit(),
            "a",
            1
        )),
        (any::<u128>(), any::<u64>()).prop_map(|(t, s)| format!("00-{t:032x}-{:016x}-01", s | 0xa)),
        "[A-Z]{3}-[0-9]{1,6}",
        "ord_[0-9]{1,9}",
        "[0-9]{1,9}\\.[0-9]{2} (EUR|USD)",
        "-?[0-9]{1,12}",
        "1[0-9]{12,18}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z",
        "(10|127|192)\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}:[0-9]{1,5}",
        "/v1/(orders|skus)/[a-z]{1,12}(/[a-z]{1,12}){0,4}",
        "[a-z]{1,12}(::[a-z_]{1,12}){1,4}",
        "[0-9a-f]{40}",
        "[0-9a-f]{64}".prop_map(|hex| format!("a{hex}")),
        "[a-z]{1,10}( [a-z]{1,10}){0,8}",
    ]
}

proptest! {
    #[test]
    fn what_logs_are_full_of_is_no_secret(
        one in harmless(),
        other in harmless(),
        name in "(order|sku|id|message|trace|peer|amount|age|idempotency_key|error|route)",
    ) {
        prop_assert_eq!(redact(&name, &one), one.clone());
        let text = format!("order={one}, sku: {other} (for {one})");
        prop_assert_eq!(redact(&name, &text), text);
    }

    #[test]
    fn anything_is_survived_and_stays_in_order(name: String, text: String, cut: bool) {
        let extent = if cut { Extent::Cut } else { Extent::Whole };
        let mut found = Vec::new();
        find(&name, &text, extent, &mut found);
        let mut from = 0;
        for secret in found {
            prop_assert!(secret.start >= from && secret.end >= secret.start);
            prop_assert!(text.is_char_boundary(secret.start) && text.is_char_boundary(secret.end));
            from = secret.end;
        }
    }

    #[test]
    fn so_is_what_is_made_of_the_parts_of_secrets(
        parts in prop::collection::vec(prop::sample::select(vec![
            "password", "token", "=", ":", "\"", "\\", "'", "[", "]", "{", "}", "%22", "%3D", "--", "-----BEGIN ",
            "PRIVATE KEY-----", "-----END ", "eyJ", ".", "://", "@", "Bearer ", "Some(", "4111", " ", "ü", "\\n", "x1x2x3x4",
            "AKIA", "sk_live_", "authorization", "cookie", "b\"", "(", ")",
        ]), 0..40),
        cut: bool,
    ) {
        let text = parts.concat();
        let extent = if cut { Extent::Cut } else { Extent::Whole };
        let shown = redact_of("note", &text, extent);
        prop_assert!(shown.len() <= text.len() + 32 * (SECRETS_MAX + 1));
    }

    #[test]
    fn a_secret_between_anything_is_found(before in "[ -~]{0,40}", behind in "[ -~]{0,40}") {
        for (_, canary) in canaries() {
            // Not `offset: 4111…`.
            let before = before.trim_end_matches(['=', ':', ' ', '"']);
            let text = format!("{before} {canary} {behind}");
            let shown = redact("note", &text);
            prop_assert!(!shown.contains(essence(&canary)), "{}", shown);
        }
    }
}
