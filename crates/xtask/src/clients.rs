//! The clients that callers learn from, each run against a real shop.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::report::{Outcome, Report};
use crate::shop::Place;
use crate::tools::Found;
use crate::workspace::{self, Workspace};
use crate::{openapi, process, shop, tools};

/// Nothing is left to build after the tests.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// A client gives up by itself after half a minute per call, and makes four.
const CLIENT_LIMIT: Duration = Duration::from_secs(3 * 60);

/// A client as a person starts it from the root.
struct Client {
    name: &'static str,
    line: Vec<OsString>,
}

/// Runs both stages alone.
pub(crate) fn run(workspace: &Workspace) -> ExitCode {
    let mut report = Report::default();
    report.stage("clients", || stage(workspace));
    report.stage("openapi", || openapi::stage(workspace));
    report.finish()
}

/// Where a shop listens, as `HOST:PORT`.
#[derive(Clone, Debug)]
pub(crate) struct At {
    /// Orders, over gRPC.
    pub(crate) orders: String,
    /// Inventory, over gRPC.
    pub(crate) inventory: String,
    /// The gateway, over HTTP.
    pub(crate) gateway: String,
}

/// Opens a shop and runs every client against it.
pub(crate) fn stage(workspace: &Workspace) -> Result<Outcome, Error> {
    let shop = shop::open(workspace)?;
    let at = At {
        orders: shop.address(Place::Orders),
        inventory: shop.address(Place::Inventory),
        gateway: shop.address(Place::Gateway),
    };
    let outcome = against(workspace, &at)?;
    if !matches!(outcome, Outcome::Failed(_)) {
        shop.close()?;
    }
    Ok(outcome)
}

/// Runs every client; they must agree with each other on one order.
pub(crate) fn against(workspace: &Workspace, at: &At) -> Result<Outcome, Error> {
    let python = build(workspace)?;
    let mut clients = vec![rust(workspace, at)];
    if let Ok(python) = &python {
        clients.extend(pythons(python, &home(workspace), at));
    }
    let mut orders = Vec::new();
    for client in &clients {
        match check(client, workspace)? {
            Ok(order) => orders.push(order),
            Err(why) => return Ok(Outcome::Failed(format!("{}: {why}", client.name))),
        }
    }
    if orders.iter().any(|order| *order != orders[0]) {
        let why = format!("one key, one body, several orders: {}", orders.join(", "));
        return Ok(Outcome::Failed(why));
    }
    Ok(match python {
        Ok(_python) => Outcome::Passed,
        Err(why) => Outcome::Skipped(format!("the Python clients; Rust's is fine: {why}")),
    })
}

/// Builds and fetches what the clients need: the example as a person would, and
/// the environment for Python, if it can be had.
pub(crate) fn build(workspace: &Workspace) -> Result<Found, Error> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--example", "place_order"]);
    process::run(cargo.current_dir(&workspace.root), BUILD_LIMIT)?;
    let requirements = workspace::read(&home(workspace).join("requirements.txt"))?;
    tools::python(workspace, "clients-python", &requirements)
}

/// Where the clients in Python are.
fn home(workspace: &Workspace) -> PathBuf {
    workspace.root.join("clients").join("python")
}

/// Runs what was built of the example.
fn rust(workspace: &Workspace, at: &At) -> Client {
    let example = workspace.target.join("debug/examples/place_order");
    let url = |address: &str| OsString::from(format!("http://{address}"));
    let line = vec![
        example.into(),
        "--orders".into(),
        url(&at.orders),
        "--inventory".into(),
        url(&at.inventory),
    ];
    Client { name: "Rust", line }
}

fn pythons(python: &Path, dir: &Path, at: &At) -> [Client; 2] {
    let client = |name, file: &str, flags: &[(&str, String)]| {
        let mut line = vec![python.into(), dir.join(file).into()];
        for (flag, value) in flags {
            line.extend([flag.into(), value.into()]);
        }
        Client { name, line }
    };
    let grpc = [
        ("--orders", at.orders.clone()),
        ("--inventory", at.inventory.clone()),
    ];
    let http = [("--gateway", format!("http://{}", at.gateway))];
    [
        client("Python over gRPC", "place_order.py", &grpc),
        client("Python over HTTP", "place_order_http.py", &http),
    ]
}

/// Everything a client must do, in three runs. Gives the order of the key that
/// all clients share.
fn check(client: &Client, workspace: &Workspace) -> Result<Result<String, String>, Error> {
    println!("--- {}", client.name);
    let mut order = String::new();
    for key in [&*client.name.replace(' ', "-"), "everybody"] {
        let (bought, said) = shopping(client, workspace, &["--key", key])?;
        match bought_in(&said) {
            Ok(id) if bought => order = id.to_owned(),
            Ok(_id) => return Ok(Err("confirmed, but the exit code says no".to_owned())),
            Err(why) => return Ok(Err(why)),
        }
    }
    let poor = ["--payment-method", "pm_card_declined"];
    let (bought, said) = shopping(client, workspace, &poor)?;
    if bought || !said.contains("PAYMENT_DECLINED") {
        return Ok(Err("a declined payment is not told".to_owned()));
    }
    Ok(Ok(order))
}

fn shopping(
    client: &Client,
    workspace: &Workspace,
    flags: &[&str],
) -> Result<(bool, String), Error> {
    let mut command = process::command(&client.line[0]);
    command.args(&client.line[1..]).args(flags);
    let (status, said) = process::output(command.current_dir(&workspace.root), CLIENT_LIMIT)?;
    Ok((status.success(), said))
}

/// The id of the one order that a client saw the stock for, placed, repeated,
/// and watched until it was confirmed.
fn bought_in(said: &str) -> Result<&str, String> {
    let mut order = None;
    for word in ["stock", "placing", "placed", "repeated", "watched"] {
        if !said.lines().any(|line| line.starts_with(word)) {
            return Err(format!("it shows no line of {word}"));
        }
    }
    for line in said.lines() {
        let mut words = line.split_whitespace();
        if let (Some("placed" | "repeated" | "watched"), Some(id)) = (words.next(), words.next())
            && *order.get_or_insert(id) != id
        {
            return Err(format!("one key, two orders: {id}"));
        }
    }
    let end = said.lines().last().unwrap_or_default();
    if !(end.starts_with("watched") && end.contains(" CONFIRMED")) {
        return Err(format!("not confirmed at the end: {end}"));
    }
    order.ok_or_else(|| "it names no order".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_bought_only_what_it_shows_from_stock_to_the_end() {
        let all = "stock      9 of tea at 6.90 EUR\n\
                   placing    2 of it under the key k\n\
                   placed     01a PENDING\n\
                   unknown    Unavailable; the same again in 50 ms\n\
                   repeated   01a CONFIRMED, 13.80 EUR: the same order, further on\n\
                   watched    01a CONFIRMED, 13.80 EUR\n";
        assert_eq!(bought_in(all), Ok("01a"));
        for word in ["stock", "placing", "placed", "repeated", "watched"] {
            let without: Vec<&str> = all.lines().filter(|line| !line.starts_with(word)).collect();
            assert!(bought_in(&without.join("\n")).is_err(), "without {word}");
        }
        for (word, bad) in [
            ("repeated   01a", "repeated   01b"),
            ("watched    01a CONFIRMED", "watched    01a REJECTED"),
        ] {
            assert!(bought_in(&all.replace(word, bad)).is_err(), "{bad}");
        }
        assert!(bought_in("").is_err());
    }
}
