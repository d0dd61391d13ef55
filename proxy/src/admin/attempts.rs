//! Wrong tokens are counted per network, and a network that guesses is shut out for a while (A2). Pure: the clock is
//! an argument. Bounded: a flood of networks cannot grow it.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Wrong tokens that one network may send in [`WINDOW`].
pub const MAX_WRONG: usize = 5;
pub const WINDOW: Duration = Duration::from_secs(60);
/// Networks remembered at a time. Beyond it newly wrong ones are refused without being remembered.
pub const MAX_NETWORKS: usize = 4_096;

/// IPv4 /24 or IPv6 /64: what one attacker commands cheaply. Mapped addresses count as IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network(IpAddr);

impl Network {
    #[must_use]
    pub fn of(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !0u128 << 64)),
        })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who guessed wrong lately. Times are monotonic, since any fixed moment.
#[derive(Debug, Default)]
pub struct Attempts {
    wrong: HashMap<Network, VecDeque<Duration>>,
}

impl Attempts {
    /// How long this network is shut out yet; `None`: it may try.
    pub fn shut_out(&mut self, network: Network, now: Duration) -> Option<Duration> {
        let times = self.wrong.get_mut(&network)?;
        drop_old(times, now);
        if times.len() < MAX_WRONG {
            return None;
        }
        times.front().map(|oldest| (*oldest + WINDOW).saturating_sub(now))
    }

    /// Remembers a wrong token.
    pub fn note_wrong(&mut self, network: Network, now: Duration) {
        if self.wrong.len() >= MAX_NETWORKS && !self.wrong.contains_key(&network) {
            self.wrong.retain(|_, times| {
                drop_old(times, now);
                !times.is_empty()
            });
            if self.wrong.len() >= MAX_NETWORKS {
                return;
            }
        }
        let times = self.wrong.entry(network).or_default();
        drop_old(times, now);
        if times.len() < MAX_WRONG {
            times.push_back(now);
        }
    }
}

fn drop_old(times: &mut VecDeque<Duration>, now: Duration) {
    while times
        .front()
        .is_some_and(|oldest| now.saturating_sub(*oldest) >= WINDOW)
    {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn networks_of_addresses() {
        assert_eq!(network("192.0.2.7"), network("192.0.2.200"));
        assert_eq!(network("192.0.2.7"), network("::ffff:192.0.2.9"));
        assert_ne!(network("192.0.2.7"), network("192.0.3.7"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("2001:db8:1:2:3::4").to_string(), "2001:db8:1:2::");
    }

    /// A2: five wrong tokens a minute and network, then nothing is looked at until the oldest is a minute old.
    #[test]
    fn a2_five_a_minute() {
        let mut attempts = Attempts::default();
        let (bad, good) = (network("192.0.2.7"), network("198.51.100.7"));
        for second in 0..5 {
            assert_eq!(attempts.shut_out(bad, at(second)), None, "try {second}");
            attempts.note_wrong(bad, at(second));
        }
        assert_eq!(attempts.shut_out(bad, at(5)), Some(at(55)));
        assert_eq!(attempts.shut_out(good, at(5)), None, "others are not");
        assert_eq!(attempts.shut_out(bad, at(60)), None, "the oldest is a minute old");
        attempts.note_wrong(bad, at(60));
        assert_eq!(attempts.shut_out(bad, at(60)), Some(at(1)));
    }

    #[test]
    fn one_network_past_the_bound() {
        let mut attempts = Attempts::default();
        for number in 0..=MAX_NETWORKS as u32 {
            attempts.note_wrong(Network::of(IpAddr::V4(Ipv4Addr::from_bits(number << 8))), at(0));
        }
        assert_eq!(attempts.wrong.len(), MAX_NETWORKS);
        attempts.note_wrong(network("203.0.113.1"), at(61));
        assert_eq!(attempts.wrong.len(), 1, "what is over is dropped first");
    }
}
