//! "Did you mean …": the nearest known name to one that isn't.

/// Changes that still count as a slip of the fingers.
const CHANGES_MAX: usize = 2;

/// Longer names aren't compared: the table grows with the square.
const CHARS_MAX: usize = 64;

/// The known name nearest to an unknown one, as the end of an error's text.
pub(super) fn hint<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|name| (changes(unknown, name), name))
        .filter(|(changes, name)| *changes <= CHANGES_MAX && *changes < name.len())
        .min();
    near.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

/// How many characters to insert, delete or replace (Levenshtein).
fn changes(a: &str, b: &str) -> usize {
    if a.len() > CHARS_MAX || b.len() > CHARS_MAX {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let known = ["saga_try", "retention", "data"];
        let hint = |name| hint(name, known.into_iter());
        assert_eq!(hint("saga_tri"), "; did you mean saga_try?");
        assert_eq!(hint("retentoin"), "; did you mean retention?");
        assert_eq!(hint("something"), "");
        assert_eq!(hint(&"x".repeat(10_000)), "");
        assert_eq!(changes("kitten", "sitting"), 3);
    }
}
