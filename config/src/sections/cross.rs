//! What concerns several tables: names that must be unique, names that must be known, rooms that claim the same door.

use std::collections::HashMap;

use crate::read::{At, Notes, Told, nearest};
use crate::types::{Origin, Room};

/// A value of a table with the place of its header.
pub(crate) struct Placed<T> {
    pub value: T,
    /// Empty where it was missing or wrong.
    pub name: String,
    pub at: At,
    /// The place of its `name`.
    pub name_at: At,
    /// The place of what it refers to: a room's `origin`.
    pub refers_at: At,
}

pub(super) fn check(origins: &[Placed<Origin>], rooms: &[Placed<Room>], notes: &mut Notes<'_>) {
    unique(
        origins.iter().map(|placed| (placed.name.as_str(), &placed.name_at)),
        "origins",
        notes,
    );
    unique(
        rooms.iter().map(|placed| (placed.name.as_str(), &placed.name_at)),
        "rooms",
        notes,
    );
    known_origins(origins, rooms, notes);
    overlaps(rooms, notes);
}

/// Notes each name that was used before.
pub(super) fn unique<'n>(names: impl Iterator<Item = (&'n str, &'n At)>, what: &str, notes: &mut Notes<'_>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (name, at) in names.filter(|(name, _)| !name.is_empty()) {
        let line = notes.line(at);
        if let Some(first) = seen.get(name) {
            let told = Told {
                what: format!("two {what} are called \"{name}\""),
                why: format!("the first is in line {first}; a name says which one is meant"),
                help: "give one of them another name".to_owned(),
            };
            notes.error(at, told);
        }
        seen.entry(name).or_insert(line);
    }
}

fn known_origins(origins: &[Placed<Origin>], rooms: &[Placed<Room>], notes: &mut Notes<'_>) {
    let names: Vec<&str> = origins
        .iter()
        .map(|placed| placed.name.as_str())
        .filter(|n| !n.is_empty())
        .collect();
    // Where an origin has no name, or there is none at all, that was noted: it may be the one that is meant.
    let all_named = !origins.is_empty() && names.len() == origins.len();
    for room in rooms.iter().filter(|room| !room.value.origin.is_empty()) {
        let origin = room.value.origin.as_str();
        if names.contains(&origin) || !all_named {
            continue;
        }
        let help = match nearest(origin, &names) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("known origins: {}", names.join(", ")),
        };
        let what = format!("there is no origin called \"{origin}\"");
        notes.dependent(
            &room.refers_at,
            Told {
                what,
                why: "a room sends its visitors to an origin".to_owned(),
                help,
            },
        );
    }
    for origin in origins.iter().filter(|placed| !placed.value.name.is_empty()) {
        if !notes.has_errors() && !rooms.is_empty() && !rooms.iter().any(|room| room.value.origin == origin.name) {
            let what = format!("no room uses the origin \"{}\"", origin.name);
            let why = "requests reach an origin through a room's hosts".to_owned();
            let help = "name it in a room, or remove it".to_owned();
            notes.warning(&origin.name_at, Told { what, why, help });
        }
    }
}

/// Two rooms with one host and one prefix: which of them would a request be in?
fn overlaps(rooms: &[Placed<Room>], notes: &mut Notes<'_>) {
    let mut doors: HashMap<(&str, String), (usize, &str)> = HashMap::new();
    for (index, room) in rooms.iter().enumerate() {
        for host in &room.value.hosts {
            for path in &room.value.paths {
                let prefix = path.trim_end_matches('/').to_ascii_lowercase();
                let name = room.name.as_str();
                let (first, other) = *doors.entry((host, prefix)).or_insert((index, name));
                if first == index || (other == name && !name.is_empty()) {
                    continue;
                }
                let told = Told {
                    what: format!(
                        "the rooms \"{other}\" and \"{name}\" both claim {path} on {}",
                        shown(host)
                    ),
                    why: "the most specific path wins, and these are equal (case and a trailing / do not count)"
                        .to_owned(),
                    help: "give one of them another path or host".to_owned(),
                };
                notes.error(&room.at, told);
            }
        }
    }
}

fn shown(host: &str) -> &str {
    if host == "*" { "every host" } else { host }
}
