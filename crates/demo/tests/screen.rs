//! The demo in a terminal: a real one as far as it can tell.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may fail the test"
)]

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpListener,
    num::NonZero,
    os::fd::OwnedFd,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use testkit::{ChildGuard, LIVENESS, wait_until};

/// Verification and stop together, with much to spare.
const END_MAX: Duration = Duration::from_secs(120);

/// A terminal without a person: a pseudo terminal, and what is on its screen.
struct Terminal {
    master: File,
    /// Open until the end: without it the screen's last bytes would be lost.
    slave: File,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: JoinHandle<()>,
    hung_up: Arc<AtomicBool>,
}

impl Terminal {
    #[expect(clippy::disallowed_methods, reason = "the terminal joins it")]
    fn open(rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let slave: OwnedFd = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(columns), 0)));
        let (mut source, shown) = (File::from(master.try_clone().unwrap()), screen.clone());
        let hung_up = Arc::new(AtomicBool::new(false));
        let over = hung_up.clone();
        let read = move || {
            let (mut bytes, wait) = ([0; 4_096], Duration::from_millis(20).try_into().unwrap());
            while !over.load(Ordering::Relaxed) {
                let mut fds = [PollFd::new(&source, PollFlags::IN)];
                if !matches!(poll(&mut fds, Some(&wait)), Ok(1)) {
                    continue;
                }
                // An error is the end: nobody holds the other side any more.
                let Ok(read @ 1..) = source.read(&mut bytes) else {
                    return;
                };
                shown.lock().unwrap().process(&bytes[..read]);
            }
        };
        let reader = std::thread::Builder::new().spawn(read).unwrap();
        let terminal = Self {
            master: File::from(master),
            slave: File::from(slave),
            screen,
            reader,
            hung_up,
        };
        terminal.set_size(rows, columns);
        terminal
    }

    fn set_size(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let mut parser = self.screen.lock().unwrap();
        parser.screen_mut().set_size(some(rows), some(columns));
        drop(parser);
        tcsetwinsize(&self.master, size).unwrap();
    }

    /// A demo in this terminal.
    fn demo(&self, range: u16, kind: &str, args: &[&str]) -> ChildGuard {
        let side = || self.slave.try_clone().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command
            .args(["--base-port", &base_port(range).to_string()])
            .args(args)
            .env("TERM", kind)
            .stdin(side())
            .stdout(side())
            .stderr(side());
        ChildGuard::spawn(&mut command)
    }

    fn type_in(&self, keys: &[u8]) {
        (&self.master).write_all(keys).unwrap();
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until orders are on the screen, and nothing is wrong.
    fn wait_for_orders(&self) {
        self.wait_for(&["selling", "invariants ok", " placed"]);
        wait_until(LIVENESS, || !self.text().contains(" 0 placed"));
    }

    /// Waits until all parts are on the screen.
    fn wait_for(&self, parts: &[&str]) {
        let mut text = String::new();
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(LIVENESS, || {
                text = self.text();
                parts.iter().all(|part| text.contains(part))
            });
        }));
        assert!(shown.is_ok(), "{parts:?} not in\n{}", self.text());
    }

    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        !modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Closes the window, as it were.
    fn hang_up(self) {
        self.hung_up.store(true, Ordering::Relaxed);
        self.reader.join().unwrap();
    }

    /// The program is gone: what it left on the screen. The terminal must be as
    /// it was before.
    fn left(self) -> String {
        assert!(!self.is_raw(), "keys are seen again");
        // Once no side is open, the reader has all of it and ends.
        drop(self.slave);
        self.reader.join().unwrap();
        let parser = self.screen.lock().unwrap();
        assert!(!parser.screen().alternate_screen());
        assert!(!parser.screen().hide_cursor());
        parser.screen().contents()
    }
}

fn some(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

/// Ports in a row that are free now, for each test from a range of its own.
fn base_port(range: u16) -> u16 {
    let first = 32_000 + range * 50;
    (0..20)
        .map(|step| first + step)
        .find(|&base| (base..base + 12).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()))
        .expect("free ports in a row")
}

#[test]
fn a_screen_shows_the_shop_follows_its_size_and_leaves_a_summary() {
    let terminal = Terminal::open(40, 120);
    let mut demo = terminal.demo(0, "xterm-256color", &[]);
    terminal.wait_for_orders();
    terminal.wait_for(&[
        "Latency",
        "✓ orders",
        "✓ money",
        "= 16,000,",
        "q or Ctrl-C stops",
    ]);
    assert!(terminal.is_raw());
    assert!(terminal.screen.lock().unwrap().screen().alternate_screen());
    terminal.set_size(10, 40);
    terminal.wait_for(&["selling", "orders/s", " placed"]);
    assert!(!terminal.text().contains("Latency"), "{}", terminal.text());
    terminal.set_size(24, 80);
    terminal.wait_for(&["Latency", "Try it", "curl --json"]);

    terminal.type_in(b"q");
    let status = demo.wait(END_MAX);
    let left = terminal.left();
    assert!(status.success(), "{left}");
    for part in ["placed:", "0 lost", "invariants all hold"] {
        assert!(left.contains(part), "{part:?} not in\n{left}");
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_mends_the_terminal() {
    let terminal = Terminal::open(24, 80);
    let dir = testkit::temp_dir();
    let shop = dir.path().join("shop");
    let args = ["--data", shop.to_str().unwrap()];
    let mut demo = terminal.demo(1, "xterm-256color", &args);
    terminal.wait_for_orders();
    // One that doesn't answer, so that the verification lasts.
    let payments = pid_of(&shop, "payments");
    signal(payments, "STOP");
    terminal.type_in(b"\x03");
    terminal.wait_for(&["again ends at once"]);
    terminal.type_in(b"\x03");
    terminal.wait_for(&["closing"]);
    signal(payments, "CONT");
    let status = demo.wait(END_MAX);
    let left = terminal.left();
    assert!(!status.success(), "{left}");
    assert!(
        left.contains("interrupted before the verification"),
        "{left}"
    );
}

fn pid_of(shop: &Path, service: &str) -> u64 {
    let text = std::fs::read(shop.join("endpoints.json")).unwrap();
    let endpoints: serde_json::Value = serde_json::from_slice(&text).unwrap();
    endpoints["services"][service]["pid"].as_u64().unwrap()
}

fn signal(pid: u64, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_signal_ends_a_small_screen_as_a_key_does() {
    let terminal = Terminal::open(10, 40);
    let mut demo = terminal.demo(3, "xterm-256color", &["--http-share", "1"]);
    terminal.wait_for_orders();
    demo.signal("TERM");
    let status = demo.wait(END_MAX);
    let left = terminal.left();
    assert!(status.success(), "{left}");
    // In forty columns it takes two lines.
    assert!(left.contains("invariants all hold"), "{left}");
}

#[test]
fn a_terminal_that_goes_away_holds_nothing_up() {
    let terminal = Terminal::open(24, 80);
    let mut demo = terminal.demo(4, "xterm-256color", &[]);
    terminal.wait_for_orders();
    terminal.hang_up();
    // It isn't this terminal's session, so nobody sends the signal for it.
    demo.signal("HUP");
    assert!(demo.wait(END_MAX).success());
}

#[test]
fn lines_go_to_a_terminal_that_can_do_no_more() {
    let terminal = Terminal::open(24, 200);
    let mut demo = terminal.demo(2, "dumb", &["--for", "2s"]);
    let status = demo.wait(END_MAX);
    let left = terminal.left();
    assert!(status.success(), "{left}");
    assert!(left.contains("2 s ") && left.contains("calls/s"), "{left}");
}
