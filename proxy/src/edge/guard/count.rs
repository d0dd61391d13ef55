//! How many connections there are, in all and per network prefix. Knows addresses; keeps an entry only while a
//! connection of that prefix is open, so the map is never larger than the cap on connections.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// The network a visitor comes from: an IPv4 /24 or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(Ipv6Addr);

impl Prefix {
    pub fn of(address: IpAddr) -> Prefix {
        Prefix(match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                std::net::Ipv4Addr::new(a, b, c, 0).to_ipv6_mapped()
            }
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)),
        })
    }
}

/// Counts open connections.
#[derive(Debug, Default)]
pub struct Counter {
    all: AtomicUsize,
    prefixes: Mutex<HashMap<Prefix, usize>>,
}

/// Why a connection was refused at accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Everywhere,
    Prefix,
}

impl Counter {
    pub fn open(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// A seat for a connection; given back when it is dropped. `per_prefix` is `None` for trusted hops, which speak
    /// for many.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, overall: usize, per_prefix: Option<usize>) -> Result<Seat, Full> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= overall {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Everywhere);
        }
        let mut seat = Seat {
            counter: self.clone(),
            prefix: None,
        };
        if let Some(max) = per_prefix {
            let prefix = Prefix::of(peer);
            let mut prefixes = self.prefixes.lock();
            let open = prefixes.entry(prefix).or_default();
            if *open >= max {
                drop(prefixes);
                return Err(Full::Prefix);
            }
            *open += 1;
            seat.prefix = Some(prefix);
        }
        Ok(seat)
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Seat {
    counter: Arc<Counter>,
    prefix: Option<Prefix>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counter.all.fetch_sub(1, Ordering::Relaxed);
        let Some(prefix) = self.prefix else { return };
        let mut prefixes = self.counter.prefixes.lock();
        if let Entry::Occupied(mut open) = prefixes.entry(prefix) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H11: one past each cap is refused; a closed connection makes room; nothing is left behind.
    #[test]
    fn seats_are_bounded_and_given_back() {
        let counter = Arc::new(Counter::default());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = counter.admit(ip("192.0.2.1"), 4, Some(2)).unwrap();
        let _second = counter.admit(ip("::ffff:192.0.2.200"), 4, Some(2)).unwrap();
        assert_eq!(counter.admit(ip("192.0.2.3"), 4, Some(2)).unwrap_err(), Full::Prefix);
        assert_eq!(counter.open(), 2, "a refusal holds no seat");
        drop(first);
        let _third = counter.admit(ip("192.0.2.3"), 4, Some(2)).unwrap();
        let _other = counter.admit(ip("192.0.3.3"), 4, Some(2)).unwrap();
        let trusted = counter.admit(ip("192.0.2.4"), 4, None).unwrap();
        assert_eq!(
            counter.admit(ip("198.51.100.1"), 4, Some(2)).unwrap_err(),
            Full::Everywhere
        );
        drop((trusted, _second, _third, _other));
        assert_eq!((counter.open(), counter.prefixes.lock().len()), (0, 0));
    }

    #[test]
    fn prefixes_fold_neighbours_together() {
        let of = |text: &str| Prefix::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
    }
}
