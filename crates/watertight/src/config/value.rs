//! What a setting's value can be, and how it is read and shown.

use super::units::{Bytes, Percent};
use std::cmp::Ordering;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the values of a type look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The placeholder in `--help` and the docs.
    pub name: &'static str,
    /// How it is written in a file.
    pub toml: Toml,
    /// A list: an array in a file, commas in the environment, a flag that
    /// may be repeated.
    pub many: bool,
}

/// The TOML types that settings use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toml {
    /// `"text"`, also for what carries a unit.
    String,
    /// `4096`.
    Integer,
    /// `true` or `false`.
    Boolean,
}

impl Kind {
    /// A scalar that is a string in TOML.
    pub const TEXT: Self = Self::text("TEXT");

    /// Like [`Kind::TEXT`] with a placeholder of its own.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self {
            name,
            toml: Toml::String,
            many: false,
        }
    }
}

/// A type that a setting can have.
///
/// `parse(show(x))` gives `x` again for every value that `parse` accepts.
pub trait Value: Clone + Send + Sync + 'static {
    /// How its values look.
    const KIND: Kind;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong, to be read after the name of the setting.
    fn parse(text: &str) -> Result<Self, String>;

    /// Writes it the way [`Value::parse`] reads it; secrets show only that they are set.
    fn show(&self) -> String;

    /// Reads it from all that one source says about it.
    ///
    /// # Errors
    ///
    /// As for [`Value::parse`].
    fn gather(parts: &[String]) -> Result<Self, String> {
        match parts {
            [one] => Self::parse(one),
            _ => Err(format!("is given {} times", parts.len())),
        }
    }

    /// The value that means "nobody set it", if the type has one.
    #[must_use]
    fn unset() -> Option<Self> {
        None
    }

    /// The order of two values, for ranges; `None` if the type has no order.
    fn order(&self, _other: &Self) -> Option<Ordering> {
        None
    }

    /// Whether it lies within a range given as text.
    ///
    /// # Errors
    ///
    /// What is wrong.
    fn within(&self, least: &str, greatest: &str) -> Result<(), String> {
        let (min, max) = (Self::parse(least)?, Self::parse(greatest)?);
        let fits = self.order(&min).is_some_and(Ordering::is_ge)
            && self.order(&max).is_some_and(Ordering::is_le);
        if fits {
            return Ok(());
        }
        let shown = self.show();
        Err(format!("{shown} must be {least} to {greatest}"))
    }
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Value for $type {
            const KIND: Kind = Kind { name: "N", toml: Toml::Integer, many: false };

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_bad| format!(
                    "{text:?} is not a whole number from {} to {}", <$type>::MIN, <$type>::MAX
                ))
            }

            fn show(&self) -> String {
                self.to_string()
            }

            fn order(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 usize i32 i64);

impl Value for bool {
    const KIND: Kind = Kind {
        name: "BOOL",
        toml: Toml::Boolean,
        many: false,
    };

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_bad| format!("{text:?} is neither true nor false"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const KIND: Kind = Kind::TEXT;

    fn parse(text: &str) -> Result<Self, String> {
        not_empty(text).map(str::to_owned)
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::text("PATH");

    fn parse(text: &str) -> Result<Self, String> {
        not_empty(text).map(Self::from)
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for SocketAddr {
    const KIND: Kind = Kind::text("ADDR");

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_bad| format!("{text:?} is not an address such as 127.0.0.1:8080"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::text("DURATION");

    fn parse(text: &str) -> Result<Self, String> {
        super::units::parse_duration(text)
    }

    fn show(&self) -> String {
        super::units::show_duration(*self)
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Value for Bytes {
    const KIND: Kind = Kind::text("SIZE");

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Value for Percent {
    const KIND: Kind = Kind::text("PERCENT");

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Empty text is "none": a source can take back what one below it set.
impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(None);
        }
        T::parse(text).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn within(&self, least: &str, greatest: &str) -> Result<(), String> {
        self.as_ref()
            .map_or(Ok(()), |value| value.within(least, greatest))
    }
}

/// A list; a range is that of each item. Its items are shown with commas in
/// between, so an item that has one itself can only be read from a file's array
/// or a flag of its own.
impl<T: Value> Value for Vec<T> {
    const KIND: Kind = Kind {
        many: true,
        ..T::KIND
    };

    fn parse(text: &str) -> Result<Self, String> {
        Self::gather(&split(text))
    }

    fn show(&self) -> String {
        let items: Vec<_> = self.iter().map(T::show).collect();
        items.join(",")
    }

    fn gather(parts: &[String]) -> Result<Self, String> {
        parts.iter().map(|part| T::parse(part)).collect()
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }

    fn within(&self, least: &str, greatest: &str) -> Result<(), String> {
        self.iter()
            .try_for_each(|item| item.within(least, greatest))
    }
}

/// A list as one text: items with commas in between, nothing for none.
pub(super) fn split(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

fn not_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(text)
}
