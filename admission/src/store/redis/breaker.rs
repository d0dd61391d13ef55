//! The breaker before the store: after enough bad attempts nobody waits for it any more, and now and
//! then one call is let through to see. Pure: time arrives as an argument, nothing is sent from here.

use std::time::Duration;

/// Attempts in a row that must fail.
const CONSECUTIVE: u32 = 4;
/// Latest attempts looked at together, how many there must be, and the share that must have failed.
const WINDOW: u32 = 20;
const WINDOW_MIN: u32 = 10;
/// How long it stays open at first, and at most: doubled by each failed probe.
const OPEN_FIRST: Duration = Duration::from_millis(250);
const OPEN_MOST: Duration = Duration::from_secs(2);
/// A probe that never reported back is forgotten after this.
const PROBE_LOST: Duration = Duration::from_secs(1);

/// May this call go out?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admit {
    Yes,
    /// Yes, as the one probe: its outcome decides.
    Probe,
    /// No; ask again after this.
    No {
        retry_after: Duration,
    },
}

/// How an attempt went, for the breaker. An error that the store answers quickly is `Good`: it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Good,
    Bad,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

/// `now` is a monotonic clock since any fixed moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    /// One bit per attempt, newest lowest; 1 = bad.
    window: u32,
    seen: u32,
    in_a_row: u32,
    open: Option<OpenPeriod>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct OpenPeriod {
    until: Duration,
    length: Duration,
    probe_since: Option<Duration>,
}

impl Breaker {
    pub fn admit(&mut self, now: Duration) -> Admit {
        let Some(open) = &mut self.open else { return Admit::Yes };
        if now < open.until {
            return Admit::No {
                retry_after: open.until - now,
            };
        }
        match open.probe_since {
            Some(since) if now.saturating_sub(since) < PROBE_LOST => Admit::No {
                retry_after: (since + PROBE_LOST).saturating_sub(now),
            },
            _ => {
                open.probe_since = Some(now);
                Admit::Probe
            }
        }
    }

    /// An attempt ended. While open, only `probe`s count: late answers of older calls say nothing new.
    pub fn record(&mut self, now: Duration, probe: bool, outcome: Outcome) {
        match (&mut self.open, outcome) {
            (Some(_), _) if !probe => {}
            (Some(_), Outcome::Good) => *self = Breaker::default(),
            (Some(open), Outcome::Bad) => {
                open.length = (open.length * 2).min(OPEN_MOST);
                open.until = now + open.length;
                open.probe_since = None;
            }
            (None, outcome) => self.count(now, outcome),
        }
    }

    /// Somebody else found that the store is well (a new connection that was tried out).
    pub fn reset(&mut self) {
        *self = Breaker::default();
    }

    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.open {
            None => BreakerState::Closed,
            Some(open) if open.probe_since.is_some() => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    fn count(&mut self, now: Duration, outcome: Outcome) {
        let bad = outcome == Outcome::Bad;
        self.in_a_row = if bad { self.in_a_row + 1 } else { 0 };
        self.window = ((self.window << 1) | u32::from(bad)) & ((1 << WINDOW) - 1);
        self.seen = (self.seen + 1).min(WINDOW);
        let half = self.seen >= WINDOW_MIN && self.window.count_ones() * 2 >= self.seen;
        if bad && (self.in_a_row >= CONSECUTIVE || half) {
            self.open = Some(OpenPeriod {
                until: now + OPEN_FIRST,
                length: OPEN_FIRST,
                probe_since: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..CONSECUTIVE {
            breaker.record(ms(0), false, Outcome::Bad);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[test]
    fn f2_two_operations_a_second_at_200_ms_latency_open_it_within_two_seconds() {
        // Each operation makes two attempts (50 ms, then the rest of 100 ms) and both run out of time.
        let mut breaker = Breaker::default();
        let mut now = ms(0);
        while breaker.state() == BreakerState::Closed {
            breaker.record(now + ms(50), false, Outcome::Bad);
            breaker.record(now + ms(100), false, Outcome::Bad);
            now += ms(500);
        }
        assert!(now <= ms(2_000), "opened only after {now:?}");
    }

    #[test]
    fn f2_every_second_attempt_slow_opens_it_too() {
        let mut breaker = Breaker::default();
        let outcomes = [Outcome::Good, Outcome::Bad].into_iter().cycle().take(20);
        outcomes.for_each(|outcome| breaker.record(ms(1), false, outcome));
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn one_failure_in_four_leaves_it_closed() {
        let mut breaker = Breaker::default();
        for i in 0..400 {
            let outcome = if i % 4 == 0 { Outcome::Bad } else { Outcome::Good };
            breaker.record(ms(i), false, outcome);
            assert_eq!(breaker.state(), BreakerState::Closed, "attempt {i}");
        }
    }

    #[test]
    fn while_open_it_says_how_long_and_then_lets_exactly_one_through() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(ms(100)), Admit::No { retry_after: ms(150) });
        assert_eq!(breaker.admit(ms(250)), Admit::Probe);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(matches!(breaker.admit(ms(251)), Admit::No { .. }));
        breaker.record(ms(260), false, Outcome::Good);
        assert_eq!(
            breaker.state(),
            BreakerState::HalfOpen,
            "a late answer is not the probe's"
        );
        breaker.record(ms(300), true, Outcome::Good);
        assert_eq!(
            (breaker.state(), breaker.admit(ms(300))),
            (BreakerState::Closed, Admit::Yes)
        );
    }

    #[test]
    fn failed_probes_double_the_wait_up_to_its_most() {
        let mut breaker = opened();
        let mut now = ms(0);
        let mut waits = Vec::new();
        for _ in 0..6 {
            let Admit::No { retry_after } = breaker.admit(now) else {
                panic!("open")
            };
            waits.push(retry_after);
            now += retry_after;
            assert_eq!(breaker.admit(now), Admit::Probe);
            breaker.record(now, true, Outcome::Bad);
        }
        assert_eq!(waits, [ms(250), ms(500), ms(1_000), ms(2_000), ms(2_000), ms(2_000)]);
    }

    #[test]
    fn a_probe_that_never_reports_is_replaced() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(ms(250)), Admit::Probe);
        assert!(matches!(breaker.admit(ms(1_249)), Admit::No { .. }));
        assert_eq!(breaker.admit(ms(1_250)), Admit::Probe);
    }

    #[test]
    fn a_new_connection_closes_it() {
        let mut breaker = opened();
        breaker.reset();
        assert_eq!(breaker.admit(ms(1)), Admit::Yes);
    }
}
