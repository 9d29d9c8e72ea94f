//! What is kept of a span.

use super::SpanId;
use std::borrow::Cow;
use std::time::Instant;

/// Bytes of an attribute's text that are kept; the rest is cut off.
pub const TEXT_BYTES_MAX: usize = 256;

/// Attributes of a span or an event that are kept; the rest is counted.
pub const ATTRIBUTES_MAX: usize = 32;

/// What an attribute says.
///
/// # Limits
///
/// Texts are cut at 256 bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(Cow<'static, str>),
}

/// A name and what it says.
pub type Attribute = (&'static str, Value);

impl Value {
    /// What it shows, by [`std::fmt::Display`].
    #[must_use]
    pub fn shown(value: impl std::fmt::Display) -> Self {
        value.to_string().into()
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(Cow::Owned(text)) => text.capacity(),
            Self::Text(Cow::Borrowed(_)) | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(mut text: String) -> Self {
        if text.len() > TEXT_BYTES_MAX {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
            text.shrink_to_fit();
        }
        Self::Text(Cow::Owned(text))
    }
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Work inside of a process.
    Internal,
    /// A call as the one who answers sees it.
    Server,
    /// A call as the one who asks sees it.
    Client,
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct SpanRecord {
    /// Its id.
    pub id: SpanId,
    /// The span it is a part of; `None` at the beginning of a trace.
    pub parent: Option<SpanId>,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// What was done: a route, a method, a step.
    pub name: Cow<'static, str>,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What went wrong, if it did. Never what a caller sent.
    pub error: Option<&'static str>,
    /// What else there is to say. Never what a caller sent.
    pub attributes: Vec<Attribute>,
    /// Attributes that were one too many.
    pub attributes_lost: u32,
}

/// Adds one of an open span's own, while there are fewer than [`ATTRIBUTES_MAX`].
pub(super) fn add(attributes: &mut Vec<Attribute>, lost: &mut u32, attribute: Attribute) {
    if attributes.len() < ATTRIBUTES_MAX {
        attributes.push(attribute);
    } else {
        *lost = lost.saturating_add(1);
    }
}

impl SpanRecord {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + bytes_of(&self.attributes)
    }
}

/// Something that happened during a span.
#[derive(Clone, Debug)]
pub struct SpanEvent {
    /// The span.
    pub span: SpanId,
    /// What happened.
    pub name: &'static str,
    /// When.
    pub at: Instant,
    /// What else there is to say.
    pub attributes: Vec<Attribute>,
    /// Attributes that were one too many.
    pub attributes_lost: u32,
}

impl SpanEvent {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + bytes_of(&self.attributes)
    }
}

fn bytes_of(attributes: &Vec<Attribute>) -> usize {
    let texts: usize = attributes.iter().map(|(_, value)| value.bytes()).sum();
    attributes.capacity() * size_of::<Attribute>() + texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let Value::Text(text) = Value::from("ä".repeat(1_000_000)) else {
            panic!("a text");
        };
        assert_eq!(text.len(), 256);
        assert!(Value::Text(text).bytes() < 300);
        assert_eq!(Value::shown(7), Value::from("7".to_owned()));
    }
}
