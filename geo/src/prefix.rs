//! Addresses and the prefixes that stand for whoever may hold them (THREATS Client IP, B7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How much around an address counts as one: a household, a site, a provider's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// IPv4 /32, IPv6 /64: one line, in IPv6 always one network.
    Line,
    /// IPv4 /32, IPv6 /56: what a household is usually given.
    Household,
    /// IPv4 /24, IPv6 /48: a site, or neighbours.
    Site,
}

impl Tier {
    #[must_use]
    pub fn v4_bits(self) -> u8 {
        match self {
            Tier::Line | Tier::Household => 32,
            Tier::Site => 24,
        }
    }

    #[must_use]
    pub fn v6_bits(self) -> u8 {
        match self {
            Tier::Line => 64,
            Tier::Household => 56,
            Tier::Site => 48,
        }
    }
}

/// The address itself: an IPv4 address written in IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
#[must_use]
pub fn fold(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The prefix of an address: one key for everybody within it.
#[must_use]
pub fn prefix(address: IpAddr, tier: Tier) -> IpNet {
    match fold(address) {
        IpAddr::V4(v4) => IpNet::V4(v4_prefix(v4, tier.v4_bits())),
        IpAddr::V6(v6) => IpNet::V6(v6_prefix(v6, tier.v6_bits())),
    }
}

/// The first `bits` of an address; all of them where there are fewer.
pub(crate) fn v4_prefix(address: Ipv4Addr, bits: u8) -> Ipv4Net {
    let net = Ipv4Net::new(address, bits.min(32)).unwrap_or_else(|_| Ipv4Net::from(address));
    net.trunc()
}

/// The first `bits` of an address; all of them where there are fewer.
pub(crate) fn v6_prefix(address: Ipv6Addr, bits: u8) -> Ipv6Net {
    let net = Ipv6Net::new(address, bits.min(128)).unwrap_or_else(|_| Ipv6Net::from(address));
    net.trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B7: however an address is written, its key is one.
    #[test]
    fn keys_of_addresses() {
        for (address, line, household, site) in [
            ("192.0.2.77", "192.0.2.77/32", "192.0.2.77/32", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.77/32", "192.0.2.77/32", "192.0.2.0/24"),
            (
                "2001:db8:1:2fe:5::9",
                "2001:db8:1:2fe::/64",
                "2001:db8:1:200::/56",
                "2001:db8:1::/48",
            ),
            ("::1", "::/64", "::/56", "::/48"),
            // Compatible addresses (::192.0.2.77) are obsolete and are not IPv4.
            ("::192.0.2.77", "::/64", "::/56", "::/48"),
            (
                "255.255.255.255",
                "255.255.255.255/32",
                "255.255.255.255/32",
                "255.255.255.0/24",
            ),
        ] {
            let key = |tier| prefix(address.parse().unwrap(), tier).to_string();
            assert_eq!(
                [key(Tier::Line), key(Tier::Household), key(Tier::Site)],
                [line, household, site],
                "{address}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn a_prefix_holds_its_address_and_is_its_own_prefix(bits in proptest::prelude::any::<u128>(), v4: bool) {
            let address =
                if v4 { IpAddr::V4(Ipv4Addr::from_bits(bits as u32)) } else { IpAddr::V6(Ipv6Addr::from_bits(bits)) };
            for tier in [Tier::Line, Tier::Household, Tier::Site] {
                let net = prefix(address, tier);
                proptest::prop_assert!(net.contains(&fold(address)));
                proptest::prop_assert_eq!(prefix(net.addr(), tier), net);
            }
            proptest::prop_assert!(prefix(address, Tier::Site).contains(&prefix(address, Tier::Line)));
        }
    }
}
