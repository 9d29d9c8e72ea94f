//! Looks at Rust text without being fooled by comments and strings.
//!
//! Why not a parser? The rules ask only which names occur where. A parser of
//! the whole language would be the largest dependency of this crate, and would
//! still not resolve names.

/// The text with comments and the insides of literals turned into spaces.
///
/// Lines keep their numbers.
pub(super) fn without_comments_and_strings(text: &str) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let skip = literal_or_comment(rest, code.chars().next_back());
        if skip == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
            code.extend(rest[..skip].chars().map(blank));
            rest = &rest[skip..];
        }
    }
    code
}

/// Length in bytes of the comment or literal that begins here; 0 if none does.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if let Some(inside) = text.strip_prefix('"') {
        return 1 + quoted(inside, '"');
    }
    if text.starts_with('\'') {
        return char_literal(text);
    }
    if before.is_some_and(is_word) {
        return 0;
    }
    raw_string(text)
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if next.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if next.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += next.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length up to and including the closing quote; a backslash hides what follows.
fn quoted(text: &str, close: char) -> usize {
    let mut hidden = false;
    for (at, c) in text.char_indices() {
        if !hidden && c == close {
            return at + c.len_utf8();
        }
        hidden = !hidden && c == '\\';
    }
    text.len()
}

/// `'x'` and `'\n'` are literals, `'static` is a lifetime.
fn char_literal(text: &str) -> usize {
    let mut inside = text.chars().skip(1);
    match (inside.next(), inside.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => 1 + quoted(&text[1..], '\''),
        _ => 0,
    }
}

/// `r"…"`, `r#"…"#`, `br"…"` and so on.
fn raw_string(text: &str) -> usize {
    let Some(after) = text.strip_prefix("br").or_else(|| text.strip_prefix('r')) else {
        return 0;
    };
    let hashes = after.len() - after.trim_start_matches('#').len();
    let Some(inside) = after[hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    text.len() - inside.len() + length
}

/// Lines, from 1, on which a name occurs as a whole word.
pub(super) fn lines_naming(code: &str, name: &str) -> Vec<usize> {
    let numbered = code.lines().zip(1..);
    let naming = numbered.filter(|(line, _)| has_word(line, name));
    naming.map(|(_, number)| number).collect()
}

fn has_word(line: &str, name: &str) -> bool {
    let is_whole = |at: usize| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    line.match_indices(name).any(|(at, _)| is_whole(at))
}

/// Lines on which a module of a crate is reached: `std::fs` directly, or
/// through a group as in `use std::{fs, io}`.
pub(super) fn lines_reaching(code: &str, krate: &str, module: &str) -> Vec<usize> {
    let path = format!("{krate}::{module}");
    let mut lines = lines_naming(code, &path);
    let group = format!("{krate}::{{");
    for (at, _) in code.match_indices(&group) {
        if first_names(&code[at + group.len()..]).contains(&module) {
            lines.push(code[..at].lines().count().max(1));
        }
    }
    lines
}

/// The first name of each entry of a `use` group whose brace is already open.
fn first_names(group: &str) -> Vec<&str> {
    let mut depth = 1_u32;
    let mut names = Vec::new();
    let mut begin = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            let entry = group[begin..at].trim_start();
            let end = entry.find(|c| !is_word(c)).unwrap_or(entry.len());
            names.push(&entry[..end]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_vanish_and_lines_stay() {
        let text = concat!(
            "a // tonic\n",
            "b /* x /* tonic */ tonic\n */ c \"to\\\"nic tonic\" d\n",
            "r#\"tonic \" tonic\"# e br\"tonic\" 'x' '\\'' &'static f\n",
            "tonic",
        );
        let code = without_comments_and_strings(text);
        assert_eq!(lines_naming(&code, "tonic"), [5]);
        let left: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(left, ["a", "b", "c", "d", "e", "&'static", "f", "tonic"]);
    }

    #[test]
    fn only_whole_words_count() {
        assert_eq!(
            lines_naming("unsafe_code\nmy_unsafe\nunsafe {", "unsafe"),
            [3]
        );
    }

    #[test]
    fn groups_are_looked_into() {
        assert_eq!(lines_reaching("use std::{io, fs::File};", "std", "fs"), [1]);
        assert_eq!(
            lines_reaching("x\nuse std::{\n  sync::{Arc, fs},\n};", "std", "fs"),
            [0; 0]
        );
        assert_eq!(lines_reaching("x\nstd::fs::read(p)", "std", "fs"), [2]);
    }
}
