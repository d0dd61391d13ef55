//! A pace: so many visitors in such a period. Integers only, so that Rust and Lua agree to the last unit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `count` visitors per `period`. Both at least 1; `count` at most [`Rate::MAX_COUNT`], the period
/// at most a day, so that `count × period` in microseconds stays an exact double.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rate {
    count: u64,
    period_us: u64,
}

impl Rate {
    pub const MAX_COUNT: u64 = 100_000;
    const MAX_PERIOD_US: u64 = 86_400_000_000;

    /// `None` where either number is out of its bounds.
    #[must_use]
    pub fn new(count: u64, period: Duration) -> Option<Rate> {
        let period_us = u64::try_from(period.as_micros()).ok()?;
        let fits = (1..=Self::MAX_COUNT).contains(&count) && (1_000..=Self::MAX_PERIOD_US).contains(&period_us);
        fits.then_some(Rate { count, period_us })
    }

    #[must_use]
    pub fn per_minute(count: u64) -> Option<Rate> {
        Rate::new(count, Duration::from_secs(60))
    }

    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn period(self) -> Duration {
        Duration::from_micros(self.period_us)
    }

    #[must_use]
    pub fn period_us(self) -> u64 {
        self.period_us
    }

    #[must_use]
    pub fn per_second(self) -> f64 {
        self.count as f64 * 1_000_000.0 / self.period_us as f64
    }
}
