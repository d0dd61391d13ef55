//! A list of address prefixes, read from text, asked for the longest that holds an address.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::prefix::{fold, v4_prefix, v6_prefix};

/// Largest list.
pub const MAX_LIST_BYTES: usize = 64 << 20;
/// Most prefixes of a list.
pub const MAX_PREFIXES: usize = 1_000_000;
/// Most bad lines told at once.
const MAX_BAD_LINES: usize = 20;

/// Prefixes, found by their length: one look-up for each length that occurs, at most 33 or 129.
#[derive(Clone, Debug, Default)]
pub struct PrefixSet {
    // The default hasher is keyed: lists come from strangers.
    nets: HashSet<IpNet>,
    /// Lengths that occur, longest first.
    v4_lengths: Vec<u8>,
    v6_lengths: Vec<u8>,
}

/// A line that is not a prefix; line 0 is the list as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub line: usize,
    pub why: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

impl PrefixSet {
    /// Reads one prefix or address a line; `#` and `;` begin a comment. All or nothing.
    ///
    /// # Errors
    /// The first bad lines, or that the list is too large.
    pub fn parse(text: &str) -> Result<PrefixSet, Vec<BadLine>> {
        if text.len() > MAX_LIST_BYTES {
            return Err(vec![BadLine {
                line: 0,
                why: format!("the list has more than {MAX_LIST_BYTES} bytes"),
            }]);
        }
        let (mut set, mut bad) = (PrefixSet::default(), Vec::new());
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let entry = line.split(['#', ';']).next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            match parse_entry(entry) {
                Ok(net) => set.insert(net),
                Err(why) => bad.push(BadLine { line: index + 1, why }),
            }
            if set.len() > MAX_PREFIXES {
                return Err(vec![BadLine {
                    line: 0,
                    why: format!("the list has more than {MAX_PREFIXES} prefixes"),
                }]);
            }
            if bad.len() >= MAX_BAD_LINES {
                break;
            }
        }
        if bad.is_empty() { Ok(set) } else { Err(bad) }
    }

    /// Adds a prefix; bits beyond its length do not count.
    pub fn insert(&mut self, net: IpNet) {
        let net = net.trunc();
        let lengths = if matches!(net, IpNet::V4(_)) {
            &mut self.v4_lengths
        } else {
            &mut self.v6_lengths
        };
        if let Err(at) = lengths.binary_search_by(|length| net.prefix_len().cmp(length)) {
            lengths.insert(at, net.prefix_len());
        }
        self.nets.insert(net);
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.longest(address).is_some()
    }

    /// The longest prefix that holds the address.
    #[must_use]
    pub fn longest(&self, address: IpAddr) -> Option<IpNet> {
        let lengths = |found: IpAddr| {
            if found.is_ipv4() {
                &self.v4_lengths
            } else {
                &self.v6_lengths
            }
        };
        let address = fold(address);
        let around = |bits: &u8| match address {
            IpAddr::V4(v4) => IpNet::V4(v4_prefix(v4, *bits)),
            IpAddr::V6(v6) => IpNet::V6(v6_prefix(v6, *bits)),
        };
        lengths(address).iter().map(around).find(|net| self.nets.contains(net))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.nets.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nets.is_empty()
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> PrefixSet {
        let mut set = PrefixSet::default();
        nets.into_iter().for_each(|net| set.insert(net));
        set
    }
}

/// A prefix without stray bits, or an address. An IPv4 prefix written in IPv6 is the IPv4 prefix.
fn parse_entry(entry: &str) -> Result<IpNet, String> {
    let shown: String = entry.chars().filter(|c| !c.is_control()).take(60).collect();
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(IpNet::from(fold(address)));
    }
    let net: IpNet = entry
        .parse()
        .map_err(|_| format!("\"{shown}\" is not an address prefix"))?;
    if net.trunc() != net {
        return Err(format!(
            "\"{shown}\" has bits outside its prefix; was {} meant?",
            net.trunc()
        ));
    }
    match (fold(net.addr()), net.prefix_len()) {
        (IpAddr::V4(v4), bits @ 96..) if matches!(net, IpNet::V6(_)) => Ok(IpNet::V4(v4_prefix(v4, bits - 96))),
        _ => Ok(net),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_lists_with_comments() {
        let text =
            "\u{feff}# proxies\r\n10.0.0.0/8 ; internal\n\n  192.0.2.7 # one\n2001:db8::/32\n::ffff:198.51.100.0/120\n";
        let set = PrefixSet::parse(text).unwrap();
        assert_eq!(set.len(), 4);
        for (address, expected) in [
            ("10.1.2.3", Some("10.0.0.0/8")),
            ("::ffff:10.1.2.3", Some("10.0.0.0/8")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("192.0.2.8", None),
            ("2001:db8:5::1", Some("2001:db8::/32")),
            ("2001:db9::1", None),
            ("198.51.100.200", Some("198.51.100.0/24")),
        ] {
            let found = set.longest(address.parse().unwrap()).map(|net| net.to_string());
            assert_eq!(found.as_deref(), expected, "{address}");
        }
    }

    /// F16: a bad list is refused as a whole, with the lines that are wrong.
    #[test]
    fn refuses_bad_lists() {
        let bad = PrefixSet::parse("10.0.0.0/8\n10.0.0.1/8\nproxy.internal\n1.2.3.4/33\n<html>\n").unwrap_err();
        let told: Vec<String> = bad.iter().map(BadLine::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2: \"10.0.0.1/8\" has bits outside its prefix; was 10.0.0.0/8 meant?",
                "line 3: \"proxy.internal\" is not an address prefix",
                "line 4: \"1.2.3.4/33\" is not an address prefix",
                "line 5: \"<html>\" is not an address prefix",
            ]
        );
        assert_eq!(PrefixSet::parse(&"x\n".repeat(500)).unwrap_err().len(), MAX_BAD_LINES);
        let over = PrefixSet::parse(&" ".repeat(MAX_LIST_BYTES + 1)).unwrap_err();
        assert!(over[0].why.contains("bytes"), "{}", over[0]);
        let many: String = (0..=MAX_PREFIXES as u32)
            .map(|n| format!("{}\n", std::net::Ipv4Addr::from_bits(n)))
            .collect();
        let over = PrefixSet::parse(&many).unwrap_err();
        assert!(over[0].why.contains("prefixes"), "{}", over[0]);
    }

    fn net() -> impl Strategy<Value = IpNet> {
        let v4 =
            (any::<u32>(), 0..=32_u8).prop_map(|(bits, len)| IpNet::V4(v4_prefix((bits & 0xff00_ffff).into(), len)));
        let v6 =
            (any::<u128>(), 0..=128_u8).prop_map(|(bits, len)| IpNet::V6(v6_prefix((bits | 1 << 127).into(), len)));
        prop_oneof![v4, v6]
    }

    proptest! {
        /// The set finds what a look at every prefix finds.
        #[test]
        fn longest_match_is_the_longest(nets in prop::collection::vec(net(), 0..40), near in any::<prop::sample::Index>(), host: u32) {
            let set: PrefixSet = nets.iter().copied().collect();
            let address = match nets.get(near.index(nets.len().max(1))) {
                Some(IpNet::V4(net)) => IpAddr::V4((u32::from(net.network()) | (host & u32::from(net.hostmask()))).into()),
                Some(IpNet::V6(net)) => IpAddr::V6((u128::from(net.network()) | (u128::from(host) & u128::from(net.hostmask()))).into()),
                None => IpAddr::V4(host.into()),
            };
            let expected = nets.iter().filter(|net| net.contains(&address)).max_by_key(|net| net.prefix_len()).copied();
            prop_assert_eq!(set.longest(address), expected);
        }

        #[test]
        fn any_text_gets_an_answer(text in "([0-9a-f:./#;\\n ]|\\PC){0,300}") {
            let _ = PrefixSet::parse(&text);
        }
    }
}
