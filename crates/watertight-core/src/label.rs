//! Whose work something is: a route, a job, a tenant, as a small number.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// Labels, at most; whatever comes after them is "other".
const LABELS_MAX: u16 = 1024;
/// Longer names are cut.
const LABEL_BYTES_MAX: usize = 128;

/// A name that work, memory and tasks are counted under.
///
/// A number that stands for a text, so that it can be copied into a
/// [`crate::Snapshot`] and looked at in each poll.
///
/// # Limits
///
/// 1,024 texts of 128 bytes in the process; each further one becomes
/// [`Label::OTHER`]. Label by route, never by what a caller sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Label(u16);

#[derive(Debug)]
struct Table {
    numbers: HashMap<Arc<str>, u16>,
    texts: Vec<Arc<str>>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(|| {
    let mut table = Table {
        numbers: HashMap::new(),
        texts: Vec::new(),
    };
    table.add("none");
    table.add("other");
    RwLock::new(table)
});

impl Table {
    fn add(&mut self, text: &str) -> Label {
        let number = u16::try_from(self.texts.len());
        let Some(number) = number.ok().filter(|&next| next < LABELS_MAX) else {
            return Label::OTHER;
        };
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Label(number)
    }
}

impl Label {
    /// Nobody's work.
    pub const NONE: Self = Self(0);
    /// The work of those for whom there is no label left.
    pub const OTHER: Self = Self(1);

    /// The label for `text`; keep it, for this looks it up.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = &text[..text.floor_char_boundary(LABEL_BYTES_MAX)];
        let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = table.numbers.get(text) {
            return Self(number);
        }
        if table.texts.len() >= usize::from(LABELS_MAX) {
            return Self::OTHER;
        }
        drop(table);
        let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
        match table.numbers.get(text) {
            Some(&number) => Self(number),
            None => table.add(text),
        }
    }

    /// The text.
    #[must_use]
    pub fn text(self) -> Arc<str> {
        let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&table.texts[usize::from(self.0)])
    }

    pub(crate) fn number(self) -> u16 {
        self.0
    }

    pub(crate) fn from_number(number: u16) -> Self {
        Self(number)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_label_and_comes_back() {
        let label = Label::of("/v1/orders");
        assert_eq!(label, Label::of("/v1/orders"));
        assert_eq!(&*label.text(), "/v1/orders");
        assert_eq!(Label::default(), Label::NONE);
        assert_eq!(Label::of("none"), Label::NONE);
        assert_eq!(Label::of(&"ä".repeat(100)).text().len(), 128);
    }

    #[test]
    fn a_full_table_calls_the_rest_other() {
        let mut table = Table {
            numbers: HashMap::new(),
            texts: Vec::new(),
        };
        for i in 0..LABELS_MAX {
            assert_eq!(table.add(&i.to_string()).0, i);
        }
        assert_eq!(table.add("one too many"), Label::OTHER);
        assert_eq!(table.texts.len(), usize::from(LABELS_MAX));
    }
}
