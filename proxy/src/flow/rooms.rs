//! Which room a request belongs to. Pure: built from the configuration, asked with the canonical host and path.
//!
//! A path prefix covers whole segments (`/sale` covers `/sale` and `/sale/x`, not `/sales`) and ignores ASCII case: an
//! origin that ignores case must not be reached around the room (H8). For the same reason a protected prefix also covers
//! what many origins route to it: parameters in any segment (`/sale;x=1/y`; servlet containers cut them off), dots and
//! blanks at a segment's end (`/sale./y`, `/sale%20`; Windows drops them), an extension (`/sale.json`). An excluded prefix
//! covers nothing of that. docs/HTTP.md says the same to operators.

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

/// `prefix` in lower case, without a trailing slash.
pub(super) fn covers(prefix: &str, path: &str, protects: bool) -> bool {
    covers_as_written(prefix, path) || (protects && is_ambiguous(path) && covers_as_read(prefix, path))
}

fn covers_as_written(prefix: &str, path: &str) -> bool {
    let Some((start, rest)) = path.as_bytes().split_at_checked(prefix.len()) else {
        return false;
    };
    matches!(rest.first(), None | Some(b'/')) && start.eq_ignore_ascii_case(prefix.as_bytes())
}

/// Some origin might read another path in it.
fn is_ambiguous(path: &str) -> bool {
    path.bytes().any(|byte| matches!(byte, b';' | b'.' | b'%'))
}

/// Segment by segment, as an origin might read them.
fn covers_as_read(prefix: &str, path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    let mut wanted = prefix.split('/').skip(1).peekable();
    while let Some(want) = wanted.next() {
        let Some(segment) = segments.next() else {
            return false;
        };
        let bare = bare(segment);
        let last = wanted.peek().is_none();
        let same = segment.eq_ignore_ascii_case(want) || bare.eq_ignore_ascii_case(want);
        let fits = same || (last && is_with_extension(bare, want));
        if !fits {
            return false;
        }
    }
    true
}

/// Without parameters, and without dots and blanks at the end.
fn bare(segment: &str) -> &str {
    let end = segment.find(';').unwrap_or(segment.len());
    let end = segment.find("%3B").map_or(end, |escaped| escaped.min(end));
    let mut bare = &segment[..end];
    while let Some(shorter) = bare.strip_suffix('.').or_else(|| bare.strip_suffix("%20")) {
        bare = shorter;
    }
    bare
}

fn is_with_extension(segment: &str, name: &str) -> bool {
    let (segment, name) = (segment.as_bytes(), name.as_bytes());
    segment.get(name.len()) == Some(&b'.') && segment[..name.len()].eq_ignore_ascii_case(name)
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

    /// H8: what an origin may take for `/api/v1/buy` is in its room; what it lets through without a pass is not widened.
    #[test]
    fn h8_no_way_around_a_room() {
        let api = (
            strings(&["*"]),
            strings(&["/api/v1/buy"]),
            strings(&["/api/v1/buy/terms"]),
        );
        let other = (strings(&["*"]), strings(&["/api"]), vec![]);
        let rooms = [&api, &other].map(|(h, p, x)| (h.as_slice(), p.as_slice(), x.as_slice()));
        let table = RoomTable::new(rooms);
        use Found::{Excluded, Protected, Unprotected};
        for (path, expected) in [
            ("/api/v1/buy", Protected(0)),
            ("/api/v1/buy/", Protected(0)),
            ("/API/V1/Buy/now", Protected(0)),
            ("/api;a/v1/buy", Protected(0)),
            ("/api;a=b;c/v1;d/buy;jsessionid=1/now", Protected(0)),
            ("/api/v1;/buy", Protected(0)),
            ("/Api;A/V1/BUY;b", Protected(0)),
            ("/api%3Ba/v1/buy", Protected(0)),
            ("/api/v1/buy%3Bx", Protected(0)),
            ("/api./v1/buy", Protected(0)),
            ("/api/v1%20/buy", Protected(0)),
            ("/api/v1/buy%20", Protected(0)),
            ("/api/v1/buy.", Protected(0)),
            ("/api/v1/buy.%20.", Protected(0)),
            ("/api/v1/buy.json", Protected(0)),
            ("/api/v1/Buy.json;a/now", Protected(0)),
            ("/api;x./v1.;y/buy", Protected(0)),
            ("/api.json/v1/buy", Protected(1)),
            ("/api/v1.json/buy", Protected(1)),
            ("/api/v1/buys", Protected(1)),
            ("/api/v1/buys;a", Protected(1)),
            ("/api/v1/bu.y", Protected(1)),
            ("/api/v1;a", Protected(1)),
            ("/api%20", Protected(1)),
            ("/apis;a", Unprotected(0)),
            ("/a%20pi", Unprotected(0)),
            ("/x;/api", Unprotected(0)),
            ("/api/v1/buy/terms", Excluded(0)),
            ("/api/v1/buy/Terms/a;b.c", Excluded(0)),
            ("/api/v1/buy/terms;a", Protected(0)),
            ("/api/v1/buy/terms.", Protected(0)),
            ("/api/v1/buy/terms%20", Protected(0)),
            ("/api/v1;a/buy/terms", Protected(0)),
        ] {
            assert_eq!(table.find("shop.example", path), expected, "{path}");
        }
    }
}
