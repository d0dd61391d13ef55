//! How long, honestly: the wait as a range, and when to come again. Arithmetic on what a snapshot says; knows
//! nothing of stores, HTTP or clocks.

use std::time::Duration;

use crate::ids::VisitorId;
use crate::policy::RoomPolicy;
use crate::rate::Rate;
use crate::room::bounds;

/// A fresh ticket comes back this soon: its second contact is what puts it into the index.
pub const FRESH_POLL: Duration = Duration::from_secs(1);
/// Somebody who could not be told their place yet comes back this soon while it settles, and this soon once it has: the
/// next snapshot knows it.
const SETTLING_POLL: Duration = Duration::from_secs(2);
const SETTLED_POLL: Duration = Duration::from_secs(1);
/// A place older than this that still cannot be told has another reason; it polls like any other.
const UNTOLD_FOR: Duration = Duration::from_secs(5);
/// The share of the low wait that a poll may take, before jitter. With jitter at most 0.48.
const POLL_SHARE: f64 = 0.4;
const JITTER: f64 = 0.2;
/// More people than measured may leave before their turn.
const LEAVERS_MARGIN: f64 = 0.2;
const MAX_LEAVERS: f64 = 0.9;
/// The pace may turn out slower than measured.
const SLOWER: f64 = 1.2;
/// Nothing longer than this is promised or slept: ten days.
const MAX_SECONDS: f64 = 864_000.0;
/// How fast a line moves, as far as is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pace {
    /// In force, visitors per second.
    pub rate_per_s: f64,
    /// Measured while people were waiting and admission was on.
    pub recent_per_s: Option<f64>,
    /// Of those whose turn came, the share that had left. 0 to 1.
    pub left_share: f64,
    /// Capacity is used up: the line moves as visitors leave, not at the rate.
    pub full: bool,
}

/// Whole seconds. The truth should lie within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitRange {
    pub low_s: u64,
    pub high_s: u64,
}

impl Pace {
    /// The fastest the line can be thought to move, visitors per second; always above zero.
    fn fast_per_s(&self) -> f64 {
        let measured = self.recent_per_s.unwrap_or(0.0);
        let fast = if self.full && measured > 0.0 {
            measured
        } else {
            self.rate_per_s.max(measured)
        };
        fast.max(f64::MIN_POSITIVE)
    }

    /// The slowest. `None` where the room is full and nobody was seen to leave: nothing honest can be said.
    fn slow_per_s(&self) -> Option<f64> {
        match self.recent_per_s {
            Some(measured) if measured > 0.0 => Some(self.rate_per_s.min(measured)),
            _ if self.full => None,
            _ => Some(self.rate_per_s),
        }
    }

    /// The shortest time, in seconds, until a place with `ahead` before it could be admitted.
    fn low_s(&self, ahead: u64) -> f64 {
        let staying = 1.0 - (self.left_share.clamp(0.0, 1.0) + LEAVERS_MARGIN).min(MAX_LEAVERS);
        (ahead as f64 * staying / self.fast_per_s()).min(MAX_SECONDS)
    }
}

/// The wait of a place with `ahead` before it, once the doors are open.
#[must_use]
pub fn range(ahead: u64, pace: &Pace, near_poll: Duration) -> Option<WaitRange> {
    let slow = pace.slow_per_s()?;
    // In a full room whoever is next waits for somebody to leave, too.
    let turns = if pace.full { ahead + 1 } else { ahead };
    let high = turns as f64 / slow * SLOWER + near_poll.as_secs_f64();
    Some(WaitRange {
        low_s: whole_seconds(pace.low_s(ahead)),
        high_s: whole_seconds(high.min(MAX_SECONDS)),
    })
}

/// When somebody polls.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PollRule {
    pub near_poll: Duration,
    pub max_poll: Duration,
    /// How many times faster than the pace the head may reach them because those ahead are absent. At least 1.
    pub horizon_factor: f64,
}

/// The poll of a place with `ahead` before it, `opens_in` before the doors open. Before jitter.
#[must_use]
pub fn poll(ahead: u64, pace: &Pace, rule: &PollRule, opens_in: Duration) -> Duration {
    let to_head_s = opens_in.as_secs_f64() + pace.low_s(ahead) / rule.horizon_factor.max(1.0);
    let share = Duration::from_secs_f64((POLL_SHARE * to_head_s).min(MAX_SECONDS));
    share.min(rule.max_poll).max(rule.near_poll)
}

/// The poll of a place of this age that was told no position yet, at most. Before jitter.
#[must_use]
pub fn untold_poll(age: Duration) -> Option<Duration> {
    let settling = age < Duration::from_micros(bounds::SETTLE_US);
    let poll = if settling { SETTLING_POLL } else { SETTLED_POLL };
    (age < UNTOLD_FOR).then_some(poll)
}

/// Spreads polls by ±20 %, from the visitor and a number that changes from poll to poll.
#[must_use]
pub fn jittered(poll: Duration, visitor: VisitorId, count: u64) -> Duration {
    let unit = (hash(visitor, count) >> 11) as f64 / (1u64 << 53) as f64;
    poll.mul_f64(1.0 - JITTER + 2.0 * JITTER * unit)
}

/// The horizon factor in force, read back from the rank at which the horizon stands.
#[must_use]
pub fn horizon_factor(horizon_rank: u64, rate: Rate, policy: &RoomPolicy) -> f64 {
    let base = bounds::horizon_base(policy, rate).max(1);
    (horizon_rank as f64 / base as f64).max(1.0)
}

fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil() as u64
}

/// Mixes 128 random bits with a counter (the finaliser of SplitMix64). Spreading only, not for secrets.
fn hash(visitor: VisitorId, count: u64) -> u64 {
    let bits = u128::from_be_bytes(visitor.0);
    let mut z = (bits as u64) ^ ((bits >> 64) as u64).rotate_left(32) ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paces() -> impl Strategy<Value = Pace> {
        let rate = 1e-5..100_000.0f64;
        (rate.clone(), proptest::option::of(rate), 0.0..=1.0f64, any::<bool>()).prop_map(
            |(rate_per_s, recent_per_s, left_share, full)| Pace {
                rate_per_s,
                recent_per_s,
                left_share,
                full,
            },
        )
    }

    fn rules() -> impl Strategy<Value = PollRule> {
        (1u64..10_000, 1.0..64.0f64, 1u64..60).prop_map(|(near_ms, horizon_factor, times)| PollRule {
            near_poll: Duration::from_millis(near_ms),
            max_poll: Duration::from_millis(near_ms * times),
            horizon_factor,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whoever is next is back in time: a poll takes at most half of the low wait, except at the floor.
        #[test]
        fn a_poll_never_exceeds_half_the_low_wait_except_at_the_floor(
            pace in paces(), rule in rules(), ahead in 0u64..5_000_000, id in any::<[u8; 16]>(), count in any::<u64>(),
        ) {
            let poll = jittered(poll(ahead, &pace, &rule, Duration::ZERO), VisitorId(id), count);
            let floor = rule.near_poll.mul_f64(1.0 + JITTER);
            prop_assert!(poll <= floor || poll.as_secs_f64() <= pace.low_s(ahead) / 2.0 + 1e-6, "{poll:?}");
            if let Some(wait) = range(ahead, &pace, rule.near_poll) {
                prop_assert!(poll <= floor || poll.as_secs_f64() <= wait.low_s as f64 / 2.0 + 1e-6);
            }
        }

        /// Requests per second per waiter do not grow with the line: a longer line never polls faster, and a line of
        /// any length polls at least at the floor.
        #[test]
        fn a_longer_line_never_polls_faster(pace in paces(), rule in rules(), a in 0u64..5_000_000, b in 0u64..5_000_000) {
            let (near, far) = (a.min(b), a.max(b));
            prop_assert!(poll(near, &pace, &rule, Duration::ZERO) <= poll(far, &pace, &rule, Duration::ZERO));
            prop_assert!(poll(far, &pace, &rule, Duration::ZERO) >= rule.near_poll);
            prop_assert!(poll(far, &pace, &rule, Duration::MAX) <= rule.max_poll.max(rule.near_poll));
        }

        #[test]
        fn jitter_stays_within_a_fifth(id in any::<[u8; 16]>(), count in any::<u64>(), ms in 1u64..600_000) {
            let (poll, spread) = (Duration::from_millis(ms), jittered(Duration::from_millis(ms), VisitorId(id), count));
            prop_assert!(spread >= poll.mul_f64(0.799_999) && spread <= poll.mul_f64(1.200_001));
        }

        #[test]
        fn low_is_never_above_high(pace in paces(), ahead in 0u64..5_000_000, near_ms in 1u64..10_000) {
            if let Some(wait) = range(ahead, &pace, Duration::from_millis(near_ms)) {
                prop_assert!(wait.low_s <= wait.high_s, "{wait:?}");
            }
        }
    }

    #[test]
    fn jitter_spreads_a_crowd_evenly() {
        let polls = (0..10_000u64).map(|count| jittered(Duration::from_secs(10), VisitorId([7; 16]), count));
        let mut tenths = [0u32; 10];
        for poll in polls {
            tenths[((poll.as_secs_f64() - 8.0) / 0.4) as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (850..1_150).contains(n)), "{tenths:?}");
    }

    #[test]
    fn the_range_as_the_document_says() {
        let steady = Pace {
            rate_per_s: 10.0,
            recent_per_s: Some(8.0),
            left_share: 0.1,
            full: false,
        };
        let near = Duration::from_secs(3);
        // low = 1000 × (1 − 0.3) / 10, high = 1000 / 8 × 1.2 + 3
        assert_eq!(range(1_000, &steady, near), Some(WaitRange { low_s: 70, high_s: 153 }));
        let full = Pace {
            full: true,
            recent_per_s: Some(2.0),
            ..steady
        };
        // high = 101 / 2 × 1.2 + 3
        assert_eq!(range(100, &full, near), Some(WaitRange { low_s: 35, high_s: 64 }));
        let slowly = Pace {
            recent_per_s: Some(1.0 / 60.0),
            ..full
        };
        assert_eq!(
            range(0, &slowly, near),
            Some(WaitRange { low_s: 0, high_s: 75 }),
            "the next one of a full room"
        );
        let stuck = Pace {
            full: true,
            recent_per_s: None,
            ..steady
        };
        assert_eq!(range(100, &stuck, near), None, "nobody was seen to leave");
    }
}
