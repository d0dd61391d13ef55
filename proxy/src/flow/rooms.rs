//! Which room a request belongs to. Pure: built from the configuration, asked with the canonical host and path.
//!
//! A path prefix covers whole segments (`/sale` covers `/sale` and `/sale/x`, not `/sales`) and ignores ASCII case: an
//! origin that ignores case must not be reached around the room (H8). For the same reason a protected prefix also covers
//! `/sale.json` and `/sale;x=1`, which many origins route to `/sale`; an excluded one does not.

/// One door of a room: a host pattern and a path prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    host: HostPattern,
    /// Lower case, without trailing slash; empty covers everything.
    prefix: String,
    /// `None`: an exclusion, let through without a pass.
    protects: bool,
    room: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// `*.example.com`: every name below, not the name itself. Kept with its leading dot.
    Below(String),
    Exact(String),
}

impl HostPattern {
    fn parse(text: &str) -> HostPattern {
        match text.strip_prefix('*') {
            Some("") => HostPattern::Any,
            Some(below) => HostPattern::Below(below.to_ascii_lowercase()),
            None => HostPattern::Exact(text.to_ascii_lowercase()),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Any => true,
            HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            HostPattern::Exact(name) => host == name,
        }
    }

    /// More specific patterns are asked first.
    fn weight(&self) -> usize {
        match self {
            HostPattern::Any => 0,
            HostPattern::Below(suffix) => suffix.len(),
            HostPattern::Exact(_) => usize::MAX,
        }
    }
}

/// Where a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In this room: a pass is needed.
    Protected(usize),
    /// A path this room lets through.
    Excluded(usize),
    /// The host is known, the path is in no room.
    Unprotected(usize),
    /// No room knows the host.
    UnknownHost,
}

/// The doors of all rooms, most specific first.
#[derive(Clone, Debug, Default)]
pub struct RoomTable {
    doors: Vec<Door>,
}

impl RoomTable {
    /// `rooms` in the order of the configuration: hosts, protected prefixes, excluded prefixes.
    #[must_use]
    pub fn new<'a>(rooms: impl IntoIterator<Item = (&'a [String], &'a [String], &'a [String])>) -> RoomTable {
        let mut doors = Vec::new();
        for (room, (hosts, paths, excluded)) in rooms.into_iter().enumerate() {
            for host in hosts {
                let protected = paths.iter().map(|path| (path, true));
                let let_through = excluded.iter().map(|path| (path, false));
                doors.extend(protected.chain(let_through).map(|(path, protects)| Door {
                    host: HostPattern::parse(host),
                    prefix: path.trim_end_matches('/').to_ascii_lowercase(),
                    protects,
                    room,
                }));
            }
        }
        doors.sort_by_key(|door| std::cmp::Reverse((door.host.weight(), door.prefix.len(), !door.protects)));
        RoomTable { doors }
    }

    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Found {
        let mut known_host = None;
        for door in self.doors.iter().filter(|door| door.host.matches(host)) {
            if covers(&door.prefix, path, door.protects) {
                return if door.protects {
                    Found::Protected(door.room)
                } else {
                    Found::Excluded(door.room)
                };
            }
            known_host.get_or_insert(door.room);
        }
        known_host.map_or(Found::UnknownHost, Found::Unprotected)
    }
}

fn covers(prefix: &str, path: &str, protects: bool) -> bool {
    let (path, prefix) = (path.as_bytes(), prefix.as_bytes());
    let Some((start, rest)) = path.split_at_checked(prefix.len()) else {
        return false;
    };
    let ends = match rest.first() {
        None | Some(b'/') => true,
        Some(b'.' | b';') => protects,
        Some(_) => false,
    };
    ends && start.eq_ignore_ascii_case(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    /// H7, H8: hosts and paths, most specific first.
    #[test]
    fn finds_the_most_specific_room() {
        let all = (strings(&["*"]), strings(&["/"]), strings(&["/static", "/health"]));
        let sale = (
            strings(&["shop.example"]),
            strings(&["/sale", "/Cart/"]),
            strings(&["/sale/terms"]),
        );
        let below = (strings(&["*.example"]), strings(&["/vip"]), vec![]);
        let rooms = [&all, &sale, &below].map(|(h, p, x)| (h.as_slice(), p.as_slice(), x.as_slice()));
        let table = RoomTable::new(rooms);
        use Found::{Excluded, Protected, Unprotected};
        for (host, path, expected) in [
            ("other.test", "/", Protected(0)),
            ("other.test", "/static/app.js", Excluded(0)),
            ("other.test", "/STATIC", Excluded(0)),
            ("other.test", "/statics", Protected(0)),
            ("shop.example", "/sale", Protected(1)),
            ("shop.example", "/SALE/x", Protected(1)),
            ("shop.example", "/sale/terms/a", Excluded(1)),
            ("shop.example", "/sale/termsofuse", Protected(1)),
            ("shop.example", "/sale.json", Protected(1)),
            ("shop.example", "/Sale;jsessionid=1/x", Protected(1)),
            ("shop.example", "/sale/terms.json", Protected(1)),
            ("other.test", "/static.json", Protected(0)),
            ("shop.example", "/cart", Protected(1)),
            ("shop.example", "/sales", Protected(0)),
            ("a.b.example", "/vip", Protected(2)),
            ("example", "/vip", Protected(0)),
        ] {
            assert_eq!(table.find(host, path), expected, "{host}{path}");
        }
        let narrow = RoomTable::new(rooms[1..].iter().copied());
        assert_eq!(narrow.find("shop.example", "/about"), Unprotected(0));
        assert_eq!(narrow.find("elsewhere.test", "/sale"), Found::UnknownHost);
    }
}
