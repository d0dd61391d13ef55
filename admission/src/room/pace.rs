//! Credit: how many visitors the pace has earned and not yet let in. Integers only: one visitor costs
//! `period_us` units, a microsecond earns `count` of them. Knows no room.

use crate::ids::Stamp;
use crate::rate::Rate;

use super::bounds::credit_cap;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pace {
    /// In units of which a visitor costs `unit_us`.
    credit: u64,
    /// The period of the rate that `credit` was earned under; 0 before the first.
    unit_us: u64,
    /// Earned up to this moment of the store's clock.
    at: Stamp,
}

impl Pace {
    /// A room that was never open: the first visitor need not wait.
    pub fn full(rate: Rate, now: Stamp) -> Pace {
        Pace {
            credit: credit_cap(rate),
            unit_us: rate.period_us(),
            at: now,
        }
    }

    /// After a loss: nobody knows what was spent.
    pub fn empty(rate: Rate, now: Stamp) -> Pace {
        Pace {
            credit: 0,
            unit_us: rate.period_us(),
            at: now,
        }
    }

    /// What there is at `now`. Idle time beyond what fills the cap earns nothing.
    pub fn accrued(self, rate: Rate, now: Stamp) -> Pace {
        let cap = credit_cap(rate);
        let elapsed_us = now.0.saturating_sub(self.at.0).min(cap.div_ceil(rate.count()));
        let earned = elapsed_us * rate.count();
        Pace {
            credit: (self.converted(rate) + earned).min(cap),
            unit_us: rate.period_us(),
            at: now.max(self.at),
        }
    }

    /// Credit in the units of another rate: whole visitors, where the unit changes; never above the cap.
    fn converted(self, rate: Rate) -> u64 {
        let cap = credit_cap(rate);
        if self.unit_us == rate.period_us() {
            return self.credit.min(cap);
        }
        let whole = self.visitors().min(cap / rate.period_us());
        whole * rate.period_us()
    }

    /// Whole visitors there is credit for.
    pub fn visitors(self) -> u64 {
        self.credit.checked_div(self.unit_us).unwrap_or(0)
    }

    pub fn spend(&mut self, visitors: u64) {
        self.credit = self.credit.saturating_sub(visitors.saturating_mul(self.unit_us));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// I3: whatever the moments of asking, no window admits more than rate × window + one batch.
        #[test]
        fn never_more_than_rate_and_one_batch(
            count in 1..=Rate::MAX_COUNT,
            period_ms in 1u64..86_400_000,
            steps in prop::collection::vec(0u64..120_000_000, 1..50),
        ) {
            let rate = Rate::new(count, Duration::from_millis(period_ms)).unwrap();
            let (mut pace, mut now, mut spent) = (Pace::full(rate, Stamp(0)), 0u64, 0u128);
            for step in steps {
                now += step;
                pace = pace.accrued(rate, Stamp(now));
                prop_assert!(pace.credit < 1 << 53);
                spent += u128::from(pace.visitors());
                pace.spend(pace.visitors());
                let earned = u128::from(now) * u128::from(count) + u128::from(credit_cap(rate));
                prop_assert!(spent * u128::from(rate.period_us()) <= earned);
            }
        }

        /// No credit is lost at any pace while somebody asks at least every 1.9 s.
        #[test]
        fn never_less_than_the_rate_when_asked_in_time(
            count in 1..=Rate::MAX_COUNT,
            period_ms in 1u64..600_000,
            steps in prop::collection::vec(900_000u64..1_900_000, 20..60),
        ) {
            let rate = Rate::new(count, Duration::from_millis(period_ms)).unwrap();
            let (mut pace, mut now, mut spent) = (Pace::empty(rate, Stamp(0)), 0u64, 0u128);
            for step in steps {
                now += step;
                pace = pace.accrued(rate, Stamp(now));
                spent += u128::from(pace.visitors());
                pace.spend(pace.visitors());
            }
            let earned = u128::from(now) * u128::from(count) / u128::from(rate.period_us());
            prop_assert_eq!(spent, earned);
        }
    }

    #[test]
    fn a_new_period_keeps_whole_visitors_only() {
        let minute = Rate::per_minute(60).unwrap();
        let second = Rate::new(1, Duration::from_secs(1)).unwrap();
        let pace = Pace::full(minute, Stamp(0));
        assert_eq!(pace.visitors(), 3);
        assert_eq!(pace.accrued(second, Stamp(0)).visitors(), 3);
        let slow = Rate::per_minute(1).unwrap();
        assert_eq!(pace.accrued(slow, Stamp(0)).visitors(), 1, "never above the new cap");
    }
}
