//! The figures as a page for `docs/results/`.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    figures::{ByProcess, Level, Run, Spread},
    shop::Figures,
};

/// One run in one line.
pub(super) fn line(run: &Run) -> String {
    let best = run.best().map_or(0.0, |level| level.orders_per_s);
    format!(
        "ready {} ms, p99 {} ms at {}/s (bound {} ms), best {best} orders/s, invariants {}",
        run.ready_ms,
        show(run.steady.p99_ms),
        run.steady.orders_per_s,
        run.p99_bound_ms(),
        if run.invariants_ok { "ok" } else { "VIOLATED" },
    )
}

fn show(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn spread(values: impl IntoIterator<Item = f64>) -> String {
    Spread::of(values).map_or_else(|| "-".to_owned(), |spread| spread.to_string())
}

/// The whole page.
pub(super) fn page(figures: &Figures) -> String {
    let mut page = String::new();
    // Writing to a string can't fail.
    write_page(&mut page, figures).unwrap_or_default();
    page
}

fn write_page(page: &mut String, figures: &Figures) -> std::fmt::Result {
    let (machine, runs) = (&figures.machine, &figures.runs);
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let number = |value: Option<u64>| value.map_or("?".to_owned(), |value| value.to_string());
    writeln!(page, "# The shop, measured\n")?;
    writeln!(
        page,
        "`cargo xtask bench shop`: {} runs, each from an empty directory, verified from outside at \
         the end ({}).\nMachine: {} cores, {}, {} GiB, {}; {} build; load generator, five services \
         and their fsyncs on the same box.\nShown: median (lowest to highest).\n",
        runs.len(),
        if figures.invariants_ok {
            "all invariants hold"
        } else {
            "INVARIANTS VIOLATED"
        },
        number(machine.cores.map(|cores| cores as u64)),
        text(&machine.cpu),
        number(machine.memory_gib),
        text(&machine.system),
        machine.build,
    )?;
    writeln!(page, "| what | measured | aim |\n|---|---|---|")?;
    let of = |value: fn(&Run) -> Option<f64>| spread(runs.iter().filter_map(value));
    writeln!(
        page,
        "| ready, ms | {} | ≤ 2,000 |",
        of(|run| Some(run.ready_ms))
    )?;
    let best = of(|run| run.best().map(|level| level.orders_per_s));
    writeln!(
        page,
        "| orders/s, sustained | {best} | ≥ 2,000, better 5,000 |"
    )?;
    let p99 = of(|run| run.steady.p99_ms);
    let p50 = of(|run| run.steady.p50_ms);
    writeln!(
        page,
        "| PlaceOrder p50 at {}/s, ms | {p50} | |",
        figures.rps
    )?;
    let bound = of(|run| Some(run.p99_bound_ms()));
    writeln!(
        page,
        "| PlaceOrder p99 at {}/s, ms | {p99} | ≤ {bound} |",
        figures.rps
    )?;
    disks(page, runs)?;
    processes(page, runs)?;
    levels(page, figures)?;
    stores(page, runs)
}

fn names(runs: &[Run]) -> BTreeSet<&'static str> {
    runs.iter()
        .flat_map(|run| run.idle_rss_mib.keys().copied())
        .collect()
}

fn disks(page: &mut String, runs: &[Run]) -> std::fmt::Result {
    let of = |value: fn(&Run) -> f64| spread(runs.iter().map(value));
    let (p50, p99) = (
        of(|run| run.disk.fsync_p50_ms),
        of(|run| run.disk.fsync_p99_ms),
    );
    writeln!(page, "| fsync of 4 KiB before the run, p50, ms | {p50} | |")?;
    writeln!(page, "| fsync of 4 KiB before the run, p99, ms | {p99} | |")?;
    let (p50, p99) = (
        of(|run| run.disk_beside.fsync_p50_ms),
        of(|run| run.disk_beside.fsync_p99_ms),
    );
    writeln!(
        page,
        "| fsync of 4 KiB beside the steady load, p50, ms | {p50} | |"
    )?;
    writeln!(
        page,
        "| fsync of 4 KiB beside the steady load, p99, ms | {p99} | |"
    )?;
    writeln!(
        page,
        "\nThe bound for p99 is 10 × the disk's fsync p99 before the run + 10 ms. Where the disk is \
         shared,\nthe second probe says what it was like during the measurement.\n"
    )
}

fn processes(page: &mut String, runs: &[Run]) -> std::fmt::Result {
    writeln!(page, "## By process\n")?;
    writeln!(
        page,
        "| process | RSS idle, MiB | RSS after the load, MiB | CPU µs/order, steady | CPU µs/order, saturated |\n\
         |---|---|---|---|---|"
    )?;
    for name in names(runs) {
        let of = |map: fn(&Run) -> Option<&ByProcess>| {
            spread(runs.iter().filter_map(|run| *map(run)?.get(name)?))
        };
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} |",
            of(|run| Some(&run.idle_rss_mib)),
            of(|run| Some(&run.loaded_rss_mib)),
            of(|run| Some(&run.steady.cpu_us_per_order)),
            of(|run| Some(&run.best()?.cpu_us_per_order)),
        )?;
    }
    writeln!(
        page,
        "\n`demo` is the load generator, the checker and the supervisor. The aim for an idle \
         service is ≤ 20 MiB.\n"
    )
}

fn levels(page: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(
        page,
        "## Saturation\n\nA closed loop of orders alone over {} connections, {} s each.\n",
        figures.connections, figures.level_seconds
    )?;
    writeln!(
        page,
        "| in flight | orders/s | p50, ms | p99, ms | share of all cores | errors |\n|---|---|---|---|---|---|"
    )?;
    let count = figures.runs.first().map_or(0, |run| run.levels.len());
    for index in 0..count {
        let each = || figures.runs.iter().filter_map(|run| run.levels.get(index));
        let of = |value: fn(&Level) -> Option<f64>| spread(each().filter_map(value));
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            each().next().map_or(0, |level| level.in_flight),
            of(|level| Some(level.orders_per_s)),
            of(|level| level.p50_ms),
            of(|level| level.p99_ms),
            of(|level| level.cpu_share),
            each().map(|level| level.errors).sum::<u64>(),
        )?;
    }
    writeln!(page)
}

fn stores(page: &mut String, runs: &[Run]) -> std::fmt::Result {
    writeln!(page, "## Stores, at the best level\n")?;
    writeln!(
        page,
        "| store | commands/order | commands/commit | commits/s | ms/commit |\n|---|---|---|---|---|"
    )?;
    for name in names(runs) {
        let each = || runs.iter().filter_map(|run| run.best()?.stores.get(name));
        if each().next().is_none() {
            continue;
        }
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} |",
            spread(each().map(|store| store.commands_per_order)),
            spread(each().map(|store| store.commands_per_commit)),
            spread(each().map(|store| store.commits_per_s)),
            spread(each().map(|store| store.commit_ms)),
        )?;
    }
    Ok(())
}
