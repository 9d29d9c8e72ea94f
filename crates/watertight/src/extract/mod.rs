//! Extractors that refuse what they don't understand, and say what it was.
//!
//! They stand in for axum's of the same names. Those are lenient in places (a
//! missing charset, trailing data in a query) and answer in plain text; these
//! answer with a [`Problem`] that names the field at fault.
//!
//! Unknown fields are found only by types with `#[serde(deny_unknown_fields)]`.

mod content;
mod json;
mod object;
mod path;
mod query;
mod scope;

pub use content::{body_broke_off, check_content};
pub use json::Json;
pub use object::Object;
pub use path::Path;
pub use query::Query;
pub use scope::Scope;

use crate::{Problem, problems};

/// The longest fault that is told back, in bytes. Messages quote the value at
/// fault, which is the caller's and of any length.
const FAULT_BYTES_MAX: usize = 256;

/// What is wrong with a value that the caller sent, and where it stands.
///
/// # Limits
///
/// Both texts may quote the caller, so each is cut at 256 bytes and a bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, such as `lines[2].sku`; empty if it is the whole.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Fault {
    /// From what serde says of a value at `path`, as `serde_path_to_error` has it.
    #[must_use]
    pub fn new(path: &str, message: &str) -> Self {
        Self {
            field: shortened(&field_of(path, message)),
            message: shortened(message),
        }
    }
}

/// A fault in a value of the request, at `path` if that is known.
fn invalid(path: &str, message: &str) -> Problem {
    let Fault { field, message } = Fault::new(path, message);
    let problem = Problem::new(&problems::INVALID_REQUEST);
    if field.is_empty() {
        return problem.detail(message);
    }
    problem
        .detail(format!("{field}: {message}"))
        .field(field, message)
}

/// The path of the field at fault. What is unknown, missing or there twice is
/// named only in the message, and the path is that of its parent.
fn field_of(path: &str, message: &str) -> String {
    let path = if path == "." { "" } else { path };
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split('`').next());
    match named {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if !ends_with_key(path, name) => format!("{path}.{name}"),
        Some(_) | None => path.to_owned(),
    }
}

fn ends_with_key(path: &str, name: &str) -> bool {
    let before = path.strip_suffix(name);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn shortened(message: &str) -> String {
    if message.len() <= FAULT_BYTES_MAX {
        return message.to_owned();
    }
    let mut end = FAULT_BYTES_MAX;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_whole() {
        assert_eq!(field_of(".", "missing field `sku`"), "sku");
        assert_eq!(field_of("lines[2]", "missing field `sku`"), "lines[2].sku");
        assert_eq!(
            field_of("lines[2].skuu", "unknown field `skuu`, expected `sku`"),
            "lines[2].skuu"
        );
        assert_eq!(field_of("xsku", "missing field `sku`"), "xsku.sku");
        assert_eq!(field_of("a.b", "invalid type: null"), "a.b");
        assert_eq!(field_of(".", "invalid type: null"), "");
    }

    #[test]
    fn long_values_are_not_told_back() {
        let long = shortened(&"ä".repeat(1_000));
        assert!(long.len() <= FAULT_BYTES_MAX + '…'.len_utf8() && long.ends_with("ä…"));
        let name = "x".repeat(1_000);
        let unknown = Fault::new(&name, &format!("unknown field `{name}`"));
        assert!(unknown.field.len() < 300 && unknown.message.len() < 300);
    }
}
