//! The figures as a page for `docs/results/`.

use std::fmt::Write;

use super::{
    Costs,
    parts::{Did, Part, Under},
    pipe::Piped,
};
use crate::{
    bench::{figures::Spread, page::show},
    load::Sample,
};

/// The whole page.
pub(super) fn page(costs: &Costs) -> String {
    let mut page = String::new();
    // Writing to a string can't fail.
    write_page(&mut page, costs).unwrap_or_default();
    page
}

fn write_page(page: &mut String, costs: &Costs) -> std::fmt::Result {
    head(page, costs)?;
    if !costs.parts.is_empty() {
        parts(page, &costs.parts)?;
        did(page, &costs.parts)?;
    }
    if !costs.pipe.is_empty() {
        pipe(page, costs)?;
    }
    Ok(())
}

fn head(page: &mut String, costs: &Costs) -> std::fmt::Result {
    writeln!(
        page,
        "# Telemetry, measured\n\n\
         `cargo xtask bench telemetry`: {} pairs of {} s, the two of a pair in turn (A B, B A, …).\n\
         Machine: {}; load generator, collector and server on the same box.\n\
         Shown: median (lowest to highest); differences and ratios are of the two in a pair.\n\n\
         Every server is a whole service in a process of its own, made afresh for each pair. CPU is what the kernel counts\n\
         for all its threads, the ones that send, scrape and write included; generator and collector are other processes.",
        costs.runs, costs.seconds, costs.machine,
    )
}

fn parts(page: &mut String, all: &[Part]) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Each part, on and off\n\n\
         HTTP 64 × 1 and gRPC 8 × 16: connections × requests in flight on each. Aim: all together ≤ 1.5 µs of CPU a request.\n\n\
         - *nothing*: two equal servers. What they differ by is the noise that the other rows have, too.\n\
         - *metrics*: requests are counted and timed, and the admin port is scraped each second; off, neither.\n\
         - *traces*: 1 % of the traces are sent to a collector over OTLP, without the cap of 20 a second; off, there is none.\n\
         - *logs*: handlers log a line for each request at `info`, into `/dev/null`; off, the filter is `warn`. A call site\n\
         \x20\x20writes 100 lines a second, the default; *every line* is without that limit and no part of *all*.\n\
         - *all*: metrics, traces and logs together.\n\n\
         | part | load | CPU µs/request, on | off | difference | ratio | requests/s, on | off | errors |\n\
         |---|---|---|---|---|---|---|---|---|"
    )?;
    let us: fn(&Sample) -> f64 = |sample| sample.server_us;
    let rps: fn(&Sample) -> f64 = |sample| sample.rps;
    for (part, Under { comparison, .. }) in under(all) {
        let errors: u64 = comparison
            .pairs
            .iter()
            .flatten()
            .map(|one| one.errors)
            .sum();
        writeln!(
            page,
            "| {} | {} | {} | {} | **{}** | {} | {} | {} | {errors} |",
            part.what,
            comparison.load,
            show(comparison.of(0, us), 2),
            show(comparison.of(1, us), 2),
            show_signed(comparison.difference(us)),
            show(comparison.ratio(us), 2),
            show(comparison.of(0, rps), 0),
            show(comparison.of(1, rps), 0),
        )?;
    }
    Ok(())
}

fn did(page: &mut String, all: &[Part]) -> std::fmt::Result {
    writeln!(
        page,
        "\n## What was done for it\n\n\
         As the servers' own metrics say at the end of a pair, all pairs together, warming up included: the side with the\n\
         part on. The run fails if what is on shows nothing, or what is off anything.\n\n\
         | part | load | requests counted | traces sent | traces dropped | lines thinned out | lines made | of them dropped |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for (part, Under { comparison, did }) in under(all) {
        let Did {
            counted,
            traces,
            traces_dropped,
            lines,
            lines_sampled,
            lines_dropped,
        } = did;
        writeln!(
            page,
            "| {} | {} | {counted} | {traces} | {traces_dropped} | {lines_sampled} | {lines} | {lines_dropped} |",
            part.what, comparison.load,
        )?;
    }
    Ok(())
}

fn under(all: &[Part]) -> impl Iterator<Item = (&Part, &Under)> {
    all.iter()
        .flat_map(|part| part.under.iter().map(move |under| (part, under)))
}

fn pipe(page: &mut String, costs: &Costs) -> std::fmt::Result {
    writeln!(
        page,
        "\n## A log that nobody reads\n\n\
         Stdout is a pipe; handlers log ten lines for each of 2,000 requests a second, and none is thinned out. *Blocked*:\n\
         nobody reads the pipe. *Read*: somebody does. {} pairs of {} s in turn, each server made afresh. Growth is from the\n\
         resident memory after one request to the highest that there was. Aim: ≤ 8 MiB, and requests don't wait.\n\n\
         | stdout | lines/s | lines made | of them dropped | RSS growth at the peak, MiB | p50, µs | p99, µs | longest, ms | errors |\n\
         |---|---|---|---|---|---|---|---|---|",
        costs.pipe.len(),
        costs.pipe_seconds,
    )?;
    for (which, name) in ["blocked", "read"].into_iter().enumerate() {
        let of = |value: fn(&Piped) -> f64, digits| {
            let values = costs.pipe.iter().map(|pair| value(&pair[which]));
            show(Spread::of(values), digits)
        };
        let sum = |value: fn(&Piped) -> f64| -> f64 {
            costs.pipe.iter().map(|pair| value(&pair[which])).sum()
        };
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
            of(|one| one.lines_per_s, 0),
            sum(|one| one.lines_made),
            sum(|one| one.lines_dropped),
            of(Piped::growth_mib, 1),
            of(|one| one.sample.p50_us, 0),
            of(|one| one.sample.p99_us, 0),
            of(|one| one.sample.max_us / 1e3, 1),
            sum(|one| one.sample.errors as f64),
        )?;
    }
    let times = |value: fn(&Sample) -> f64| {
        let ratios = costs
            .pipe
            .iter()
            .map(|[blocked, read]| value(&blocked.sample) / value(&read.sample));
        show(Spread::of(ratios), 2)
    };
    writeln!(
        page,
        "| **ratio** | | | | | {} | **{}** | {} | |",
        times(|sample| sample.p50_us),
        times(|sample| sample.p99_us),
        times(|sample| sample.max_us),
    )
}

fn show_signed(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |Spread { min, median, max }| format!("{median:+.2} ({min:+.2} to {max:+.2})"),
    )
}
