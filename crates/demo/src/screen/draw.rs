//! A view onto a buffer.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Style, Stylize},
    text::{Line, Span},
};

use super::{
    layout::{Panel, fit},
    panels,
    text::{clock, count, cut, short},
    view::View,
};

/// Narrower or lower than this, facts come without panels.
const PANELS_WIDTH_MIN: u16 = 60;
const PANELS_HEIGHT_MIN: u16 = 16;

/// From this width on two small panels stand side by side.
const BESIDE_WIDTH_MIN: u16 = 76;

/// Draws a view into `area`, as much of it as finds room.
pub(super) fn draw(view: &View, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    buffer.set_style(area, Style::reset());
    if area.width < PANELS_WIDTH_MIN || area.height < PANELS_HEIGHT_MIN {
        compact(view, area, buffer);
        return;
    }
    put(buffer, area, 0, &header(view, area.width));
    let inner = Rect {
        y: area.y + 1,
        height: area.height - 2,
        ..area
    };
    draw_panels(&panels(view, area.width), inner, buffer);
    put(buffer, area, area.height - 1, &footer(view, area.width));
}

fn panels(view: &View, width: u16) -> Vec<Panel> {
    let half = if width < BESIDE_WIDTH_MIN {
        width
    } else {
        width / 2 - 1
    };
    let mut latency = panels::latency(view, usize::from(half));
    latency.beside = half < width;
    vec![
        panels::load(view, usize::from(half)),
        latency,
        panels::processes(view, usize::from(width)),
        panels::invariants(view),
        panels::try_it(view, usize::from(width)),
        panels::events(view, usize::from(width)),
    ]
}

fn draw_panels(panels: &[Panel], area: Rect, buffer: &mut Buffer) {
    let fitted = fit(panels, usize::from(area.height));
    let (mut y, mut above) = (0, 0);
    for (index, (panel, lines)) in panels.iter().zip(fitted).enumerate() {
        let Some(lines) = lines else { continue };
        let shared = panels.get(index + 1).is_some_and(|next| next.beside);
        let half = area.width / 2;
        let column = match (shared, panel.beside) {
            (true, _) => Rect {
                width: half - 1,
                ..area
            },
            (_, true) => Rect {
                x: area.x + half + 1,
                width: area.width - half - 1,
                ..area
            },
            _ => area,
        };
        if panel.beside {
            y = above;
        }
        above = y;
        put(buffer, column, y, &rule(&panel.title, column.width));
        let skip = if panel.tail {
            panel.lines.len() - lines
        } else {
            0
        };
        for line in panel.lines.iter().skip(skip).take(lines) {
            y += 1;
            put(buffer, column, y, line);
        }
        y += 1;
    }
}

/// Writes a line at a row of `area`; nothing beyond the area.
fn put(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row < area.height {
        buffer.set_line(area.x, area.y + row, line, area.width);
    }
}

/// A title with a rule behind it.
fn rule(title: &Line<'static>, width: u16) -> Line<'static> {
    let mut spans = vec!["─ ".dark_gray()];
    spans.extend(title.spans.iter().cloned());
    let used = title.width() + 3;
    let rest = usize::from(width).saturating_sub(used);
    spans.push(format!(" {}", "─".repeat(rest)).dark_gray());
    Line::from(spans)
}

/// Two texts at the two ends of a line.
fn ends(left: Vec<Span<'static>>, right: Vec<Span<'static>>, width: u16) -> Line<'static> {
    let (mut line, right) = (Line::from(left), Line::from(right));
    let gap = usize::from(width).saturating_sub(line.width() + right.width());
    line.push_span(" ".repeat(gap));
    line.spans.extend(right.spans);
    line
}

fn header(view: &View, width: u16) -> Line<'static> {
    let left = vec![
        " ◆ watertight ".bold().cyan(),
        format!(" {} ", view.phase.word()).bold(),
        clock(view.elapsed).into(),
    ];
    ends(left, vec![panels::verdict(view), " ".into()], width)
}

fn footer(view: &View, width: u16) -> Line<'static> {
    let hint = format!(" {}", view.phase.hint());
    let data = format!("data and logs in {} ", view.places.data);
    let room = usize::from(width).saturating_sub(hint.chars().count() + 2);
    let data = if data.chars().count() <= room {
        data
    } else {
        String::new()
    };
    ends(vec![hint.bold()], vec![data.dark_gray()], width)
}

/// One fact a line, the most important first, for a screen without room.
fn compact(view: &View, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let place = view.place.0.map(short);
    let read = view.read.0.map(short);
    let mut lines = vec![
        ends(
            vec![
                format!("{} ", view.phase.word()).bold(),
                clock(view.elapsed).into(),
            ],
            vec![panels::verdict(view)],
            area.width,
        ),
        Line::from(format!(
            "{:.0} orders/s  {:.0} calls/s",
            view.orders.per_s, view.calls.per_s
        )),
        Line::from(format!("p50/p99 order {}/{} ms", place[0], place[2])),
        panels::errors(view),
        Line::from(format!(
            "{} placed  {} confirmed",
            count(view.tally.placed()),
            count(view.tally.confirmed)
        )),
        Line::from(format!("p50/p99 read {}/{} ms", read[0], read[2])),
    ];
    lines.extend(
        view.processes
            .iter()
            .map(|row| panels::process_short(row, width)),
    );
    let room = usize::from(area.height);
    if room > 4 {
        lines.truncate(room - 1);
        lines.push(Line::from(cut(view.phase.hint(), width)).dark_gray());
    }
    for (row, line) in (0..area.height).zip(&lines) {
        put(buffer, area, row, line);
    }
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
