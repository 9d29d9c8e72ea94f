//! What is proven of the stack while it runs, one step after the other.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::figures::{self, Figures};
use super::http;
use super::images::Images;
use super::stack::{PAUSE, Stack};
use crate::clients::{self, At};
use crate::error::Error;
use crate::report::Outcome;
use crate::workspace::Workspace;
use crate::{process, tools};

/// Everything is healthy after seconds on a machine that is idle.
const HEALTHY_LIMIT: Duration = Duration::from_secs(4 * 60);

/// What becomes true by itself does so within seconds.
const SOON: Duration = Duration::from_secs(90);

/// What the issue of a demo's size promises.
pub(super) const CONTAINERS_MAX: usize = 14;
pub(super) const MEMORY_MAX: u64 = 1_500_000_000;

/// Jobs that Prometheus must see, whatever else runs.
const JOBS: [&str; 6] = [
    "gateway",
    "orders",
    "inventory",
    "payments",
    "provider",
    "load",
];

/// The service that is killed: the one with the most to lose.
const VICTIM: &str = "orders";

/// A call with grpcurl.
const GRPCURL_LIMIT: Duration = Duration::from_secs(60);

/// Services that crash, at the end: one with a volume, one without.
const CRASHING: [&str; 2] = [VICTIM, "gateway"];

/// A loop is one from the third time on.
const CRASHES: u64 = 3;

/// Starts the stack and proves what it promises; gives the figures.
pub(crate) fn all(
    workspace: &Workspace,
    stack: &mut Stack<'_>,
    images: &Images,
) -> Result<Figures, Error> {
    let begin = Instant::now();
    stack.up()?;
    stack.healthy(HEALTHY_LIMIT)?;
    let healthy = begin.elapsed();
    println!(
        "healthy     all containers, {:.1} s after `up`",
        healthy.as_secs_f64()
    );
    let image = figures::image(stack)?;
    let allowed = hardened(stack)?;
    orders(workspace, stack)?;
    monitored(stack, images)?;
    comes_back(stack)?;
    no_violation(stack)?;
    Figures::take(stack, images, image, allowed, healthy)
}

/// Containers that end right after each start: what `down -v` finds hardest.
pub(crate) fn crash_loop(stack: &mut Stack<'_>) -> Result<(), Error> {
    stack.crash(&CRASHING)?;
    soon(|| {
        let containers = stack.containers()?;
        let calm = CRASHING.iter().find(|name| {
            let container = containers.get(**name);
            container.is_none_or(|(_id, now)| now.restart_count < CRASHES)
        });
        calm.map_or(Ok(()), |name| {
            Err(found(format!("{name} doesn't crash again and again")))
        })
    })?;
    println!(
        "crash loop  {}, {CRASHES} times each",
        CRASHING.join(" and ")
    );
    Ok(())
}

pub(super) fn found(what: impl Into<String>) -> Error {
    Error::Found(what.into())
}

/// Every container is as hard as the file promises; gives what they may take together.
fn hardened(stack: &Stack<'_>) -> Result<u64, Error> {
    let containers = stack.containers()?;
    let soft: Vec<String> = containers
        .values()
        .flat_map(|(_id, container)| container.soft_spots())
        .collect();
    if !soft.is_empty() {
        return Err(found(soft.join("; ")));
    }
    let limits = containers
        .values()
        .map(|(_id, c)| c.host_config.memory)
        .sum();
    let count = containers.len();
    if count > CONTAINERS_MAX || limits > MEMORY_MAX {
        return Err(found(format!("{count} containers may take {limits} bytes")));
    }
    println!(
        "hardened    {count} containers: limits, read-only root, no root, no capabilities, 127.0.0.1 alone"
    );
    Ok(limits)
}

/// Orders through the published ports.
fn orders(workspace: &Workspace, stack: &Stack<'_>) -> Result<(), Error> {
    let at = |name| format!("127.0.0.1:{}", stack.port(name));
    let shop = At {
        orders: at("ORDERS"),
        inventory: at("INVENTORY"),
        gateway: at("GATEWAY"),
    };
    match clients::against(workspace, &shop)? {
        Outcome::Passed => println!("orders      by the Rust and the Python clients"),
        Outcome::Skipped(why) => println!("NOT PROVEN  {why}"),
        Outcome::Failed(why) => return Err(found(why)),
    }
    let grpcurl = match tools::grpcurl(workspace)? {
        Ok(grpcurl) => grpcurl,
        Err(why) => {
            println!("NOT PROVEN  grpcurl: {why}");
            return Ok(());
        }
    };
    let order = r#"{"idempotency_key":"compose-1","customer_id":"me","payment_method":"pm_card_ok","lines":[{"sku":"tea-assam","quantity":2}]}"#;
    let calls = [
        (
            &shop.orders,
            order,
            "shop.orders.v1.OrdersService/PlaceOrder",
            "CONFIRMED",
        ),
        (
            &shop.inventory,
            r#"{"sku":"tea-assam"}"#,
            "shop.inventory.v1.InventoryService/GetStock",
            "tea-assam",
        ),
        (
            &at("PAYMENTS"),
            "{}",
            "shop.payments.v1.PaymentsService/ListPayments",
            "payments",
        ),
    ];
    for (address, body, method, wanted) in calls {
        let mut call = process::command(&grpcurl);
        call.args(["-plaintext", "-d", body, address, method]);
        let (status, said) = process::output_where(&mut call, GRPCURL_LIMIT, |_| false)?;
        if !status.success() || !said.contains(wanted) {
            return Err(found(format!("grpcurl {method}: {said}")));
        }
    }
    println!("orders      by grpcurl; inventory and payments answer it, too");
    Ok(())
}

/// Prometheus has the targets, evaluates the rules, and knows the Alertmanager.
fn monitored(stack: &Stack<'_>, images: &Images) -> Result<(), Error> {
    if !images.is_program("prometheus") {
        println!("NOT PROVEN  targets and rules: there is no Prometheus here");
        return Ok(());
    }
    let port = stack.port("PROMETHEUS");
    let mut jobs = [&JOBS[..], &["prometheus"]].concat();
    let others = ["alertmanager", "grafana", "tempo", "loki", "alloy"];
    jobs.extend(others.into_iter().filter(|job| images.is_program(job)));
    soon(|| {
        let targets = http::json(port, "/api/v1/targets?state=active")?;
        let up = |job: &&str| {
            list(&targets, "activeTargets")
                .any(|target| target["labels"]["job"] == **job && target["health"] == "up")
        };
        let down: Vec<_> = jobs.iter().filter(|job| !up(job)).copied().collect();
        match down.is_empty() {
            true => Ok(()),
            false => Err(found(format!("not up in Prometheus: {}", down.join(", ")))),
        }
    })?;
    println!("targets     up: {}", jobs.join(", "));
    let rules = soon(|| {
        let answer = http::json(port, "/api/v1/rules")?;
        let rules: Vec<_> = list(&answer, "groups")
            .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
            .collect();
        match rules.iter().find(|rule| rule["health"] != "ok") {
            None => Ok(rules.len()),
            Some(bad) => Err(found(format!(
                "{} is {}: {}",
                bad["name"], bad["health"], bad["lastError"]
            ))),
        }
    })?;
    println!("rules       {rules}, each evaluated without an error");
    if images.is_program("alertmanager") {
        soon(|| {
            let answer = http::json(port, "/api/v1/alertmanagers")?;
            match list(&answer, "activeAlertmanagers").count() {
                1 => Ok(()),
                n => Err(found(format!("Prometheus knows {n} Alertmanagers"))),
            }
        })?;
        alert_is_seen(stack)?;
    }
    Ok(())
}

/// An alert goes the whole way: Alertmanager, webhook, a line in the load's log.
fn alert_is_seen(stack: &Stack<'_>) -> Result<(), Error> {
    const NAME: &str = "ComposeTestSaysHello";
    let alert =
        format!(r#"[{{"labels":{{"alertname":"{NAME}","severity":"critical","job":"orders"}}}}]"#);
    http::post(stack.port("ALERTMANAGER"), "/api/v2/alerts", &alert)?;
    soon(|| match stack.logs("load")? {
        said if said.contains(NAME) => Ok(()),
        _silent => Err(found("an alert never reached the log of load")),
    })?;
    println!("alerts      from Alertmanager to the log of load");
    Ok(())
}

/// A killed service is started again, healthy, and has lost nothing.
fn comes_back(stack: &Stack<'_>) -> Result<(), Error> {
    let gateway = stack.port("GATEWAY");
    let page = http::json(gateway, "/v1/orders?limit=1")?;
    let order = page["orders"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let (_id, before) = victim(stack)?;
    let pid = before.state.pid;
    let here = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
    if !here.is_ok_and(|line| line.contains(VICTIM)) {
        println!(
            "NOT PROVEN  a killed container comes back: its processes are not on this machine"
        );
        return Ok(());
    }
    let begin = Instant::now();
    let killed = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
    if !matches!(killed, Some(Ok(()))) {
        println!("NOT PROVEN  a killed container comes back: we may not kill");
        return Ok(());
    }
    soon(|| {
        let (_id, now) = victim(stack)?;
        let back = now.restart_count > before.restart_count && now.is_healthy();
        match back && now.state.pid != pid {
            true => Ok(()),
            false => Err(found(format!(
                "{VICTIM} was killed and is {}",
                now.state.status
            ))),
        }
    })?;
    let took = begin.elapsed();
    soon(|| http::json(gateway, &format!("/v1/orders/{order}")).map(drop))?;
    println!(
        "killed      {VICTIM} by SIGKILL: healthy again after {:.1} s, and it still has order {order}",
        took.as_secs_f64()
    );
    Ok(())
}

fn victim(stack: &Stack<'_>) -> Result<(String, super::inspect::Container), Error> {
    stack
        .containers()?
        .remove(VICTIM)
        .ok_or_else(|| found(format!("there is no container of {VICTIM}")))
}

/// The load goes on, and its checker found nothing.
fn no_violation(stack: &Stack<'_>) -> Result<(), Error> {
    let port = stack.port("PROMETHEUS");
    let value = |query: &str| -> Result<f64, Error> {
        let answer = http::json(port, &format!("/api/v1/query?query={query}"))?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        let value = value.and_then(|text| text.parse().ok());
        value.ok_or_else(|| found(format!("{query} gives nothing")))
    };
    let before = value("sum(load_orders_total)")?;
    let sold = soon(|| match value("sum(load_orders_total)")? {
        now if now > before => Ok(now),
        _same => Err(found("the load sells nothing any more")),
    })?;
    let checks = value("sum(load_checks_total)")?;
    let violations = value("sum(load_violations_total)")?;
    if violations > 0.0 {
        println!("{}", stack.logs("load")?);
        return Err(found(format!("the checker found {violations} violations")));
    }
    println!("invariants  hold: {sold} orders, {checks} looks at stock and money from outside");
    Ok(())
}

/// The elements of a list in Prometheus' data.
fn list<'v>(answer: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    answer["data"][name].as_array().into_iter().flatten()
}

/// Asks again until it is so, or the time is up.
fn soon<T>(mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let begin = Instant::now();
    loop {
        match ask() {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(why) if begin.elapsed() > SOON => return Err(why),
            Err(_not_yet) => process::pause(PAUSE)?,
            answer => return answer,
        }
    }
}
