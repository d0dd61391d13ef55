//! Who is it? The client's address: the socket's peer, unless that is a trusted hop; then `X-Forwarded-For` from the
//! right; or whom a hop named before the first byte (`preface`). Pure. No other field is ever believed.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// At most this many hops are looked at, from the right.
pub const MAX_HOPS: usize = 32;

/// The networks whose word is taken for whom they forward.
#[derive(Clone, Debug, Default)]
pub struct Trusted(Vec<IpNet>);

impl Trusted {
    pub fn new(networks: Vec<IpNet>) -> Trusted {
        Trusted(networks)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = fold(address);
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub struct From {
    /// The socket's peer; where it is vouched for, the client that the peer speaks for.
    peer: IpAddr,
    /// The same, as an origin is told it with every request.
    peer_text: HeaderValue,
    pub tls: bool,
    vouched: bool,
}

impl From {
    /// `vouched`: a trusted hop said who it is before the first byte. What a field says does not count then.
    pub fn new(peer: IpAddr, tls: bool, vouched: bool) -> From {
        From {
            peer,
            peer_text: text_of(peer),
            tls,
            vouched,
        }
    }

    /// The client's address as an origin is told it.
    pub fn text_of(&self, client: IpAddr) -> HeaderValue {
        if client == self.peer {
            self.peer_text.clone()
        } else {
            text_of(client)
        }
    }

    /// The client of a request with these fields.
    pub fn client(&self, headers: &HeaderMap, trusted: &Trusted) -> IpAddr {
        if self.vouched {
            self.peer
        } else {
            client_address(self.peer, headers, trusted)
        }
    }
}

fn text_of(address: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&address.to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// The client behind `peer`. Walks from the right and stops at the first address that is not trusted, or at the last
/// good one where an entry cannot be read: what is further left was written by somebody nobody vouches for.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &Trusted) -> IpAddr {
    let mut client = fold(peer);
    if !trusted.contains(client) {
        return client;
    }
    let fields: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let entries = fields
        .iter()
        .rev()
        .flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries.take(MAX_HOPS) {
        let Some(address) = parse_entry(entry) else { break };
        client = address;
        if !trusted.contains(client) {
            break;
        }
    }
    client
}

/// The client that a peer speaks for whose word is taken: the last entry of its `X-Forwarded-For`, or who is behind that
/// where it is a trusted hop. `None`: the last entry is no address.
pub fn vouched_client(field: &[u8], trusted: &Trusted) -> Option<IpAddr> {
    let mut client = None;
    for entry in field.rsplit(|byte| *byte == b',').take(MAX_HOPS) {
        let Some(address) = parse_entry(entry) else { break };
        client = Some(address);
        if !trusted.contains(address) {
            break;
        }
    }
    client
}

/// An address, with or without a port; IPv6 may be in brackets. Names, zones and `unknown` are no addresses.
fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(fold(address));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address
            .parse::<Ipv6Addr>()
            .ok()
            .filter(|_| port_is_good)
            .map(|v6| fold(v6.into()));
    }
    let (address, port) = text.split_once(':')?;
    address.parse().ok().filter(|_| is_port(port)).map(IpAddr::V4)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// `::ffff:1.2.3.4` is 1.2.3.4.
pub fn fold(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, fields: &[&str]) -> String {
        let trusted = Trusted::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("x-forwarded-for", field.parse().unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    /// B4: what the client claims counts only when a trusted hop passes it on.
    #[test]
    fn forwarded_for_is_believed_of_trusted_peers_only() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["1.2.3.4"], "203.0.113.9"),
            ("203.0.113.9", &["10.1.1.1"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &[" 1.2.3.4 "], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2, 10.0.0.3"], "1.2.3.4"),
            ("10.0.0.1", &["1.2.3.4", "10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
            ("10.0.0.1", &["10.9.9.9, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1", &["1.2.3.4:"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4:99999"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::1]x"], "10.0.0.1"),
            ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["_hidden"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["unknown, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["1.2.3.4, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.2.3.4,"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4,,10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["\"1.2.3.4\""], "10.0.0.1"),
            ("10.0.0.1", &["for=1.2.3.4"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.04"], "10.0.0.1"),
            ("10.0.0.1", &["0x1.2.3.4"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3"], "10.0.0.1"),
            ("10.0.0.1", &["16909060"], "10.0.0.1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["1.2.3.4, ::ffff:10.0.0.2"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("::ffff:203.0.113.9", &["1.2.3.4"], "203.0.113.9"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("2001:db8::9", &["1.2.3.4"], "2001:db8::9"),
            ("10.0.0.1", &["127.0.0.1"], "127.0.0.1"),
            ("10.0.0.1", &["192.168.1.1, 127.0.0.1"], "127.0.0.1"),
            ("10.0.0.1", &["0.0.0.0"], "0.0.0.0"),
        ];
        for (peer, fields, want) in cases {
            assert_eq!(asked(peer, fields), *want, "peer {peer}, X-Forwarded-For {fields:?}");
        }
    }

    /// One past the maximum: entry 33 from the right is not looked at.
    #[test]
    fn at_most_so_many_hops_are_followed() {
        let mut hops = vec!["1.2.3.4".to_string()];
        hops.extend((0..MAX_HOPS - 1).map(|n| format!("10.0.1.{n}")));
        assert_eq!(asked("10.0.0.1", &[&hops.join(", ")]), "1.2.3.4");
        hops.push("10.0.2.1".into());
        assert_eq!(asked("10.0.0.1", &[&hops.join(", ")]), "10.0.1.0");
    }
}
