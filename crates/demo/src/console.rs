//! What people read, and the one line that programs read.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::stage::DemoError;

/// Lines kept while a screen is up; older ones are dropped.
const KEPT_MAX: usize = 200;

/// Where the lines for people go: stdout, or stderr when stdout is for a
/// program; while a screen is up they are kept for it instead.
///
/// Clones share the screen.
///
/// # Limits
///
/// Keeps the last 200 lines while a screen is up.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    json: bool,
    kept: Arc<Mutex<Option<VecDeque<Kept>>>>,
}

/// A line that was said while a screen was up.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) at: Instant,
    pub(crate) text: String,
    /// Whether it is about trouble.
    pub(crate) trouble: bool,
}

impl Console {
    /// With `json`, stdout carries nothing but [`Console::object`].
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            kept: Arc::default(),
        }
    }

    /// One line for people. A reader that left is no reason to stop.
    pub(crate) fn line(&self, text: impl std::fmt::Display) {
        if self.keep(&text, false) {
            return;
        }
        let written = if self.json {
            writeln!(io::stderr().lock(), "{text}")
        } else {
            writeln!(io::stdout().lock(), "{text}")
        };
        written.unwrap_or_default();
    }

    /// A line about trouble, to stderr.
    pub(crate) fn warn(&self, text: impl std::fmt::Display) {
        if !self.keep(&text, true) {
            writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
        }
    }

    /// The object for programs: the last line of stdout, if it was asked for.
    ///
    /// # Errors
    ///
    /// [`DemoError::Stdout`]: whoever asked for the object must not take its
    /// absence for success.
    pub(crate) fn object(&self, value: &impl serde::Serialize) -> Result<(), DemoError> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value).map_err(|error| DemoError::Stdout(error.into()))?;
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .map_err(DemoError::Stdout)
    }

    /// From now on lines are kept for a screen: written to the terminal they
    /// would tear it.
    pub(crate) fn hold(&self) {
        self.kept().get_or_insert_default();
    }

    /// Ends [`Console::hold`] and says again, on the normal screen, what was
    /// about trouble.
    pub(crate) fn release(&self) {
        let kept = self.kept().take();
        for line in kept
            .into_iter()
            .flatten()
            .filter(|line: &Kept| line.trouble)
        {
            self.warn(line.text);
        }
    }

    /// Keeps a line if a screen is up; whether it is.
    pub(crate) fn keep(&self, text: &impl std::fmt::Display, trouble: bool) -> bool {
        let mut kept = self.kept();
        let Some(lines) = kept.as_mut() else {
            return false;
        };
        if lines.len() == KEPT_MAX {
            lines.pop_front();
        }
        lines.push_back(Kept {
            at: Instant::now(),
            text: text.to_string(),
            trouble,
        });
        true
    }

    /// The last lines, oldest first; none without a screen.
    pub(crate) fn last(&self, count: usize) -> Vec<Kept> {
        let kept = self.kept();
        let lines = kept.iter().flatten();
        let skip = kept
            .as_ref()
            .map_or(0, |lines| lines.len().saturating_sub(count));
        lines.skip(skip).cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Option<VecDeque<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its sources, printed once at the edge.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_while_a_screen_is_up_and_only_the_last() {
        let console = Console::new(false);
        assert!(!console.keep(&"nobody keeps it", false));
        assert!(console.last(9).is_empty());
        console.hold();
        let twin = console.clone();
        for i in 0..=KEPT_MAX {
            twin.line(i);
        }
        let last = console.last(usize::MAX);
        assert_eq!(last.len(), KEPT_MAX);
        assert_eq!(last[0].text, "1");
        assert_eq!(console.last(1)[0].text, KEPT_MAX.to_string());
        console.release();
        assert!(console.last(9).is_empty());
    }
}
