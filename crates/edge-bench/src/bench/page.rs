//! The figures as a page for `docs/results/`.

use std::fmt::Write;

use super::{
    figures::{Attack, Comparison, Figures, Idle, Spread},
    tables,
};

/// The whole page.
pub(super) fn page(figures: &Figures) -> String {
    let mut page = String::new();
    // Writing to a string can't fail.
    write_page(&mut page, figures).unwrap_or_default();
    page
}

fn write_page(page: &mut String, figures: &Figures) -> std::fmt::Result {
    head(page, figures)?;
    let http = "HTTP/1.1, JSON hello: edge against bare axum";
    let aim = "Load: connections × requests in flight on each. Aim: ≥ 0.95 × axum's throughput at 64 × 1.";
    comparison(page, http, aim, &figures.http)?;
    let grpc = "gRPC, unary hello: edge against bare tonic";
    let aim =
        "Load: connections × calls in flight on each. Aim: ≥ 1.4 × tonic's throughput at 8 × 16.";
    comparison(page, grpc, aim, &figures.grpc)?;
    let what = "A connection's task yields once after a wake-up while several streams are open on it\n\
        (`batch_writes`), against the same server without. CPU is the server's.";
    comparison(
        page,
        "The yield, on the server",
        what,
        &figures.server_yield,
    )?;
    let what = "The same in the client's connection task: a process that calls through `GrpcChannel` on a runtime\n\
        like a service's. CPU is the server's and, in the last column, the client's.";
    comparison(
        page,
        "The yield, on the client",
        what,
        &figures.client_yield,
    )?;
    idle(page, figures)?;
    attacks(page, &figures.attacks)
}

fn head(page: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(
        page,
        "# The edge, measured\n\n\
         `cargo xtask bench edge`: {} pairs of {} s (the first load of a table; others half as long), the two of a\n\
         pair in turn (A B, B A, …).\n\
         Machine: {}; load generator and server on the same box.\n\
         Shown: median (lowest to highest); ratios are of the two in a pair.\n\n\
         Every server is a process of its own on tokio's multi-threaded runtime with a worker for each core, with the\n\
         same handlers and the same allocator (jemalloc, which the chassis brings and the bare servers get as well).\n\
         *edge* is a whole service: `watertight::run`, with metrics, deadlines, a scope for each request, an admin\n\
         port. *axum* is `axum::serve`, *tonic* its `Server`, as their documentation shows them. The generator is one\n\
         thread that sends requests made by hand; its own CPU is in the last column.",
        figures.runs, figures.seconds, figures.machine,
    )
}

fn comparison(page: &mut String, title: &str, text: &str, all: &[Comparison]) -> std::fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## {title}\n\n{text}\n")?;
    tables::comparisons(page, all)
}

fn idle(page: &mut String, figures: &Figures) -> std::fmt::Result {
    if figures.idle.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n## Idle connections\n\n\
         Growth of the server's RSS, by connection: each made one request and then keeps silent.\n"
    )?;
    tables::idle(page, &figures.idle)?;
    let short = |idle: &Idle| idle.open < idle.asked;
    if figures.idle.iter().any(short) {
        writeln!(
            page,
            "\n**Scaled down**: fewer connections than asked for were open when memory was read (this machine\n\
             allows {} open files to a process; the server may have closed some).",
            figures.machine.open_files
        )?;
    }
    Ok(())
}

fn attacks(page: &mut String, all: &[Attack]) -> std::fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n## Attacks\n\n\
         Each on a fresh server with default limits, from a process of its own that comes back when it is cut off.\n\
         RSS: growth at the peak, and some seconds after the end. The kernel's memory for sockets is in no RSS; its growth\n\
         is the whole machine's, the attacker's side included. A healthy client from another address asks 2,000\n\
         times a second over eight connections of its own; its p99 during the attack is compared with its p99 beside\n\
         an unharmed server and a process that uses as much CPU as the attacker did, for on few cores any busy process\n\
         is felt. Aim: ≤ 2 ×. *Stopped*: the server had grown by 1.5 GB, and the attack was ended there.\n"
    )?;
    tables::attacks(page, all)
}

/// A figure with its spread.
pub(super) fn show(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |Spread { min, median, max }| {
            format!("{median:.digits$} ({min:.digits$} to {max:.digits$})")
        },
    )
}
