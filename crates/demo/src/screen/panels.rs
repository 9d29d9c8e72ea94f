//! What stands on each panel.

use ratatui::{
    style::{Color, Stylize},
    text::{Line, Span},
};

use super::{
    history::{Scale, sparkline},
    layout::Panel,
    model::{LATENCY_S, mib},
    text::{clock, count, cut, folded, grouped, money, short},
    view::{ProcessRow, Rate, View},
};

/// Columns of a process's row beside its sparkline.
const NAME: usize = 11;
const PID: usize = 8;
const RSS: usize = 9;
const CPU: usize = 7;
const RESTARTS: usize = 10;
const URL: usize = 24;

/// From this width on a process's row has its admin port too.
const ADMIN_WIDTH_MIN: usize = 120;

/// From this width on latencies stand beside those of the whole run.
const LATENCY_ALL_WIDTH_MIN: usize = 52;

/// Bars of a sparkline at least and at most.
const BARS_MIN: usize = 4;
const BARS_MAX: usize = 120;

/// Examples of violations shown.
const EXAMPLES: usize = 3;

fn title(text: &'static str) -> Line<'static> {
    Line::from(text.bold())
}

fn titled(text: &'static str, note: impl Into<String>) -> Line<'static> {
    Line::from(vec![text.bold(), note.into().dark_gray()])
}

/// Whether all invariants hold, in a few words.
pub(super) fn verdict(view: &View) -> Span<'static> {
    match view.violations.iter().map(|(_, count)| count).sum::<u64>() {
        0 => "invariants ok".bold().green(),
        violated => format!("{violated} VIOLATED").bold().red(),
    }
}

/// Rates and errors.
pub(super) fn load(view: &View, width: usize) -> Panel {
    let line = |name: &'static str, rate: &Rate, color: Color| {
        let head = format!(" {name:<9}{:>7}  ", format!("{:.0}", rate.per_s));
        let room = width.saturating_sub(head.chars().count()).min(BARS_MAX);
        let bars = sparkline(&rate.history, room, Scale::Zero);
        Line::from(vec![head.into(), bars.fg(color)])
    };
    let lines = vec![
        line("orders/s", &view.orders, Color::Cyan),
        line("calls/s", &view.calls, Color::Blue),
        errors(view),
    ];
    Panel::new(title("Load"), lines, 0)
}

/// Errors by kind: in all, and how many of them in the last second.
pub(super) fn errors(view: &View) -> Line<'static> {
    if view.errors.is_empty() {
        return Line::from(vec![" errors   ".into(), "none".green()]);
    }
    let mut spans = vec![Span::from(" errors   ")];
    for &(kind, now, all) in &view.errors {
        let text = format!("{kind} {}", count(all));
        spans.push(if now > 0 { text.red() } else { text.into() });
        if now > 0 {
            spans.push(format!(" (+{now})").red());
        }
        spans.push("  ".into());
    }
    Line::from(spans)
}

/// p50, p90 and p99 of orders and reads, now and, where there is room, over the
/// run.
pub(super) fn latency(view: &View, width: usize) -> Panel {
    let wide = width >= LATENCY_ALL_WIDTH_MIN;
    let three = |[a, b, c]: [&str; 3]| format!("{a:>7}{b:>7}{c:>7}");
    let line = |name: &'static str, now: [Option<f64>; 3], all: [Option<f64>; 3]| {
        let (now, all) = (now.map(short), all.map(short));
        let mut spans = vec![
            format!(" {name:<7}").into(),
            three(now.each_ref().map(String::as_str)).bold(),
        ];
        if wide {
            let all = three(all.each_ref().map(String::as_str));
            spans.push(format!("  {all}").dark_gray());
        }
        Line::from(spans)
    };
    let names = three(["p50", "p90", "p99"]);
    let mut head = format!(" {:<7}{names}", "ms");
    if wide {
        head += &format!("  {names}");
    }
    let lines = vec![
        Line::from(head.dark_gray()),
        line("order", view.place.0, view.place_all.0),
        line("read", view.read.0, view.read_all.0),
    ];
    let and_all = if wide { ", and all" } else { "" };
    let note = format!("  last {LATENCY_S} s{and_all}");
    Panel::new(titled("Latency", note), lines, 0)
}

/// Every process with its memory, processor and address.
pub(super) fn processes(view: &View, width: usize) -> Panel {
    let admin = width >= ADMIN_WIDTH_MIN;
    let fixed = 1 + NAME + PID + RSS + 2 + CPU + RESTARTS + 2 + URL * (1 + usize::from(admin));
    let bars = width.saturating_sub(fixed).clamp(BARS_MIN, BARS_MAX);
    let head = format!(
        " {:<NAME$}{:>PID$}{:>RSS$}  {:<bars$}{:>CPU$}{:>RESTARTS$}  {:<URL$}{}",
        "process",
        "pid",
        "RSS MiB",
        cut("10 minutes", bars),
        "CPU %",
        "restarts",
        "url",
        if admin { "admin: /metrics /readyz" } else { "" },
    );
    let mut lines = vec![Line::from(head.dark_gray())];
    lines.extend(view.processes.iter().map(|row| {
        let at = &view.places.services;
        let at = at.iter().find(|(name, ..)| *name == row.process.name);
        let (url, admin_url) = at.map_or(("", ""), |(_, url, admin)| (url, admin));
        let (url, admin_url) = (
            format!("  {url:<URL$}"),
            if admin { admin_url } else { "" }.to_owned(),
        );
        process(row, bars, vec![url.cyan(), admin_url.dark_gray()])
    }));
    Panel {
        lines_min: 3,
        ..Panel::new(title("Processes"), lines, 2)
    }
}

fn process(row: &ProcessRow, bars: usize, urls: Vec<Span<'static>>) -> Line<'static> {
    let at = &row.process;
    let name = format!(" {:<NAME$}", at.name);
    let pid = match at.pid {
        Some(pid) => format!("{pid:>PID$}").into(),
        None => format!("{:>PID$}", "down").bold().red(),
    };
    let rss = at
        .rss_bytes
        .map_or("-".to_owned(), |bytes| format!("{:.1}", mib(bytes)));
    let spark = sparkline(&row.rss_history, bars, Scale::Trend);
    let cpu = row
        .cpu_percent
        .map_or("-".to_owned(), |percent| format!("{percent:.0}"));
    let restarts = format!("{:>RESTARTS$}", at.restarts);
    let mut spans = vec![
        name.bold(),
        pid,
        format!("{rss:>RSS$}  ").into(),
        format!("{spark:<bars$}").magenta(),
        format!("{cpu:>CPU$}").into(),
        if at.restarts > 0 {
            restarts.yellow()
        } else {
            restarts.into()
        },
    ];
    spans.extend(urls);
    Line::from(spans)
}

/// The same for a screen without room.
pub(super) fn process_short(row: &ProcessRow, width: usize) -> Line<'static> {
    let at = &row.process;
    let rss = match (at.pid, at.rss_bytes) {
        (None, _) => "down".to_owned(),
        (_, None) => "-".to_owned(),
        (_, Some(bytes)) => format!("{:.1} MiB", mib(bytes)),
    };
    let head = format!("{:<NAME$}{rss:>10}  ", at.name);
    let room = width.saturating_sub(head.chars().count());
    let bars = sparkline(&row.rss_history, room, Scale::Trend);
    Line::from(vec![head.into(), bars.magenta()])
}

/// Orders by end, money against the provider's ledger, stock against itself.
pub(super) fn invariants(view: &View) -> Panel {
    let mut lines = vec![orders(view), till(view), shelves(view)];
    let name = if view.violations.is_empty() {
        vec!["Invariants".bold(), "  all hold".green()]
    } else {
        let each = view.violations.iter();
        let each: Vec<_> = each
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let text = format!("  VIOLATED: {}", each.join(", "));
        vec!["Invariants".bold(), text.bold().red()]
    };
    let examples = view.examples.iter().take(EXAMPLES);
    lines.extend(examples.map(|example| Line::from(format!("   {example}").red())));
    Panel {
        lines_min: 3,
        ..Panel::new(Line::from(name), lines, 1)
    }
}

fn mark(holds: Option<bool>) -> Span<'static> {
    match holds {
        Some(true) => " ✓ ".bold().green(),
        Some(false) => " ✗ ".bold().red(),
        None => " ? ".bold().yellow(),
    }
}

fn violated(view: &View, names: &[&str]) -> bool {
    view.violations.iter().any(|(name, _)| names.contains(name))
}

fn orders(view: &View) -> Line<'static> {
    let tally = &view.tally;
    let broken = violated(
        view,
        &["lost", "doubled", "changed", "wrong_end", "key_reused"],
    );
    let mut text = format!(
        "orders  {} placed: {} confirmed, {} rejected, {} cancelled",
        count(tally.placed()),
        count(tally.confirmed),
        count(tally.rejected),
        count(tally.cancelled),
    );
    for (number, what) in [(tally.pending, "pending"), (tally.unknown, "unknown")] {
        if number > 0 {
            text += &format!(", {} {what}", count(number));
        }
    }
    Line::from(vec![mark(Some(!broken)), text.into()])
}

fn till(view: &View) -> Line<'static> {
    let Some(till) = view.till else {
        return Line::from(vec![
            mark(None),
            "money   the provider's ledger can't be read now".into(),
        ]);
    };
    let sign = if till.fits() { "=" } else { "≠" };
    let text = format!(
        "money   {} captured − {} refunded {sign} {} due (last {} orders)",
        money(till.captured),
        money(till.refunded),
        money(till.owed),
        till.orders,
    );
    Line::from(vec![mark(Some(till.fits())), text.into()])
}

fn shelves(view: &View) -> Line<'static> {
    let Some(shelves) = view.shelves else {
        return Line::from(vec![mark(None), "stock   can't be read now".into()]);
    };
    let sum =
        i128::from(shelves.available) + i128::from(shelves.reserved) + i128::from(shelves.sold);
    let fits = sum == i128::from(shelves.received)
        && !violated(
            view,
            &["imbalance", "negative", "oversold", "received_differs"],
        );
    let text = format!(
        "stock   {} free + {} reserved + {} sold {} {} received",
        grouped(shelves.available),
        grouped(shelves.reserved),
        grouped(shelves.sold),
        if sum == i128::from(shelves.received) {
            "="
        } else {
            "≠"
        },
        grouped(shelves.received),
    );
    Line::from(vec![mark(Some(fits)), text.into()])
}

/// A line to paste: from the first column on, so that it can be marked.
pub(super) fn try_it(view: &View, width: usize) -> Panel {
    let lines = folded(&view.places.curl, width);
    let lines = lines.into_iter().map(|line| Line::from(line.cyan()));
    let note = format!(
        "  in another terminal, or {} in a browser",
        view.places.docs
    );
    Panel::new(titled("Try it", note), lines.collect(), 4)
}

/// What happened, the last at the bottom.
pub(super) fn events(view: &View, width: usize) -> Panel {
    let line = |event: &super::view::Event| {
        let at = format!(" {}  ", clock(event.at));
        let room = width.saturating_sub(at.chars().count());
        // One line each, whatever was said.
        let text = event.text.trim().replace(char::is_control, " ");
        let text = cut(&text, room);
        let text = if event.trouble {
            text.yellow()
        } else {
            text.into()
        };
        Line::from(vec![at.dark_gray(), text])
    };
    let mut lines: Vec<_> = view.events.iter().map(line).collect();
    if lines.is_empty() {
        lines.push(Line::from(" nothing".dark_gray()));
    }
    Panel {
        lines_min: 1,
        tail: true,
        ..Panel::new(title("Events"), lines, 5)
    }
}
