//! The store's clock, as an edge reckons it: its own monotonic clock plus an offset learned from answered calls.
//! Knows nothing of rooms. The machine's wall clock serves only until the first answer.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::Stamp;

/// How many samples are kept; the one with the shortest round trip counts.
const SAMPLES: usize = 16;
/// How far two honest clocks drift apart, in parts per million, and what is allowed on top.
const DRIFT_PPM: u64 = 200;
const DRIFT_SLACK_US: u64 = 2_000;

/// The store read its clock somewhere between `sent` and `received`: the truth lies within
/// `offset ± half_trip`. (Cristian 1989, "Probabilistic clock synchronization".)
#[derive(Clone, Copy, Debug)]
struct Sample {
    offset_us: i64,
    half_trip_us: u64,
    taken_us: u64,
}

/// Bounded: 16 samples.
#[derive(Clone, Debug)]
pub struct ClockOffset {
    wall_offset_us: i64,
    samples: VecDeque<Sample>,
}

impl ClockOffset {
    /// `wall` is what the machine's wall clock said at the monotonic moment `now`.
    #[must_use]
    pub fn new(wall: Stamp, now: Duration) -> ClockOffset {
        ClockOffset {
            wall_offset_us: signed(wall.0) - signed(micros(now)),
            samples: VecDeque::with_capacity(SAMPLES),
        }
    }

    /// Learns from one answered call. A sample that contradicts those before it means that a clock was set: they
    /// are forgotten.
    pub fn observe(&mut self, sent: Duration, received: Duration, store_now: Stamp) {
        let (sent_us, received_us) = (micros(sent), micros(received));
        let trip_us = received_us.saturating_sub(sent_us);
        let sample = Sample {
            offset_us: signed(store_now.0) - signed(sent_us + trip_us / 2),
            half_trip_us: trip_us.div_ceil(2),
            taken_us: received_us,
        };
        self.samples.retain(|older| older.agrees_with(&sample));
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The store's clock at the monotonic moment `now`.
    #[must_use]
    pub fn store_time(&self, now: Duration) -> Stamp {
        stamp_at(self.offset_us(), now)
    }

    /// To be added to the monotonic clock, in microseconds.
    #[must_use]
    pub fn offset_us(&self) -> i64 {
        self.best().map_or(self.wall_offset_us, |sample| sample.offset_us)
    }

    /// Half the round trip of the best sample. `None` before the first answer: nothing is known.
    #[must_use]
    pub fn uncertainty(&self) -> Option<Duration> {
        self.best().map(|sample| Duration::from_micros(sample.half_trip_us))
    }

    /// How far the machine's wall clock was from the store's when this began. `None` before the first answer.
    #[must_use]
    pub fn wall_error(&self) -> Option<Duration> {
        self.best()
            .map(|sample| Duration::from_micros(sample.offset_us.abs_diff(self.wall_offset_us)))
    }

    fn best(&self) -> Option<&Sample> {
        self.samples.iter().min_by_key(|sample| sample.half_trip_us)
    }
}

impl Sample {
    fn agrees_with(&self, newer: &Sample) -> bool {
        let age_us = newer.taken_us.saturating_sub(self.taken_us);
        let slack_us = DRIFT_SLACK_US + age_us.saturating_mul(DRIFT_PPM) / 1_000_000;
        self.offset_us.abs_diff(newer.offset_us) <= self.half_trip_us + newer.half_trip_us + slack_us
    }
}

/// The stamp at the monotonic moment `now` for an offset in microseconds, kept within the range of stamps.
#[must_use]
pub fn stamp_at(offset_us: i64, now: Duration) -> Stamp {
    let at = signed(micros(now)).saturating_add(offset_us);
    Stamp(u64::try_from(at).unwrap_or(0).min(Stamp::MAX.0))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).map_or(Stamp::MAX.0, |us| us.min(Stamp::MAX.0))
}

/// Exact for every stamp: they are below 2^53.
fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_wall_clock_serves_until_the_first_answer() {
        let mut clock = ClockOffset::new(Stamp(5_000_000), at(1_000));
        assert_eq!(clock.store_time(at(2_000)), Stamp(6_000_000));
        assert_eq!(clock.uncertainty(), None);
        clock.observe(at(2_000), at(2_010), Stamp(9_005_000));
        assert_eq!(clock.store_time(at(2_010)), Stamp(9_010_000));
        assert_eq!(clock.uncertainty(), Some(at(5)));
        assert_eq!(clock.wall_error(), Some(at(3_000)));
    }

    #[test]
    fn the_shortest_round_trip_of_the_last_sixteen_counts() {
        let mut clock = ClockOffset::new(Stamp::ZERO, at(0));
        clock.observe(at(1_000), at(1_002), Stamp(101_001_000));
        for i in 1..16 {
            clock.observe(
                at(1_000 + i * 1_000),
                at(1_080 + i * 1_000),
                Stamp((101_070 + i * 1_000) * 1_000),
            );
        }
        assert_eq!(clock.uncertainty(), Some(at(1)));
        assert_eq!(clock.store_time(at(20_000)), Stamp(120_000_000));
        clock.observe(at(17_000), at(17_080), Stamp(117_070_000));
        assert_eq!(clock.uncertainty(), Some(at(40)), "the seventeenth drops the first");
    }

    /// F9: a store whose clock is set back is believed at once, not after sixteen samples.
    #[test]
    fn f9_a_clock_that_was_set_is_believed_at_once() {
        let mut clock = ClockOffset::new(Stamp::ZERO, at(0));
        clock.observe(at(1_000), at(1_002), Stamp(101_001_000));
        clock.observe(at(2_000), at(2_090), Stamp(99_045_000));
        assert_eq!(clock.store_time(at(2_045)), Stamp(99_045_000));
    }

    #[test]
    fn absurd_clocks_stay_within_the_range_of_stamps() {
        let mut clock = ClockOffset::new(Stamp::MAX, at(0));
        assert_eq!(clock.store_time(Duration::MAX), Stamp::MAX);
        clock.observe(Duration::MAX, at(0), Stamp::ZERO);
        assert_eq!(clock.store_time(at(0)), Stamp::ZERO);
    }
}
