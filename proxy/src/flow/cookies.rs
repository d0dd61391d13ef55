//! The cookies between browser and edge: names, reading, setting, clearing. Pure.
//!
//! Four per room: the ticket (the place), the pass (the session), `seen` (what the visitor was last shown), and `proof`, where a
//! new place has a price.
//! A change of attributes must change the names, else browsers keep both kinds and loop: [`NAMES_VERSION`].

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

/// Bumped whenever an attribute below changes.
const NAMES_VERSION: &str = "1";
/// Most cookies of one name that are tried. A sibling domain can toss in more; the first that verifies counts (T6).
pub const MAX_SAME_NAME: usize = 8;
/// A place is kept this long in a closed browser.
pub const TICKET_LIFE: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ticket,
    Pass,
    Seen,
    /// A task, or the answer to one. The page's script writes the answer into it.
    Proof,
}

/// The names of one room's cookies. `__Host-` needs `Secure`, so plain HTTP (development) goes without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    ticket: String,
    pass: String,
    seen: String,
    proof: String,
    secure: bool,
}

impl Names {
    #[must_use]
    pub fn new(room: &str, secure: bool) -> Names {
        let prefix = if secure { "__Host-" } else { "" };
        let name = |kind: &str| format!("{prefix}stanchion{NAMES_VERSION}-{kind}-{room}");
        Names {
            ticket: name("ticket"),
            pass: name("pass"),
            seen: name("seen"),
            proof: name("proof"),
            secure,
        }
    }

    #[must_use]
    pub fn name(&self, kind: Kind) -> &str {
        match kind {
            Kind::Ticket => &self.ticket,
            Kind::Pass => &self.pass,
            Kind::Seen => &self.seen,
            Kind::Proof => &self.proof,
        }
    }

    /// What the origin must not see.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        [&self.ticket, &self.pass, &self.seen, &self.proof]
            .map(String::clone)
            .into()
    }

    /// `None` where the value could not stand in a header; ours always can.
    #[must_use]
    pub fn set(&self, kind: Kind, value: &str, life: Duration) -> Option<HeaderValue> {
        let hidden = if kind == Kind::Proof { "" } else { "; HttpOnly" };
        let line = format!("{}={value}{}{hidden}", self.name(kind), self.attributes(life));
        HeaderValue::from_str(&line).ok()
    }

    /// What comes after name and value.
    #[must_use]
    pub fn attributes(&self, life: Duration) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("; Path=/; Max-Age={}; SameSite=Lax{secure}", life.as_secs())
    }

    #[must_use]
    pub fn clear(&self, kind: Kind) -> Option<HeaderValue> {
        self.set(kind, "", Duration::ZERO)
    }
}

/// Every value of the cookie `name`, in order, over all `Cookie` fields (HTTP/2 may split them).
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|field| pairs(field.as_bytes()))
        .filter_map(move |pair| value_of(pair, name))
        .take(MAX_SAME_NAME)
}

/// What is between the semicolons.
fn pairs(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (pair, after) = match memchr::memchr(b';', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        Some(pair)
    })
}

/// The value, where the pair has this name and the value is ASCII.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a str> {
    let after_name = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
    let value = after_name.trim_ascii_start().strip_prefix(b"=")?;
    let value = std::str::from_utf8(value).ok().filter(|value| value.is_ascii())?;
    Some(unquote(value.trim_ascii()))
}

fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::COOKIE, HeaderValue::from_str(field).unwrap());
        }
        headers
    }

    #[test]
    fn secure_names_have_the_host_prefix() {
        let names = Names::new("sale", true);
        assert_eq!(names.name(Kind::Ticket), "__Host-stanchion1-ticket-sale");
        let line = names.set(Kind::Pass, "abc", Duration::from_secs(60)).unwrap();
        assert_eq!(
            line.to_str().unwrap(),
            "__Host-stanchion1-pass-sale=abc; Path=/; Max-Age=60; SameSite=Lax; Secure; HttpOnly"
        );
    }

    /// T6: cookie tossing, several fields, quotes, neighbours with similar names.
    #[test]
    fn reads_every_field_and_every_value() {
        let headers = jar(&["a=1; x=good; xx=no", "x=\"quoted\"; x=;y", "X=case"]);
        assert_eq!(values(&headers, "x").collect::<Vec<_>>(), ["good", "quoted", ""]);
        assert_eq!(values(&headers, "absent").count(), 0);
        let odd = jar(&[
            "x",
            "x =spaced",
            " x\t= tabbed ",
            ";;",
            "=x",
            "x==two",
            "xx=1;x",
            "x.=no",
        ]);
        assert_eq!(values(&odd, "x").collect::<Vec<_>>(), ["spaced", "tabbed", "=two"]);
    }

    /// A neighbour's cookie in another alphabet costs nobody their place.
    #[test]
    fn bytes_beyond_ascii_spoil_their_own_cookie_only() {
        let mut headers = HeaderMap::new();
        let field = "other=\u{e9}; x=good; x=\u{e9}; x=fine".as_bytes();
        headers.append(header::COOKIE, HeaderValue::from_bytes(field).unwrap());
        assert_eq!(values(&headers, "x").collect::<Vec<_>>(), ["good", "fine"]);
    }

    #[test]
    fn tries_no_more_than_the_maximum() {
        let many = ["x=1"; MAX_SAME_NAME + 1].join("; ");
        assert_eq!(values(&jar(&[&many]), "x").count(), MAX_SAME_NAME);
    }

    #[test]
    fn a_value_that_is_no_header_sets_nothing() {
        assert!(Names::new("sale", false).set(Kind::Seen, "a\nb", TICKET_LIFE).is_none());
    }
}
