//! Entity tags: what a reader has, and whether it is still so.

/// The tag of version `version` of a thing with a name of its own.
///
/// Weak, because the same version may be sent compressed or not.
#[must_use]
pub fn of_version(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Whether an `If-None-Match` header names `tag`, by weak comparison.
///
/// RFC 9110, 13.1.2 and 8.8.3: `*`, or tags with commas between; a tag may
/// have a comma in it. What is malformed matches nothing, so that its sender
/// gets the thing itself.
#[must_use]
pub fn matches(if_none_match: &str, tag: &str) -> bool {
    if if_none_match.trim() == "*" {
        return true;
    }
    let tag = opaque(tag);
    let mut rest = if_none_match;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        rest = rest.strip_prefix("W/").unwrap_or(rest);
        let Some(inside) = rest.strip_prefix('"') else {
            return false;
        };
        let Some((found, after)) = inside.split_once('"') else {
            return false;
        };
        if found == tag {
            return true;
        }
        rest = after;
    }
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_is_weak_and_lists_are_read() {
        let tag = of_version(7);
        for same in [
            "*",
            " * ",
            "\"7\"",
            "W/\"7\"",
            "\"6\", W/\"7\"",
            "W/\"a,b\",\"7\"",
            ", \"7\" ,",
        ] {
            assert!(matches(same, &tag), "{same}");
        }
        for other in [
            "",
            "7",
            "\"8\"",
            "\"7",
            "W/7",
            "*, \"8\"",
            "\"8\" \"6\"",
            "w/\"7\"",
        ] {
            assert!(!matches(other, &tag), "{other}");
        }
    }
}
