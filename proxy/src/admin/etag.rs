//! Which version of a room's settings a change was made for: `ETag` and `If-Match` (RFC 9110, 13.1.1). Pure.

/// Longest field that is looked at.
const MAX_LEN: usize = 1_024;

/// What `If-Match` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Match {
    /// It names the current version, or any.
    Yes,
    No,
    /// No such field.
    Missing,
    /// Not a list of entity tags.
    Broken,
}

#[must_use]
pub fn of(version: u64) -> String {
    format!("\"{version}\"")
}

/// The strong comparison: a weak tag never matches.
#[must_use]
pub fn check(if_match: Option<&str>, version: u64) -> Match {
    let Some(field) = if_match else { return Match::Missing };
    let field = field.trim();
    if field == "*" {
        return Match::Yes;
    }
    if field.is_empty() || field.len() > MAX_LEN {
        return Match::Broken;
    }
    let (current, mut found) = (of(version), Match::No);
    for tag in field.split(',').map(str::trim) {
        if !is_tag(tag) {
            return Match::Broken;
        }
        if tag == current {
            found = Match::Yes;
        }
    }
    found
}

fn is_tag(tag: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| inner.bytes().all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_table() {
        for (field, expected) in [
            (None, Match::Missing),
            (Some("\"3\""), Match::Yes),
            (Some(" \"3\" "), Match::Yes),
            (Some("*"), Match::Yes),
            (Some("\"1\", \"3\""), Match::Yes),
            (Some("\"2\""), Match::No),
            (Some("\"03\""), Match::No),
            (Some("W/\"3\""), Match::No),
            (Some("\"\""), Match::No),
            (Some("3"), Match::Broken),
            (Some(""), Match::Broken),
            (Some("\"3"), Match::Broken),
            (Some("\"3\",,"), Match::Broken),
            (Some("\"3\" \"4\""), Match::Broken),
            (Some("*, \"3\""), Match::Broken),
        ] {
            assert_eq!(check(field, 3), expected, "{field:?}");
        }
        let long = format!("\"{}\"", "3".repeat(MAX_LEN));
        assert_eq!(check(Some(&long), 3), Match::Broken);
    }
}
