//! A key that nobody asked for, and which one was probably meant.

use strsim::damerau_levenshtein;

use crate::read::At;
use crate::read::notes::{Notes, Told, quote};

/// Longest name compared with others.
const MAX_COMPARED_BYTES: usize = 40;

/// Names from other programs, and what they are called here.
const OTHER_NAMES: [(&str, &str); 16] = [
    ("upstream", "origin"),
    ("upstreams", "origins"),
    ("backend", "origin"),
    ("backends", "origins"),
    ("bind_address", "listen"),
    ("address", "listen"),
    ("ttl", "session_ttl"),
    ("host", "hosts"),
    ("path", "paths"),
    ("domain", "hosts"),
    ("pace", "rate"),
    ("size", "capacity"),
    ("max_users", "capacity"),
    ("certificate", "cert"),
    ("private_key", "key"),
    ("password", "url"),
];

/// Notes the key; the known one that was probably meant.
pub(super) fn note(at: &At, name: &str, asked: &[&'static str], notes: &mut Notes<'_>) -> Option<&'static str> {
    let table = match at.path.strip_suffix(name).map(|path| path.trim_end_matches('.')) {
        None | Some("") => "at the top level".to_owned(),
        Some(path) => format!("in {}", super::notes::header(path)),
    };
    let meant = nearest(name, asked);
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => elsewhere(name).unwrap_or_else(|| format!("known here: {}", asked.join(", "))),
    };
    let what = format!("there is no key `{}` {table}", quote(name));
    notes.error(
        at,
        Told {
            what,
            why: "a key that is not known would be silently without effect".to_owned(),
            help,
        },
    );
    meant
}

/// The known name that this one was probably meant to be.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > MAX_COMPARED_BYTES {
        return None;
    }
    let plain = name.to_ascii_lowercase().replace('-', "_");
    let other = OTHER_NAMES
        .iter()
        .find(|(theirs, _)| *theirs == plain)
        .map(|(_, ours)| *ours);
    if let Some(ours) = known.iter().find(|ours| Some(**ours) == other) {
        return Some(ours);
    }
    let distance = |ours: &&str| damerau_levenshtein(&plain, &ours.to_ascii_lowercase().replace('-', "_"));
    let best = known.iter().copied().min_by_key(|ours| distance(ours))?;
    (distance(&best) <= (plain.chars().count() / 3).max(1)).then_some(best)
}

/// Where a key of this name would be known.
fn elsewhere(name: &str) -> Option<String> {
    let home = crate::known_keys().into_iter().find(|(_, keys)| keys.contains(name))?.0;
    Some(if home.is_empty() {
        "it belongs at the top level".to_owned()
    } else {
        format!("it belongs in {}", super::notes::header(&home))
    })
}
