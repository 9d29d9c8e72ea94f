//! The figures for people.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use super::{
    run::{LIVE_MAX, LOOK_PERIOD, LOOKS},
    verdict::StormReport,
};
use crate::{console::Console, report::counts, stage::DemoError};

/// Says what was found.
pub(super) fn print(console: &Console, report: &StormReport) {
    let mut text = String::new();
    // Writing to a String doesn't fail.
    table(&mut text, report).unwrap_or_default();
    console.line(text);
    if report.broken.is_empty() {
        console.line("every promise held");
    }
    for broken in &report.broken {
        console.warn(format_args!("BROKEN: {broken}"));
    }
}

/// Writes the page, and the object beside it.
///
/// # Errors
///
/// [`DemoError::Output`] if a file can't be written.
pub(super) fn write(out: &Path, report: &StormReport) -> Result<(), DemoError> {
    let json = serde_json::to_string(report).unwrap_or_default();
    let page = page(report);
    for (path, text) in [
        (out.to_owned(), page),
        (out.with_extension("json"), json + "\n"),
    ] {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        dir.map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| DemoError::Output(path, error))?;
    }
    Ok(())
}

fn page(report: &StormReport) -> String {
    let mut page = String::from("# Cancellation storm\n\n");
    // Writing to a String doesn't fail.
    introduction(&mut page, report)
        .and_then(|()| table(&mut page, report))
        .and_then(|()| latencies(&mut page, report))
        .and_then(|()| memory(&mut page, report))
        .unwrap_or_default();
    page
}

fn introduction(page: &mut String, report: &StormReport) -> fmt::Result {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    writeln!(
        page,
        "`cargo xtask storm --requests {} --seed {}`, {build} build, {cores} cores, clients on the same machine.\n\n\
         Five processes: the gateway, orders, inventory, payments and the provider, which takes 100 to 200 ms for a call.\n\
         Clients come at a steady rate and leave after 0 to 50 ms, whatever they have by then: over HTTP/1 they hang up (half\n\
         of them by a reset), over HTTP/2 and gRPC they reset their stream. 15 % place an order, 25 % follow one (server-sent\n\
         events, WatchOrder), the others read. What a cancelled PlaceOrder came to is unknown, not failed: the checker repeats\n\
         it under its key, and then compares orders, stock, payments and the provider's ledger.\n",
        report.requests, report.seed
    )
}

fn table(page: &mut String, report: &StormReport) -> fmt::Result {
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
    let yes = if report.invariants_ok { "yes" } else { "NO" };
    let rows = [
        ("requests", report.requests.to_string(), String::new()),
        (
            "left before their answer",
            report.cancelled.to_string(),
            String::new(),
        ),
        (
            "answered before",
            report.answered.to_string(),
            String::new(),
        ),
        (
            "failed",
            format!("{} ({})", report.failed, counts(&report.errors)),
            String::new(),
        ),
        (
            "tasks of requests after the last client left",
            format!("{} after {} ms", report.live_tasks_after, report.settle_ms),
            format!("0 within {} ms", LIVE_MAX.as_millis()),
        ),
        ("orphans", report.orphans.to_string(), "0".to_owned()),
        ("dead tasks", report.dead_tasks.to_string(), "0".to_owned()),
        ("stragglers", report.stragglers.to_string(), "0".to_owned()),
        (
            "unknown outcomes, all resolved",
            report.unknown_resolved.to_string(),
            String::new(),
        ),
        ("invariants hold", yes.to_owned(), "yes".to_owned()),
        (
            "allocated bytes, the process that grew most",
            shown(report.allocated_ratio),
            "≤ 1.02 times what there was before".to_owned(),
        ),
        (
            "resident memory after a purge",
            shown(report.rss_ratio),
            format!(
                "times the largest of {} runs without cancels, which spread by {}",
                report.rss_mib_without_cancels.len(),
                shown(report.rss_spread)
            ),
        ),
    ];
    writeln!(page, "| what | measured | promised |\n|---|---|---|")?;
    for (what, measured, promised) in rows {
        writeln!(page, "| {what} | {measured} | {promised} |")?;
    }
    writeln!(
        page,
        "\n| | requests | left | answered | failed |\n|---|---|---|---|---|"
    )?;
    for (wire, count) in &report.wires {
        writeln!(
            page,
            "| {wire} | {} | {} | {} | {} |",
            count.requests, count.cancelled, count.answered, count.failed
        )?;
    }
    Ok(())
}

fn latencies(page: &mut String, report: &StormReport) -> fmt::Result {
    writeln!(
        page,
        "\n## From the reset to the last drop\n\n\
         A client resets a gRPC call over three services in a row (each hands it on through the chassis' channel); measured is\n\
         the time until the handler in the last one is dropped. Aim: p99 ≤ 2 ms with at most 30 % of the processors busy.\n\n\
         | what | samples | p50, ms | p99, ms | longest, ms | processors busy |\n|---|---|---|---|---|---|"
    )?;
    for (kind, latency) in &report.cancel {
        let share = latency
            .cpu_share
            .map_or("-".to_owned(), |share| format!("{:.0} %", share * 1e2));
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {share} |",
            kind.replace('_', " "),
            latency.samples,
            latency.p50_ms,
            latency.p99_ms,
            latency.max_ms
        )?;
    }
    Ok(())
}

fn memory(page: &mut String, report: &StormReport) -> fmt::Result {
    writeln!(
        page,
        "\n## Memory, MiB\n\n\
         Each figure is the smallest of {LOOKS} looks, {} ms apart, at a shop that has nothing to do. Each look purges the allocator.\n\
         Before: after {} requests{}.\n\
         After: after the storm. So the second storm is compared with the first: what each cancelled request\n\
         leaves behind shows; what fills once, up to a bound or to the busiest moment, doesn't (HTTP/2's tables of header fields,\n\
         streams and frames; tables of tasks and sockets). Page caches of stores (1 MiB for each connection of SQLite) are given\n\
         back after 250 ms without work. Payments closes the connections to the provider that it keeps for its next calls 5 to 10 s\n\
         after the last; the looks begin when they are gone, because 96 of them are 1.2 MiB there and 1.4 at the provider. Orders,\n\
         stock and payments are rows on the disk. Allocated is without what threads keep of freed memory for their next\n\
         allocations.\n\n\
         | process | allocated before | allocated after | resident after | resident without cancels |\n|---|---|---|---|---|",
        LOOK_PERIOD.as_millis(),
        report.warm_up,
        // A shorter run isn't judged by its memory and has no rushes.
        if report.memory_judged {
            ": three rushes (clients who leave, clients who wait, orders alone), then\n\
             this very storm, of which 100,000 requests at most"
        } else {
            ""
        }
    )?;
    for (name, rss) in &report.rss_mib {
        let of =
            |map: &super::look::ByProcess| map.get(name).map_or("-".to_owned(), f64::to_string);
        let without: Vec<_> = report.rss_mib_without_cancels.iter().map(of).collect();
        writeln!(
            page,
            "| {name} | {} | {} | {rss} | {} |",
            of(&report.allocated_mib_before),
            of(&report.allocated_mib_after),
            without.join(", ")
        )?;
    }
    if !report.memory_judged {
        writeln!(
            page,
            "\nToo few requests to say something of memory: caches are still filling."
        )?;
    }
    Ok(())
}
