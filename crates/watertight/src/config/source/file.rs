//! Settings from TOML files.

use super::Given;
use super::watched::Document;
use crate::config::mistake::{Mistake, Origin};
use crate::config::value::{Kind, Toml};
use crate::config::{Section, near};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

/// A larger file is refused: a configuration is a page or two, so this is
/// another file given by mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Whether an environment can have this name: it becomes a part of a file's.
pub(in crate::config) fn is_environment(name: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(named)
}

/// `orders.toml` of the environment `prod` is `orders.prod.toml`; `None` if
/// there is no environment of that name.
pub(in crate::config) fn of_environment(file: &Path, environment: &str) -> Option<PathBuf> {
    let extension = file.extension().and_then(|extension| extension.to_str());
    is_environment(environment).then(|| {
        file.with_extension(match extension {
            Some(extension) => format!("{environment}.{extension}"),
            None => environment.to_owned(),
        })
    })
}

/// What a document says; everything that is wrong with it goes to `mistakes`.
pub(in crate::config) fn read(
    document: &Document,
    sections: &[Section],
    mistakes: &mut Vec<Mistake>,
) -> Vec<Given> {
    let name: Arc<str> = document.name.as_str().into();
    match &document.text {
        Ok(text) => File {
            name,
            text,
            sections,
            mistakes,
        }
        .given(),
        Err(why) => {
            mistakes.push(Mistake::at(Origin::Document(name), why.as_str()));
            Vec::new()
        }
    }
}

/// The text of a file of a reasonable size.
pub(in crate::config) fn text(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_bad| "is not UTF-8".to_owned())
}

/// One setting of one section from the files alone, before anything is
/// checked; `None` wherever that fails.
pub(in crate::config) fn peek(path: &Path, section: &str, key: &str) -> Option<String> {
    let text = text(path).ok()?;
    let table = DeTable::parse(&text).ok()?.into_inner();
    match table.get(section)?.get_ref().get(key)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

/// A file being read.
struct File<'a> {
    name: Arc<str>,
    text: &'a str,
    sections: &'a [Section],
    mistakes: &'a mut Vec<Mistake>,
}

impl File<'_> {
    fn given(mut self) -> Vec<Given> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            // What could be read around them would only lead to wrong errors.
            for error in errors {
                let at = error.span().map_or(0, |span| span.start);
                let origin = self.line(at);
                self.mistakes.push(Mistake::at(origin, error.message()));
            }
            return Vec::new();
        }
        let mut given = Vec::new();
        for (name, value) in table.get_ref() {
            self.section(name, value, &mut given);
        }
        given
    }

    fn section(
        &mut self,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        given: &mut Vec<Given>,
    ) {
        let origin = self.line(name.span().start);
        let (title, sections) = (name.get_ref(), self.sections);
        let Some(section) = sections.iter().find(|section| section.name == *title) else {
            let hint = near::hint(title, sections.iter().map(|section| section.name));
            let what = format!("[{title}] is not a section of this service{hint}");
            self.mistakes.push(Mistake::at(origin, what));
            return;
        };
        let DeValue::Table(table) = value.get_ref() else {
            let what = format!("{title} must be a section: [{title}]");
            self.mistakes.push(Mistake::at(origin, what));
            return;
        };
        for (key, value) in table {
            if let Some(one) = self.setting(section, key, value) {
                given.push(one);
            }
        }
    }

    fn setting(
        &mut self,
        section: &Section,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Given> {
        let origin = self.line(key.span().start);
        let found = match section.field(key.get_ref()) {
            None => {
                let known = section.fields.iter().filter(|field| !field.hidden);
                let hint = near::hint(key.get_ref(), known.map(|field| field.key));
                Err(format!("is not a setting{hint}"))
            }
            Some(field) if field.secret => {
                let env = field.env(section.name);
                Err(format!(
                    "is a secret and is taken from the environment alone, as {env}"
                ))
            }
            Some(field) => parts(value.get_ref(), field.kind).map(|parts| (field, parts)),
        };
        match found {
            Ok((field, parts)) => Some(Given {
                section: section.name,
                field,
                parts,
                origin,
            }),
            Err(what) => {
                self.mistakes
                    .push(Mistake::of(origin, section.name, key.get_ref(), what));
                None
            }
        }
    }

    fn line(&self, at: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(at);
        Origin::File {
            path: Arc::clone(&self.name),
            line: before.filter(|byte| **byte == b'\n').count() + 1,
        }
    }
}

/// The value as text, if it has the type that the setting wants.
fn parts(value: &DeValue<'_>, kind: Kind) -> Result<Vec<String>, String> {
    let DeValue::Array(items) = value else {
        return match kind.many {
            true => Err(format!("must be a list: [{}, …]", example(kind))),
            false => one(value, kind).map(|one| vec![one]),
        };
    };
    match kind.many {
        true => list(items, kind),
        false => Err(format!("must be {}", example(kind))),
    }
}

fn list(items: &DeArray<'_>, kind: Kind) -> Result<Vec<String>, String> {
    items.iter().map(|item| one(item.get_ref(), kind)).collect()
}

fn one(value: &DeValue<'_>, kind: Kind) -> Result<String, String> {
    match (value, kind.toml) {
        (DeValue::String(text), Toml::String) => Ok(text.to_string()),
        (DeValue::Boolean(yes), Toml::Boolean) => Ok(yes.to_string()),
        // Underscores are gone already; other bases are read here.
        (DeValue::Integer(number), Toml::Integer) => {
            i128::from_str_radix(number.as_str(), number.radix())
                .map(|number| number.to_string())
                .map_err(|_bad| format!("{number} is too large"))
        }
        (DeValue::Integer(number), Toml::String) if kind.name == "DURATION" => Err(format!(
            "{number} needs a unit, in quotes: \"{number}ms\" or \"{number}s\""
        )),
        _ => Err(format!("must be {}", example(kind))),
    }
}

fn example(kind: Kind) -> String {
    match kind.toml {
        Toml::String => format!("\"{}\" in quotes", kind.name),
        Toml::Integer => "a whole number without quotes".to_owned(),
        Toml::Boolean => "true or false without quotes".to_owned(),
    }
}
