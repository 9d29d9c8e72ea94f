//! One setting as data: what flags, files, the environment and the docs are made from.

use super::value::{Kind, Value};

/// One setting. [`crate::settings!`] makes a table of them; the command line,
/// the file, the environment, the docs and the log of the effective
/// configuration all walk it, so none of them can forget one.
///
/// Written as a chain that starts with [`default`], [`required`] or
/// [`optional`]; the macro adds name, documentation and type.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name: `saga_try` in the file, `ORDERS_SAGA_TRY` in the
    /// environment, `--saga-try` on the command line.
    pub key: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// What holds if nobody sets it.
    pub fallback: Fallback,
    /// The least and the greatest value, as text.
    pub range: Option<(&'static str, &'static str)>,
    /// What breaks near the low end, or without it.
    pub low: &'static str,
    /// What breaks near the high end.
    pub high: &'static str,
    /// The series that shows whether the value fits.
    pub metric: &'static str,
    /// Never shown, and taken from the environment alone: command lines are
    /// visible to everybody on the machine, and files get committed.
    pub secret: bool,
    /// A reload changes it in a running process.
    pub live: bool,
    /// For tests: neither in `--help` nor in the docs.
    pub hidden: bool,
    accept: fn(&Field, &[String]) -> Result<String, String>,
}

/// What holds for a setting that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The service doesn't start.
    Required,
    /// There is no value, which means something: the type is an `Option` or a `Vec`.
    Optional,
    /// This value.
    Default(&'static str),
}

/// A setting with a default, as text.
#[must_use]
pub const fn default(text: &'static str) -> Field {
    Field::new(Fallback::Default(text))
}

/// A setting that must be given.
#[must_use]
pub const fn required() -> Field {
    Field::new(Fallback::Required)
}

/// A setting that may be absent; its type is an `Option` or a `Vec`.
#[must_use]
pub const fn optional() -> Field {
    Field::new(Fallback::Optional)
}

impl Field {
    const fn new(fallback: Fallback) -> Self {
        Self {
            key: "",
            doc: "",
            kind: Kind::TEXT,
            fallback,
            range: None,
            low: "",
            high: "",
            metric: "",
            secret: false,
            live: false,
            hidden: false,
            accept: accept::<String>,
        }
    }

    /// The least and the greatest value, as text like the default.
    #[must_use]
    pub const fn range(mut self, least: &'static str, greatest: &'static str) -> Self {
        self.range = Some((least, greatest));
        self
    }

    /// What breaks at each end of the range: one sentence each, without a full stop.
    #[must_use]
    pub const fn breaks(mut self, low: &'static str, high: &'static str) -> Self {
        self.low = low;
        self.high = high;
        self
    }

    /// What breaks if the value is wrong, for settings without ends.
    #[must_use]
    pub const fn wrong(mut self, what: &'static str) -> Self {
        self.low = what;
        self
    }

    /// The series that shows whether the value fits.
    #[must_use]
    pub const fn metric(mut self, series: &'static str) -> Self {
        self.metric = series;
        self
    }

    /// See [`Field::secret`].
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// See [`Field::live`].
    #[must_use]
    pub const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// See [`Field::hidden`].
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Gives it its name, documentation and type; what [`crate::settings!`] calls.
    #[doc(hidden)]
    #[must_use]
    pub const fn of<T: Value>(mut self, key: &'static str, doc: &'static str) -> Self {
        self.key = key;
        self.doc = doc;
        self.kind = T::KIND;
        self.accept = accept::<T>;
        self
    }

    /// The name on the command line, without the dashes.
    pub(crate) fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The name in the environment.
    pub(crate) fn env(&self, section: &str) -> String {
        format!("{section}_{}", self.key).to_uppercase()
    }

    /// Checks a value given in one place; the value as it is shown, or what
    /// is wrong with it. A secret is in neither.
    pub(crate) fn accept(&self, parts: &[String]) -> Result<String, String> {
        let shown = (self.accept)(self, parts);
        if self.secret {
            // Unset in a script, or a key that a mounted secret doesn't have.
            if parts.iter().all(String::is_empty) {
                return Err("is set, but empty".to_owned());
            }
            return match shown {
                Ok(_) => Ok(super::SET.to_owned()),
                Err(_) => Err("is not a usable value (not shown, it is a secret)".to_owned()),
            };
        }
        shown
    }
}

fn accept<T: Value>(field: &Field, parts: &[String]) -> Result<String, String> {
    let value = T::gather(parts)?;
    if let Some((least, greatest)) = field.range {
        value.within(least, greatest)?;
    }
    Ok(value.show())
}
