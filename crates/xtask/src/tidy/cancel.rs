//! Every public function that gives a future says what holds if that is dropped.

use super::{Violation, code};
use crate::workspace::SourceFile;
use std::collections::BTreeSet;

/// The crates that others build services from.
const LIBRARIES: &[&str] = &["watertight", "watertight-core", "watertight-store"];

/// The section that has to be there.
const SECTION: &str = "/// # Cancel safety";

/// Names that stand for a future wherever they stand in a type.
const FUTURES: &[&str] = &["Future", "BoxFuture", "LocalBoxFuture"];

/// Rustc and clippy know sections for errors, panics and safety, not this one.
pub(super) fn futures_state_their_cancel_safety(files: &[SourceFile]) -> Vec<Violation> {
    let is_library = |file: &&SourceFile| {
        LIBRARIES.contains(&file.krate.as_str()) && file.path.starts_with("src/")
    };
    let files: Vec<_> = files
        .iter()
        .filter(is_library)
        .map(|file| (file, code::without_comments_and_strings(&file.text)))
        .collect();
    let futures: BTreeSet<&str> = files
        .iter()
        .flat_map(|(_, code)| types_that_are_futures(code))
        .collect();
    let silent = |(file, code): &(&SourceFile, String)| -> Vec<Violation> {
        let functions = functions(code).filter(|function| function.gives_a_future(&futures));
        let lines = functions.map(|function| function.line);
        lines
            .filter(|&line| !says_it(&file.text, code, line))
            .map(|line| Violation {
                rule: "cancel-safety",
                place: format!("crates/{}/{}:{line}", file.krate, file.path),
                what: "say under `# Cancel safety` what holds if the future is dropped".to_owned(),
            })
            .collect()
    };
    files.iter().flat_map(silent).collect()
}

/// The `Name` of each `impl … Future for Name`.
fn types_that_are_futures(code: &str) -> impl Iterator<Item = &str> {
    let rests = code.split(" Future for ").skip(1);
    rests.filter_map(|rest| words(rest).next())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// A function that others can call.
struct Function<'a> {
    line: usize,
    is_async: bool,
    /// Its result; empty if there is none.
    gives: &'a str,
}

impl Function<'_> {
    fn gives_a_future(&self, futures: &BTreeSet<&str>) -> bool {
        let is_one = words(self.gives)
            .next()
            .is_some_and(|name| futures.contains(name));
        self.is_async || is_one || words(self.gives).any(|word| FUTURES.contains(&word))
    }
}

/// The public functions, and those that public traits ask for.
fn functions(code: &str) -> impl Iterator<Item = Function<'_>> {
    let mut trait_ends = 0;
    code.match_indices("fn ").filter_map(move |(at, _)| {
        let begin = code[..at].rfind('\n').map_or(0, |before| before + 1);
        if begin >= trait_ends
            && let Some(body) = code[trait_ends..begin].rfind("pub trait ")
        {
            trait_ends = end_of_block(code, trait_ends + body);
        }
        let before = code[begin..at].trim_start();
        let in_trait = begin < trait_ends;
        let is_public = before.starts_with("pub ") || in_trait && !before.contains("pub");
        let is_item = before
            .split(' ')
            .all(|word| ["", "pub", "async", "const", "unsafe"].contains(&word));
        (is_public && is_item).then(|| Function {
            line: code[..at].matches('\n').count() + 1,
            is_async: words(before).any(|word| word == "async"),
            gives: result(&code[at..]),
        })
    })
}

/// Where the block ends that begins after `at`.
fn end_of_block(code: &str, at: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + offset,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// What a function gives; `text` begins with `fn`.
fn result(text: &str) -> &str {
    let end = text.find(['{', ';']).unwrap_or(text.len());
    let signature = &text[..end];
    let mut depth = 0_i32;
    let (mut before, mut arguments_end) = (' ', signature.len());
    for (at, c) in signature.char_indices() {
        match c {
            '(' | '<' | '[' => depth += 1,
            // The arrow of a closure's type is no bracket.
            '>' if before != '-' => depth -= 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if c == ')' && depth == 0 {
            arguments_end = at + 1;
            break;
        }
        before = c;
    }
    let rest = signature[arguments_end..].trim_start();
    let gives = rest.strip_prefix("->").unwrap_or_default();
    let bounds = gives.find("where").filter(|&at| {
        gives[..at].ends_with(char::is_whitespace)
            && gives[at + 5..].starts_with(char::is_whitespace)
    });
    gives[..bounds.unwrap_or(gives.len())].trim()
}

/// Whether the comment of the function in this line has the section.
fn says_it(text: &str, code: &str, line: usize) -> bool {
    let above: Vec<_> = text.lines().zip(code.lines()).take(line - 1).collect();
    let mut own = above.iter().rev().take_while(|(text, code)| {
        // An empty line, or the end of what comes before it.
        !text.trim().is_empty() && !code.trim_end().ends_with(['{', '}', ';'])
    });
    own.any(|(text, _)| text.trim() == SECTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str, text: &str) -> Vec<String> {
        let file = SourceFile {
            krate: krate.to_owned(),
            path: "src/x.rs".to_owned(),
            text: text.to_owned(),
        };
        let found = futures_state_their_cancel_safety(&[file]);
        found.into_iter().map(|found| found.place).collect()
    }

    fn lines(text: &str) -> Vec<usize> {
        let line = |place: &String| place.rsplit(':').next().and_then(|line| line.parse().ok());
        found("watertight", text).iter().filter_map(line).collect()
    }

    #[test]
    fn an_async_fn_without_the_section_is_found() {
        assert_eq!(lines("/// Waits.\npub async fn wait() {}"), [2]);
        assert_eq!(lines("impl X {\n    pub async fn wait(&self) {}\n}"), [2]);
        let said = "/// Waits.\n///\n/// # Cancel safety\n///\n/// Safe.\n#[must_use]\npub async fn wait() {}";
        assert_eq!(lines(said), Vec::<usize>::new());
        let of_another = format!("{said}\npub async fn other() {{}}");
        assert_eq!(lines(&of_another), [8]);
        let attribute = said.replace("[must_use]", "[expect(\n    lint,\n    reason = \"}\"\n)]");
        assert_eq!(lines(&attribute), Vec::<usize>::new());
    }

    #[test]
    fn a_fn_that_gives_a_future_is_found_whatever_it_is_called() {
        for gives in [
            "impl Future<Output = u8> + Send",
            "BoxFuture<'static, ()>",
            "Pin<Box<dyn Future<Output = ()>>>",
            "Result<impl Future<Output = ()>, Error>",
        ] {
            let text =
                format!("pub fn f<F: Fn() -> u8>(f: F) -> {gives}\nwhere\n    F: Send,\n{{}}");
            assert_eq!(lines(&text), [1], "{gives}");
        }
        let own = "impl<F> Future for Run<F> {}\npub fn run<F>(f: F) -> Run<F> {}";
        assert_eq!(lines(own), [2]);
        let asked = "pub trait Accept {\n    fn accept(&self) -> impl Future<Output = u8>;\n}";
        assert_eq!(lines(asked), [2]);
    }

    #[test]
    fn what_gives_none_or_is_not_public_is_left_alone() {
        for text in [
            "async fn wait() {}",
            "pub(crate) async fn wait() {}",
            "pub fn spawn<F>(f: F) where F: Future {}",
            "pub fn spawn(f: impl Fn() -> BoxFuture<'static, ()>) -> u8 {}",
            "impl Service for X {\n    fn call(&self) -> Self::Future {}\n}",
            "trait Hidden {\n    fn accept(&self) -> impl Future;\n}",
            "pub trait Accept {\n    fn name(&self);\n}\nfn own() -> impl Future {}",
            "// pub async fn wait() {}",
        ] {
            assert_eq!(lines(text), Vec::<usize>::new(), "{text}");
        }
        assert_eq!(found("orders", "pub async fn wait() {}"), [""; 0]);
    }
}
