//! What a request brings: a pass, a ticket, and what it was last shown. Read from cookies, or from headers for apps
//! without cookies. A credential that does not verify is as good as none, and never an error.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName};
use stanchion_admission::edge::agent::Seen;
use stanchion_admission::ids::Stamp;
use stanchion_admission::keys::KeyRing;
use stanchion_admission::pass::{MAX_CHARS, Pass, PassCache};
use stanchion_admission::ticket::{self, Ticket};
use stanchion_config::Bind;

use super::cookies::{self, Kind};
use super::sites::Site;

/// Apps send their ticket and pass in these, and get new ones in the same (`new` asks for a first ticket).
pub static TICKET_HEADER: HeaderName = HeaderName::from_static("stanchion-ticket");
pub static PASS_HEADER: HeaderName = HeaderName::from_static("stanchion-pass");

/// What verified.
#[derive(Default)]
pub struct Credentials {
    pub pass: Option<(String, Arc<Pass>)>,
    pub ticket: Option<(String, Ticket)>,
    /// A ticket was brought, but none that verifies.
    pub broken_ticket: bool,
    pub seen: Option<Seen>,
    /// The client speaks in headers: answer it there, too.
    pub by_header: bool,
}

/// What reading needs besides the request.
pub struct Reader<'a> {
    pub keys: &'a KeyRing,
    pub passes: &'a PassCache,
    pub now: Stamp,
}

impl Reader<'_> {
    #[must_use]
    pub fn read(&self, site: &Site, headers: &HeaderMap, client: IpAddr, tls: bool) -> Credentials {
        let names = site.names(tls);
        let bare = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let brought_pass = bare(&PASS_HEADER)
            .into_iter()
            .chain(cookies::values(headers, names.name(Kind::Pass)));
        let brought_ticket = bare(&TICKET_HEADER)
            .into_iter()
            .chain(cookies::values(headers, names.name(Kind::Ticket)));
        let seen = cookies::values(headers, names.name(Kind::Seen)).find_map(Seen::parse);
        let by_header = headers.contains_key(&TICKET_HEADER);
        let mut found = Credentials {
            seen,
            by_header,
            ..Credentials::default()
        };
        found.pass = brought_pass
            .filter(|text| !text.is_empty())
            .find_map(|text| self.pass(site, text));
        if found.pass.is_none() {
            for text in brought_ticket.filter(|text| !text.is_empty() && *text != "new") {
                found.ticket = self.ticket(site, text, client);
                found.broken_ticket = found.ticket.is_none();
                if found.ticket.is_some() {
                    break;
                }
            }
        }
        found
    }

    fn pass(&self, site: &Site, text: &str) -> Option<(String, Arc<Pass>)> {
        let pass = self.passes.verify(self.keys, &site.name, text, self.now).ok()?;
        Some((text.to_owned(), pass))
    }

    fn ticket(&self, site: &Site, text: &str, client: IpAddr) -> Option<(String, Ticket)> {
        let ticket = ticket::open(self.keys, &site.name, text).ok()?;
        let bound_here = binding(self.keys, site.bind, client);
        (bound_here.is_none() || ticket.binding == bound_here).then(|| (text.to_owned(), ticket))
    }
}

/// The room that a pass claims to be for, unverified: only where to look.
#[must_use]
pub fn room_named_in(pass: &str) -> Option<String> {
    let claims = pass.split('.').nth(1).filter(|_| pass.len() <= MAX_CHARS)?;
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims["aud"].as_str().map(str::to_owned)
}

/// What a new ticket is bound to.
#[must_use]
pub fn binding(keys: &KeyRing, bind: Bind, client: IpAddr) -> Option<[u8; 16]> {
    match bind {
        Bind::None => None,
        Bind::Network => Some(keys.binding(&network(client))),
    }
}

/// The IPv4 /24 or IPv6 /48 of an address; an IPv4 address in IPv6 form counts as IPv4.
pub(super) fn network(client: IpAddr) -> Vec<u8> {
    match client.to_canonical() {
        IpAddr::V4(v4) => v4.octets()[..3].to_vec(),
        IpAddr::V6(v6) => v6.octets()[..6].to_vec(),
    }
}
