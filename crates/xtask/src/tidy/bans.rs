//! `clippy.toml`: a ban points to its replacement.

use super::Violation;

const LISTS: [&str; 3] = [
    "disallowed-methods",
    "disallowed-types",
    "disallowed-macros",
];

/// Every ban says why, and what to write instead.
pub(super) fn every_ban_has_a_reason(clippy: &toml::Table) -> Vec<Violation> {
    let entries = LISTS
        .iter()
        .filter_map(|list| clippy.get(*list)?.as_array())
        .flatten();
    let reasonless = entries.filter(|entry| {
        let reason = entry.get("reason").and_then(toml::Value::as_str);
        reason.is_none_or(|reason| reason.trim().is_empty())
    });
    let violation = |entry: &toml::Value| Violation {
        rule: "bans-have-reasons",
        place: "clippy.toml".to_owned(),
        what: format!("say why this is banned and what replaces it: {entry:?}"),
    };
    reasonless.map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_without_a_reason_is_found() {
        let text = r#"
            disallowed-methods = [
                "std::process::exit",
                { path = "std::mem::forget" },
                { path = "std::thread::spawn", reason = " " },
                { path = "tokio::spawn", reason = "use Scope::spawn" },
            ]
            disallowed-types = [{ path = "a::B" }]
        "#;
        assert_eq!(every_ban_has_a_reason(&text.parse().unwrap()).len(), 4);
    }
}
