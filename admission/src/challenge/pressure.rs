//! Who is asked for a price, and for how much: new places are counted by network, and the price rises with them. A
//! price, never a wall: whoever pays gets in, however many share the network.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use super::{MAX_TRIES, Price};
use crate::limits::{Algorithm, Ask, Capacity, Limiter};

/// New places are counted over this long.
const WINDOW: Duration = Duration::from_secs(600);
/// The price of the first place that has one.
const FIRST_TRIES: u32 = 128;
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
const MAX_PATIENCE: Duration = Duration::from_secs(60);
/// Counting alone: nobody is refused by it.
const WITHOUT_END: u32 = u32::MAX;
/// Networks that are remembered; others are counted together.
const NETWORKS: Capacity = Capacity(65_536);

const PLACES: usize = 0;
const WAITERS: usize = 1;

/// What a room asks of newcomers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PressureRules {
    /// Places that a network is given within ten minutes before a price is asked; 0: always.
    pub free: u32,
    /// Places a minute that a network can have by waiting instead of working.
    pub waiters_per_minute: u32,
}

/// What is asked of one newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Demand {
    Nothing,
    Pay(Price),
}

/// Counts of one room at one edge.
pub struct Pressure {
    rules: PressureRules,
    counts: Arc<Limiter>,
}

impl Pressure {
    #[must_use]
    pub fn new(rules: PressureRules, hasher: RandomState) -> Pressure {
        let window_us = |window: Duration| u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let places = Algorithm::SlidingWindow {
            count: WITHOUT_END,
            window_us: window_us(WINDOW),
        };
        let waiters = Algorithm::TokenBucket {
            count: rules.waiters_per_minute.max(1),
            window_us: window_us(Duration::from_secs(60)),
        };
        let counts = Limiter::new([(places, false), (waiters, false)], NETWORKS, hasher);
        Pressure {
            rules,
            counts: Arc::new(counts),
        }
    }

    #[must_use]
    pub fn rules(&self) -> PressureRules {
        self.rules
    }

    /// What a newcomer from this network is asked for now.
    #[must_use]
    pub fn demand(&self, network: &[u8], now_us: u64) -> Demand {
        let given = self.count(PLACES, network, 0, now_us);
        match given.checked_sub(self.rules.free) {
            None => Demand::Nothing,
            Some(beyond) => Demand::Pay(price(beyond, self.rules.free)),
        }
    }

    /// A place was given to somebody of this network.
    pub fn place_given(&self, network: &[u8], now_us: u64) {
        self.count(PLACES, network, 1, now_us);
    }

    /// Whether one more of this network may come in by having waited; with `take` they do.
    #[must_use]
    pub fn waiter_may_pass(&self, network: &[u8], now_us: u64, take: bool) -> bool {
        let verdict = self
            .counts
            .decide(&[self.ask(WAITERS, network, u32::from(take))], now_us);
        let left = verdict.findings.first().map_or(0, |finding| finding.remaining);
        verdict.refused_by.is_none() && (take || left > 0)
    }

    fn ask(&self, rule: usize, network: &[u8], cost: u32) -> Ask {
        let key = self.counts.key(network);
        Ask { rule, key, cost }
    }

    /// So many with this one.
    fn count(&self, rule: usize, network: &[u8], cost: u32, now_us: u64) -> u32 {
        let verdict = self.counts.decide(&[self.ask(rule, network, cost)], now_us);
        let left = verdict
            .findings
            .first()
            .map_or(WITHOUT_END, |finding| finding.remaining);
        WITHOUT_END - left
    }
}

/// Doubles each time the network has had as many places again as it had for nothing.
fn price(beyond: u32, free: u32) -> Price {
    let times = 1 + beyond / free.max(30);
    let patience = FIRST_PATIENCE.saturating_mul(times).min(MAX_PATIENCE);
    let doublings = times.saturating_sub(1).min(16);
    Price {
        tries: FIRST_TRIES.saturating_mul(1 << doublings).min(MAX_TRIES),
        patience,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_US: u64 = 60_000_000;

    fn pressure(free: u32) -> Pressure {
        let rules = PressureRules {
            free,
            waiters_per_minute: 6,
        };
        Pressure::new(rules, RandomState::new())
    }

    /// B1: the price rises with what one network takes, stays payable, and falls again; its neighbours pay nothing.
    #[test]
    fn b1_the_price_rises_with_the_places_of_a_network() {
        let pressure = pressure(30);
        let (one, other) = (b"\x0a\x00\x00".as_slice(), b"\x0a\x00\x01".as_slice());
        let mut prices = Vec::new();
        for _ in 0..1_000 {
            prices.push(match pressure.demand(one, MINUTE_US) {
                Demand::Nothing => 0,
                Demand::Pay(price) => {
                    assert!(price.patience <= MAX_PATIENCE && price.tries <= MAX_TRIES);
                    price.tries
                }
            });
            pressure.place_given(one, MINUTE_US);
        }
        assert_eq!(prices.iter().filter(|tries| **tries == 0).count(), 30);
        assert_eq!(
            (prices[30], prices[60], prices[999]),
            (FIRST_TRIES, 2 * FIRST_TRIES, MAX_TRIES)
        );
        assert!(prices.is_sorted());
        assert_eq!(pressure.demand(other, MINUTE_US), Demand::Nothing);
        assert_eq!(pressure.demand(one, 13 * MINUTE_US), Demand::Nothing);
    }

    #[test]
    fn without_free_places_everybody_pays() {
        assert!(matches!(pressure(0).demand(b"x", 0), Demand::Pay(_)));
    }

    #[test]
    fn so_many_may_wait_instead() {
        let pressure = pressure(0);
        let passed = (0..20)
            .filter(|_| pressure.waiter_may_pass(b"a", MINUTE_US, true))
            .count();
        assert_eq!(passed, 6);
        assert!(pressure.waiter_may_pass(b"b", MINUTE_US, false));
        assert!(
            pressure.waiter_may_pass(b"a", MINUTE_US + 10_000_000, true),
            "one more every ten seconds"
        );
        assert!(!pressure.waiter_may_pass(b"a", MINUTE_US + 10_000_000, true));
    }
}
