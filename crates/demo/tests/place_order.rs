//! The example of a customer, run against the shop as a person runs it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may fail the test"
)]

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use testkit::{ChildGuard, LIVENESS, TempDir, wait_until};

/// Beyond all patience of the example.
const RUN_MAX: Duration = Duration::from_secs(120);

/// The shop of one test, with little load; killed when dropped.
struct Shop {
    _processes: ChildGuard,
    dir: TempDir,
    base: u16,
}

impl Shop {
    fn open(range: u16) -> Self {
        let dir = testkit::temp_dir();
        let base = base_port(range);
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
        demo.args(["--json", "--rps", "1", "--base-port", &base.to_string()]);
        demo.arg("--data").arg(dir.path().join("shop"));
        demo.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let shop = Self {
            _processes: ChildGuard::spawn(&mut demo),
            dir,
            base,
        };
        // The first order says that the catalogue is in.
        let journal = shop.dir.path().join("shop/checker/journal.jsonl");
        let placed = r#""t":"placed""#;
        wait_until(LIVENESS, || {
            std::fs::read_to_string(&journal).is_ok_and(|text| text.contains(placed))
        });
        shop
    }

    fn customer(&self, args: &[&str]) -> Command {
        let url = |port| format!("http://127.0.0.1:{port}");
        let mut example = Command::new(testkit::example("place_order"));
        example.args(["--orders", &url(self.base)]);
        example.args(["--inventory", &url(self.base + 2)]);
        example.args(args).stdin(Stdio::null());
        example
    }

    /// What the example says, and whether it ended well.
    fn order(&self, args: &[&str]) -> (String, bool) {
        let output = self.customer(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text, output.status.success())
    }

    /// Sends a signal to the process of orders.
    fn signal_orders(&self, name: &str) {
        let file = std::fs::read(self.dir.path().join("shop/endpoints.json")).unwrap();
        let endpoints: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let pid = endpoints["services"]["orders"]["pid"].to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.unwrap().success());
    }
}

/// Twelve ports in a row that are free now, apart from those of other tests.
fn base_port(range: u16) -> u16 {
    let first = 32_500 + range * 50;
    (0..20)
        .map(|step| first + step)
        .find(|&base| (base..base + 12).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()))
        .expect("twelve free ports in a row")
}

fn lines<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(word)).collect()
}

#[test]
fn a_customer_gets_one_order_or_learns_why_not() {
    let shop = Shop::open(0);
    let (text, bought) = shop.order(&["--key", "mine", "--quantity", "3"]);
    assert!(bought, "{text}");
    assert!(text.contains("placing    3 of it under the key mine"));
    let [placed, repeated, watched] =
        ["placed", "repeated", "watched"].map(|word| lines(&text, word)[0]);
    let order = placed.split_whitespace().nth(1).unwrap();
    assert!(repeated.contains(order), "one key, one order: {text}");
    assert!(watched.contains(order), "{text}");
    let end = lines(&text, "watched").last().copied().unwrap_or_default();
    assert!(end.ends_with("CONFIRMED, 20.70 EUR"), "{text}");

    // The same key next time is the same order, with another body an error.
    let (again, bought) = shop.order(&["--key", "mine", "--quantity", "3"]);
    assert!(bought && again.contains(order), "{again}");
    for (args, words) in [
        (
            ["--key", "mine", "--quantity", "4"],
            ["AlreadyExists", "IDEMPOTENCY_KEY_REUSED"],
        ),
        (
            ["--key", "none", "--quantity", "0"],
            ["INVALID_REQUEST", "field lines[0].quantity"],
        ),
        (
            ["--key", "poor", "--payment-method", "pm_card_declined"],
            ["REJECTED", "PAYMENT_DECLINED"],
        ),
        (
            ["--key", "odd", "--sku", "unheard-of"],
            ["NotFound", "SKU_NOT_FOUND"],
        ),
    ] {
        let (text, bought) = shop.order(&args);
        assert!(!bought, "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(
            lines(&text, "unknown"),
            [""; 0],
            "nothing to repeat: {text}"
        );
    }
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again_under_the_same_key() {
    let shop = Shop::open(1);
    shop.signal_orders("STOP");
    let mut customer = shop.customer(&[]);
    let mut customer = ChildGuard::spawn(customer.stdout(Stdio::piped()));
    let mut said = BufReader::new(customer.child().stdout.take().unwrap()).lines();
    let mut seen = String::new();
    for line in said.by_ref() {
        seen += &(line.unwrap() + "\n");
        if !lines(&seen, "unknown").is_empty() {
            break;
        }
    }
    assert!(seen.contains("the same again in"), "{seen}");
    shop.signal_orders("CONT");
    for line in said {
        seen += &(line.unwrap() + "\n");
    }
    assert!(customer.wait(RUN_MAX).success(), "{seen}");
    assert_eq!(lines(&seen, "placed").len(), 1, "{seen}");
    assert!(lines(&seen, "repeated")[0].contains("the same"), "{seen}");
}
