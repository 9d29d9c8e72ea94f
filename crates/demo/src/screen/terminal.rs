//! The terminal, and the one thread that knows it.

use std::{
    io::{self, BufWriter, IsTerminal, Stdin, Stdout, Write},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{cursor, execute, terminal},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{draw::draw, view::View};
use crate::console::Console;

/// How long a key is waited for before the thread looks for a new view, another
/// size, and its end.
const POLL: Duration = Duration::from_millis(100);

/// Ctrl-C and Ctrl-L as raw mode gives them.
const CTRL_C: u8 = 0x03;
const CTRL_L: u8 = 0x0c;

/// Whether stdout is a terminal that a person looks at: one that can do more
/// than print lines, and whose foreground this process has.
pub(crate) fn is_for_people() -> bool {
    let stdout = io::stdout();
    let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    // In the background the terminal belongs to another program. An error means
    // that nobody there knows of foreground and background.
    let background = rustix::termios::tcgetpgrp(&stdout)
        .is_ok_and(|foreground| foreground != rustix::process::getpgrp());
    stdout.is_terminal() && able && !background
}

/// The thread that draws views and reads keys.
///
/// Dropped, it ends: the terminal is as it was before, and what was said about
/// trouble meanwhile is said again. That waits for the thread, for about
/// [`POLL`].
#[derive(Debug)]
pub(super) struct Thread {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Takes the terminal and shows what comes over `views`. Each press of `q`
    /// or Ctrl-C notifies `stop_keys`.
    ///
    /// # Errors
    ///
    /// If there can't be another thread.
    #[expect(
        clippy::disallowed_methods,
        reason = "the screen joins it when it is dropped"
    )]
    pub(super) fn start(
        views: watch::Receiver<View>,
        stop_keys: Arc<Notify>,
        console: &Console,
    ) -> io::Result<Self> {
        console.hold();
        let restore = Restore(console.clone());
        let stop = CancellationToken::new();
        let until = stop.clone();
        let thread = std::thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || {
                // First in, last out: also when drawing panics.
                let _restore = restore;
                if let Err(error) = show(views, &stop_keys, &until) {
                    _restore
                        .0
                        .warn(format_args!("the screen is gone ({error}), lines go on"));
                }
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Whether the screen is still there.
    pub(super) fn is_up(&self) -> bool {
        self.thread.as_ref().is_some_and(|it| !it.is_finished())
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.cancel();
        // A panic over there was said by then.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// Gives the terminal back, whatever happened.
#[derive(Debug)]
struct Restore(Console);

impl Drop for Restore {
    fn drop(&mut self) {
        let mut stdout = io::stdout();
        // A terminal that is gone needs nothing.
        terminal::disable_raw_mode().unwrap_or_default();
        execute!(stdout, terminal::LeaveAlternateScreen, cursor::Show).unwrap_or_default();
        stdout.flush().unwrap_or_default();
        self.0.release();
    }
}

type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

fn show(
    mut views: watch::Receiver<View>,
    stop_keys: &Notify,
    stop: &CancellationToken,
) -> io::Result<()> {
    // Where keys can't be read, signals do as well; and then the terminal must
    // go on to make a signal of Ctrl-C.
    let stdin = io::stdin();
    let keys = stdin.is_terminal() && terminal::enable_raw_mode().is_ok();
    let mut stdout = BufWriter::new(io::stdout());
    execute!(stdout, terminal::EnterAlternateScreen, cursor::Hide)?;
    let mut screen = Terminal::new(CrosstermBackend::new(stdout))?;
    let mut size = screen.size()?;
    paint(&mut screen, &mut views)?;
    while !stop.is_cancelled() {
        let mut stale = views.has_changed().unwrap_or(false);
        match next_key(keys.then_some(&stdin))? {
            Some(b'q' | b'Q' | CTRL_C) => stop_keys.notify_one(),
            // As everywhere: another program wrote over the screen.
            Some(CTRL_L) => {
                screen.clear()?;
                stale = true;
            }
            Some(_) | None => {}
        }
        let now = screen.size()?;
        stale |= now != size;
        size = now;
        if stale {
            paint(&mut screen, &mut views)?;
        }
    }
    Ok(())
}

/// The next byte typed, if one comes within [`POLL`].
///
/// Read here and not by crossterm: its reader never comes back from a terminal
/// that is gone, and more than single bytes isn't needed.
fn next_key(stdin: Option<&Stdin>) -> io::Result<Option<u8>> {
    let Some(stdin) = stdin else {
        std::thread::sleep(POLL);
        return Ok(None);
    };
    let mut fds = [PollFd::new(stdin, PollFlags::IN)];
    let wait = Timespec::try_from(POLL).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&wait)) {
        // A signal came, and goes its own way.
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_ready) => {}
        Err(error) => return Err(error.into()),
    }
    let mut byte = [0];
    match rustix::io::read(stdin, &mut byte) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_one) => Ok(Some(byte[0])),
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn paint(screen: &mut Screen, views: &mut watch::Receiver<View>) -> io::Result<()> {
    // A copy: the terminal may be slow, and the next view must not wait for it.
    let view = views.borrow_and_update().clone();
    screen.draw(|frame| draw(&view, frame.area(), frame.buffer_mut()))?;
    Ok(())
}
