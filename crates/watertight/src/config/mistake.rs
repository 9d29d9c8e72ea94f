//! Where a value comes from, and what is wrong with it.

use std::fmt;
use std::sync::Arc;

/// Where a value comes from. The order is that of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere: nobody set it.
    Unset,
    /// The default.
    Default,
    /// A file as a whole.
    Document(Arc<str>),
    /// A line of a file.
    File {
        /// The file, as it was named.
        path: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Env(String),
    /// A flag of the command line, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("not set"),
            Self::Default => f.write_str("default"),
            Self::Document(path) => f.write_str(path),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Env(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing wrong with the configuration, and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    origin: Origin,
    /// The setting, as a file names it.
    setting: Option<String>,
    what: String,
}

impl Mistake {
    pub(super) fn at(origin: Origin, what: impl Into<String>) -> Self {
        let (setting, what) = (None, what.into());
        Self {
            origin,
            setting,
            what,
        }
    }

    pub(super) fn of(origin: Origin, section: &str, key: &str, what: impl Into<String>) -> Self {
        Self {
            setting: Some(format!("[{section}] {key}")),
            ..Self::at(origin, what)
        }
    }
}

/// `orders.toml:12: [orders] saga_try: …`, `ORDERS_SAGA_TRY: …`, `--saga-try: …`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match (&self.origin, &self.setting) {
            (Origin::Unset | Origin::Default, Some(setting)) => write!(f, "{setting}: {what}"),
            (Origin::File { .. }, Some(setting)) => {
                write!(f, "{}: {setting}: {what}", self.origin)
            }
            (origin, _) => write!(f, "{origin}: {what}"),
        }
    }
}

/// Everything that is wrong with the configuration, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(super) fn new(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort();
        mistakes.dedup();
        Self(mistakes)
    }

    /// One by one, by place.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

/// One line each.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}
