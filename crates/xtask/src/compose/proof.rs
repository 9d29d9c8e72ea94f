//! What is proven of the stack while it runs, one step after the other.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::http;
use super::images::{Images, TAG};
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
const CONTAINERS_MAX: usize = 14;
const MEMORY_MAX: u64 = 1_500_000_000;
const IMAGE_MAX: u64 = 40 * 1024 * 1024;

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

/// Starts the stack and proves what it promises; gives the figures.
pub(crate) fn all(
    workspace: &Workspace,
    stack: &mut Stack<'_>,
    images: &Images,
) -> Result<String, Error> {
    let begin = Instant::now();
    stack.up()?;
    stack.healthy(HEALTHY_LIMIT)?;
    let healthy = begin.elapsed();
    println!(
        "healthy     all containers, {:.1} s after `up`",
        healthy.as_secs_f64()
    );
    let size = image(stack)?;
    let (containers, limits) = hardened(stack)?;
    orders(workspace, stack)?;
    monitored(stack, images)?;
    comes_back(stack)?;
    no_violation(stack)?;
    let used = memory(stack)?;
    Ok(format!(
        "{containers} containers; memory {:.0} MB in use of {:.0} MB allowed; our image {:.1} MiB; \
         {:.1} s from `up` to healthy",
        used as f64 / 1e6,
        limits as f64 / 1e6,
        size as f64 / 1_048_576.0,
        healthy.as_secs_f64(),
    ))
}

fn found(what: impl Into<String>) -> Error {
    Error::Found(what.into())
}

/// Our image: small, and without a shell.
fn image(stack: &Stack<'_>) -> Result<u64, Error> {
    let ours = format!("watertight:{TAG}");
    let size = stack
        .engine()
        .ask(&["image", "inspect", "--format", "{{.Size}}", &ours])?;
    let size = size.trim().parse().unwrap_or(u64::MAX);
    if size > IMAGE_MAX {
        return Err(found(format!(
            "our image has {size} bytes: at most {IMAGE_MAX}"
        )));
    }
    for shell in ["/bin/sh", "/bin/bash", "/busybox/sh"] {
        let run = [
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            shell,
            &ours,
            "-c",
            ":",
        ];
        if stack.engine().ask(&run).is_ok() {
            return Err(found(format!("our image has a shell: {shell}")));
        }
    }
    println!("image       {:.1} MiB, no shell", size as f64 / 1_048_576.0);
    Ok(size)
}

/// Every container is as hard as the file promises; gives how many there are
/// and what they may take together.
fn hardened(stack: &Stack<'_>) -> Result<(usize, u64), Error> {
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
    Ok((count, limits))
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
            false => Err(format!("not up in Prometheus: {}", down.join(", "))),
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
            Some(bad) => Err(format!(
                "{} is {}: {}",
                bad["name"], bad["health"], bad["lastError"]
            )),
        }
    })?;
    println!("rules       {rules}, each evaluated without an error");
    if images.is_program("alertmanager") {
        soon(|| {
            let answer = http::json(port, "/api/v1/alertmanagers")?;
            match list(&answer, "activeAlertmanagers").count() {
                1 => Ok(()),
                n => Err(format!("Prometheus knows {n} Alertmanagers")),
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
    http::post(stack.port("ALERTMANAGER"), "/api/v2/alerts", &alert).map_err(found)?;
    soon(|| match stack.logs("load") {
        Ok(said) if said.contains(NAME) => Ok(()),
        Ok(_silent) => Err("an alert never reached the log of load".to_owned()),
        Err(error) => Err(error.to_string()),
    })?;
    println!("alerts      from Alertmanager to the log of load");
    Ok(())
}

/// A killed service is started again, healthy, and has lost nothing.
fn comes_back(stack: &Stack<'_>) -> Result<(), Error> {
    let gateway = stack.port("GATEWAY");
    let page = http::json(gateway, "/v1/orders?limit=1").map_err(found)?;
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
        let (_id, now) = victim(stack).map_err(|error| error.to_string())?;
        let back = now.restart_count > before.restart_count && now.is_healthy();
        match back && now.state.pid != pid {
            true => Ok(()),
            false => Err(format!("{VICTIM} was killed and is {}", now.state.status)),
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
    let value = |query: &str| -> Result<f64, String> {
        let answer = http::json(port, &format!("/api/v1/query?query={query}"))?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        let value = value.and_then(|text| text.parse().ok());
        value.ok_or_else(|| format!("{query} gives nothing"))
    };
    let before = value("sum(load_orders_total)").map_err(found)?;
    let sold = soon(|| match value("sum(load_orders_total)")? {
        now if now > before => Ok(now),
        _same => Err("the load sells nothing any more".to_owned()),
    })?;
    let checks = value("sum(load_checks_total)").map_err(found)?;
    let violations = value("sum(load_violations_total)").map_err(found)?;
    if violations > 0.0 {
        println!("{}", stack.logs("load")?);
        return Err(found(format!("the checker found {violations} violations")));
    }
    println!("invariants  hold: {sold} orders, {checks} looks at stock and money from outside");
    Ok(())
}

/// No container was killed for its memory; gives what all take together.
fn memory(stack: &Stack<'_>) -> Result<u64, Error> {
    let mut total = 0;
    println!("memory      used / allowed");
    for (service, (id, container)) in stack.containers()? {
        if container.state.oom_killed {
            return Err(found(format!("{service} was killed for its memory")));
        }
        let format = ["stats", "--no-stream", "--format", "{{.MemUsage}}", &id];
        let said = stack.engine().ask(&format)?;
        let used = said.split('/').next().and_then(|text| bytes(text.trim()));
        let used = used.ok_or_else(|| found(format!("docker stats says {said}")))?;
        total += used;
        let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
        let limit = container.host_config.memory;
        println!("  {service:<12} {:>6.1} / {:.0} MiB", mib(used), mib(limit));
        if used > limit {
            return Err(found(format!("{service} takes {used} bytes of {limit}")));
        }
    }
    Ok(total)
}

/// `12.5MiB` as bytes.
fn bytes(text: &str) -> Option<u64> {
    let units = [
        ("KiB", 1_024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("B", 1.0),
    ];
    let (unit, size) = units
        .into_iter()
        .find(|(unit, _size)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes of memory"
    )]
    Some((number * size) as u64)
}

/// The elements of a list in Prometheus' data.
fn list<'v>(answer: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    answer["data"][name].as_array().into_iter().flatten()
}

/// Asks again until it is so, or the time is up.
fn soon<T>(mut ask: impl FnMut() -> Result<T, String>) -> Result<T, Error> {
    let begin = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(why) if begin.elapsed() > SOON => return Err(found(why)),
            Err(_not_yet) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_writes_them() {
        assert_eq!(bytes("512B"), Some(512));
        assert_eq!(bytes("1.5KiB"), Some(1_536));
        assert_eq!(bytes("12.5MiB"), Some(13_107_200));
        assert_eq!(bytes("1GiB"), Some(1_073_741_824));
        assert_eq!(bytes("--"), None);
    }
}
