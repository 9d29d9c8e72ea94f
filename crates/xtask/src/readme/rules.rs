//! What can be said of README.md without running it.

use clap::Parser as _;

use super::blocks::{self, Block};
use crate::cli::Cli;
use crate::tidy::Violation;
use crate::workspace::Crate;

/// Who executes a block; see the module above.
const WHO: [&str; 6] = ["first", "ready", "shop", "after", "ci", "hand"];

/// Every block says who executes it, every `cargo xtask` line parses, and every
/// package that cargo is told to build exists.
pub(crate) fn check(readme: &str, crates: &[Crate]) -> Vec<Violation> {
    let blocks = blocks::sh(readme);
    let mut found: Vec<Violation> = blocks
        .iter()
        .flat_map(|block| of_block(block, crates))
        .collect();
    if blocks.iter().filter(|block| block.who == "first").count() != 1 {
        found.push(violation(
            1,
            "exactly one `sh first` block starts the shop".to_owned(),
        ));
    }
    found
}

fn of_block(block: &Block, crates: &[Crate]) -> Vec<Violation> {
    let mut found = Vec::new();
    if !WHO.contains(&block.who.as_str()) {
        let what = format!("say behind `sh` who executes this: {}", WHO.join(", "));
        found.push(violation(block.line, what));
    }
    for (text, line) in block.script.lines().zip(block.line + 1..) {
        found.extend(of_line(text, crates).map(|what| violation(line, what)));
    }
    found
}

fn of_line(text: &str, crates: &[Crate]) -> Option<String> {
    let command = text.split(" #").next().unwrap_or_default();
    let words: Vec<&str> = command.split_whitespace().collect();
    if words.starts_with(&["cargo", "xtask"]) {
        let parsed = Cli::try_parse_from(&words[1..]);
        return parsed
            .is_err()
            .then(|| format!("xtask has no such command: {command}"));
    }
    let package = words
        .iter()
        .position(|word| *word == "-p")
        .and_then(|at| words.get(at + 1));
    let missing = package.filter(|name| !crates.iter().any(|krate| krate.name == **name));
    missing
        .filter(|_| words[0] == "cargo")
        .map(|name| format!("there is no package {name}"))
}

fn violation(line: usize, what: String) -> Violation {
    Violation {
        rule: "readme",
        place: format!("README.md:{line}"),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let crates = [Crate {
            name: "demo".to_owned(),
            ..Crate::default()
        }];
        let first = "```sh first\ncargo run --release -p demo\n```\n";
        check(&format!("{first}{text}"), &crates).len()
    }

    #[test]
    fn a_block_that_nobody_executes_is_found() {
        assert_eq!(found("```sh\nls\n```"), 1);
        assert_eq!(found("```sh shop\nls\n```"), 0);
        assert_eq!(found("```sh first\nls\n```"), 1);
    }

    #[test]
    fn a_command_that_does_not_exist_is_found() {
        assert_eq!(found("```sh ci\ncargo xtask tset\n```"), 1);
        assert_eq!(found("```sh ci\ncargo xtask test  # all\n```"), 0);
        assert_eq!(found("```sh ci\ncargo run -p domo\n```"), 1);
    }
}
