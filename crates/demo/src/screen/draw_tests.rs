//! What is on the screen, by its text.

use std::{sync::Arc, time::Duration};

use ratatui::{Terminal, backend::TestBackend, style::Color};

use super::*;
use crate::{
    check::{Shelves, Tally, Till},
    load::Quantiles,
    screen::view::{Event, Phase, Places, ProcessRow, Rate},
    supervise::Process,
};

fn rows() -> Vec<ProcessRow> {
    let row = |name, pid: Option<u32>| ProcessRow {
        process: Process {
            name,
            pid,
            restarts: 3,
            rss_bytes: pid.map(|_| 20 << 20),
            cpu_time: None,
        },
        cpu_percent: pid.map(|_| 12.4),
        rss_history: vec![18.0, 19.0, 20.0],
    };
    vec![row("orders", Some(4_711)), row("payments", None)]
}

fn view() -> View {
    let url = |port| format!("http://127.0.0.1:{port}");
    View {
        phase: Phase::Selling,
        elapsed: Duration::from_secs(65),
        orders: Rate {
            per_s: 50.2,
            history: vec![40.0, 50.0],
        },
        calls: Rate {
            per_s: 333.0,
            history: vec![333.0; 400],
        },
        place: Quantiles([Some(3.25), Some(10.0), Some(250.0)]),
        read: Quantiles([Some(0.5), None, None]),
        place_all: Quantiles([Some(77.7), None, None]),
        processes: rows(),
        tally: Tally {
            confirmed: 1_200,
            rejected: 30,
            cancelled: 4,
            unknown: 2,
            ..Tally::default()
        },
        shelves: Some(Shelves {
            available: 90,
            reserved: 3,
            sold: 7,
            received: 100,
        }),
        till: Some(Till {
            orders: 199,
            owed: 123_456,
            captured: 123_556,
            refunded: 100,
        }),
        events: vec![Event {
            at: Duration::from_secs(9),
            text: "payments died\nof old age".into(),
            trouble: true,
        }],
        places: Arc::new(Places {
            services: vec![("orders", url(7_400), url(7_401))],
            curl: format!("curl {}", "x".repeat(150)),
            docs: url(7_410) + "/docs",
            data: "/data/shop".into(),
        }),
        ..View::default()
    }
}

fn shown(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(view, frame.area(), frame.buffer_mut()))
        .unwrap();
    let cells = terminal.backend().buffer().content();
    cells
        .chunks(usize::from(width))
        .map(|row| row.iter().map(|cell| cell.symbol()).collect())
        .collect()
}

fn assert_has(screen: &[String], parts: &[&str]) {
    for part in parts {
        assert!(
            screen.iter().any(|row| row.contains(part)),
            "{part:?} not in\n{}",
            screen.join("\n")
        );
    }
}

#[test]
fn a_large_screen_shows_everything() {
    let screen = shown(&view(), 130, 40);
    assert_has(
        &screen,
        &[
            "selling 01:05",
            "invariants ok",
            "orders/s      50  ▆█",
            "calls/s      333",
            "order     3.25   10.0    250     77.7",
            "read      0.50      -      -",
            "errors   none",
            "orders         4711     20.0",
            "http://127.0.0.1:7400",
            "http://127.0.0.1:7401",
            "payments       down        -",
            "✓ orders  1,234 placed: 1,200 confirmed, 30 rejected, 4 cancelled, 2 unknown",
            "✓ money   1,235.56 captured − 1.00 refunded = 1,234.56 due",
            "✓ stock   90 free + 3 reserved + 7 sold = 100 received",
            "00:09  payments died of old age",
            "or http://127.0.0.1:7410/docs in a browser",
            "q or Ctrl-C stops",
            "data and logs in /data/shop",
        ],
    );
    // To be copied, so nothing of it may be missing, and nothing beside it.
    let at = screen
        .iter()
        .position(|row| row.starts_with("curl "))
        .unwrap();
    let pasted = [screen[at].trim_end(), screen[at + 1].trim_end()].concat();
    assert_eq!(pasted, view().places.curl);
}

#[test]
fn what_is_broken_is_said_loudly() {
    let mut view = view();
    view.violations = vec![("lost", 1), ("oversold", 2)];
    view.examples = vec!["lost: demo-1".into()];
    view.errors = vec![("unavailable", 3, 1_000), ("overflow", 0, 5)];
    view.till = Some(Till {
        owed: 1,
        ..Till::default()
    });
    view.shelves = None;
    let parts = [
        "3 VIOLATED",
        "VIOLATED: lost 1, oversold 2",
        "lost: demo-1",
        "✗ orders",
        "✗ money   0.00 captured − 0.00 refunded ≠ 0.01",
        "? stock   can't be read",
        "unavailable 1,000 (+3)  overflow 5",
    ];
    assert_has(&shown(&view, 100, 30), &parts);
    assert_has(&shown(&view, 40, 10), &["3 VIOLATED"]);
}

#[test]
fn the_usual_terminal_has_room_for_all_panels() {
    let screen = shown(&view(), 80, 24);
    let panels = [
        "─ Load ─",
        "─ Latency  last 10 s ─",
        "─ Processes ─",
        "─ Invariants ",
        "─ Try it ",
        "─ Events ─",
    ];
    assert_has(&screen, &panels);
    assert_has(
        &screen,
        &[
            "due (last 199 orders)",
            "= 100 received",
            "http://127.0.0.1:7400",
        ],
    );
    assert!(!screen.iter().any(|row| row.contains("77.7")), "no room");
}

#[test]
fn a_small_terminal_shows_what_fits() {
    let screen = shown(&view(), 40, 10);
    assert_has(
        &screen,
        &[
            "selling 01:05",
            "invariants ok",
            "50 orders/s  333 calls/s",
            "p50/p99 order 3.25/250 ms",
            "errors   none",
            "orders       20.0 MiB",
            "payments         down",
        ],
    );
    assert!(screen[8].starts_with("q or Ctrl-C"), "{screen:?}");
}

#[test]
fn any_size_is_drawn() {
    for width in [1, 2, 7, 39, 59, 60, 75, 76, 119, 120, 400] {
        for height in [1, 2, 3, 5, 15, 16, 17, 24, 100] {
            let screen = shown(&view(), width, height);
            assert_eq!(screen.len(), usize::from(height));
            shown(&View::default(), width, height);
        }
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 4));
    draw(&view(), Rect::new(5, 5, 50, 50), &mut buffer);
}

#[test]
fn trouble_has_a_colour() {
    let (area, mut view) = (Rect::new(0, 0, 80, 24), view());
    let verdict = |view: &View| {
        let mut buffer = Buffer::empty(area);
        draw(view, area, &mut buffer);
        buffer[(75, 0)].fg
    };
    assert_eq!(verdict(&view), Color::Green);
    view.violations = vec![("lost", 1)];
    assert_eq!(verdict(&view), Color::Red);
}
