//! What people read, and the one line that programs read.

use std::io::{self, Write};

use crate::stage::DemoError;

/// Where the lines for people go: stdout, or stderr when stdout is for a
/// program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    json: bool,
}

impl Console {
    /// With `json`, stdout carries nothing but [`Console::object`].
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// One line for people. A reader that left is no reason to stop.
    pub(crate) fn line(self, text: impl std::fmt::Display) {
        let written = if self.json {
            writeln!(io::stderr().lock(), "{text}")
        } else {
            writeln!(io::stdout().lock(), "{text}")
        };
        written.unwrap_or_default();
    }

    /// A line about trouble, to stderr.
    pub(crate) fn warn(self, text: impl std::fmt::Display) {
        writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
    }

    /// The object for programs: the last line of stdout, if it was asked for.
    ///
    /// # Errors
    ///
    /// [`DemoError::Stdout`]: whoever asked for the object must not take its
    /// absence for success.
    pub(crate) fn object(self, value: &impl serde::Serialize) -> Result<(), DemoError> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value).map_err(|error| DemoError::Stdout(error.into()))?;
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .map_err(DemoError::Stdout)
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
