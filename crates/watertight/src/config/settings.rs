//! A struct of settings: its table, how it is built, and checks across fields.

use super::mistake::{Mistake, Origin};
use super::value::Value;
use super::{Fallback, Field};
use std::collections::BTreeMap;
use std::fmt;

/// The table of one struct of settings.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name: `[orders]` in a file, the prefix `ORDERS_` in the environment.
    pub name: &'static str,
    /// What the settings are for.
    pub about: &'static str,
    /// The version of the crate that declares them; of a service's, its own.
    pub version: &'static str,
    /// One entry per field.
    pub fields: &'static [Field],
}

impl Section {
    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// A struct of settings. [`crate::settings!`] writes the implementation.
pub trait Settings: Clone + fmt::Debug + Send + Sync + 'static {
    /// The table it is read with.
    const SECTION: Section;

    /// Builds the struct, or reports what is missing or wrong.
    fn build(values: &mut Values) -> Option<Self>;

    /// What no single field can tell by itself.
    fn check(&self, _checks: &mut Checks<'_>) {}
}

/// A service without settings of its own.
#[derive(Clone, Debug)]
pub(crate) struct NoSettings;

impl Settings for NoSettings {
    const SECTION: Section = Section {
        name: "",
        about: "",
        version: env!("CARGO_PKG_VERSION"),
        fields: &[],
    };

    fn build(_values: &mut Values) -> Option<Self> {
        Some(Self)
    }
}

/// One setting with the value that won.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) field: &'static Field,
    /// What its source says; `None` if nobody set it.
    pub(super) parts: Option<Vec<String>>,
    /// The value as it may be shown; `None` if it can't be used.
    pub(super) shown: Option<String>,
    pub(super) origin: Origin,
}

/// All settings of a process, after the sources were merged.
#[derive(Clone, Debug, Default)]
pub struct Values {
    pub(super) entries: BTreeMap<(&'static str, &'static str), Entry>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Values {
    /// The value of one field; `None` if it can't be used, which is reported.
    pub fn take<T: Value>(&mut self, section: &'static str, key: &'static str) -> Option<T> {
        let Some(entry) = self.entries.get(&(section, key)) else {
            let what = "stands in no table";
            self.mistakes
                .push(Mistake::of(Origin::Default, section, key, what));
            return None;
        };
        let (Some(_), field) = (&entry.shown, entry.field) else {
            return None;
        };
        let value = match &entry.parts {
            Some(parts) => T::gather(parts).ok(),
            None => T::unset(),
        };
        if value.is_none() && field.fallback == Fallback::Optional {
            let what = "is optional, so its type must be an Option or a Vec";
            self.mistakes
                .push(Mistake::of(Origin::Default, section, key, what));
        }
        value
    }
}

/// Where [`Settings::check`] puts what it finds.
#[derive(Debug)]
pub struct Checks<'a> {
    section: &'static str,
    values: &'a mut Values,
}

impl<'a> Checks<'a> {
    pub(super) fn new(section: &'static str, values: &'a mut Values) -> Self {
        Self { section, values }
    }

    /// Reports that `key` is wrong. `others` are the settings it doesn't go
    /// together with; their values and places are added to the text.
    pub fn fail(&mut self, key: &'static str, what: impl fmt::Display, others: &[&'static str]) {
        let entry = |key| self.values.entries.get(&(self.section, key));
        let origin = entry(key).map_or(Origin::Default, |entry| entry.origin.clone());
        let mut what = what.to_string();
        for other in others {
            if let Some(Entry {
                shown: Some(shown),
                origin,
                ..
            }) = entry(*other)
            {
                what.push_str(&format!(" ({other} is {shown}, {origin})"));
            }
        }
        self.values
            .mistakes
            .push(Mistake::of(origin, self.section, key, what));
    }

    /// Reports `key` unless its value is at least that of `other`.
    pub fn at_least<T: Value>(
        &mut self,
        (key, value): (&'static str, &T),
        (other, least): (&'static str, &T),
    ) {
        if value.order(least).is_some_and(std::cmp::Ordering::is_lt) {
            let what = format!("{} must not be less than {other}", value.show());
            self.fail(key, what, &[other]);
        }
    }
}

/// Declares a struct of settings: one section of the file, one prefix in the
/// environment, one group of flags.
///
/// ```
/// use std::time::Duration;
///
/// watertight::settings! {
///     /// Settings of the greeter.
///     [greeter]
///     pub struct Settings {
///         /// How often the greetings are logged.
///         pub report: Duration = default("1s").range("10ms", "1h")
///             .breaks("the log fills up", "the log is out of date")
///             .metric("log_lines_dropped_total"),
///         /// Whom to greet.
///         pub names: Vec<String> = optional(),
///     }
/// }
/// ```
///
/// The field above is `[greeter] report` in a file, `GREETER_REPORT` in the
/// environment and `--report` on the command line. After `=` comes a
/// [`Field`](crate::config::Field): [`default`](crate::config::default),
/// [`required`](crate::config::required) or
/// [`optional`](crate::config::optional), and what else there is to say.
/// `[greeter, check = path]` names a function `fn(&Self, &mut Checks)` for
/// rules across fields.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        [$section:ident $(, check = $check:path)?]
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field_vis:vis $field:ident : $type:ty = $spec:expr
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $( $(#[doc = $doc])+ $field_vis $field: $type, )+
        }

        impl $crate::config::Settings for $name {
            const SECTION: $crate::config::Section = {
                use $crate::config::declare::*;
                $crate::config::Section {
                    name: stringify!($section),
                    about: concat!($($about, "\n"),*),
                    version: env!("CARGO_PKG_VERSION"),
                    fields: &[$(
                        $spec.of::<$type>(stringify!($field), concat!($($doc, "\n"),+))
                    ),+],
                }
            };

            fn build(values: &mut $crate::config::Values) -> Option<Self> {
                // All of them first: each reports what is wrong with it.
                $( let $field: Option<$type> = values.take(stringify!($section), stringify!($field)); )+
                Some(Self { $( $field: $field?, )+ })
            }

            $(
                fn check(&self, checks: &mut $crate::config::Checks<'_>) {
                    $check(self, checks);
                }
            )?
        }
    };
}
