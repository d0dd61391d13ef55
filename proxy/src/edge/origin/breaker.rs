//! Whether a server is worth asking: closed while it works, open for a while after several failures in a row, then
//! one probe at a time. Pure: time is an argument, measured from any fixed moment.

use std::time::Duration;

const FAILURES_TO_OPEN: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A probe costs a server next to nothing, and visitors see an error until one succeeds.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    /// Not to be asked before this.
    open_until: Option<Duration>,
}

impl Breaker {
    /// Whether a request may go there now. An open breaker whose pause is over lets this one through, and holds back
    /// the others until it is known how that went, or for another pause.
    pub fn try_pass(&mut self, now: Duration) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + self.pause());
                true
            }
        }
    }

    pub fn worked(&mut self) {
        *self = Breaker::default();
    }

    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.is_failing() {
            self.open_until = Some(now + self.pause());
        }
    }

    /// It has failed so often in a row that it is left alone, and has not worked since.
    pub fn is_failing(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN
    }

    pub fn is_open(&self, now: Duration) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// Doubles with every failure beyond the first opening.
    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(FAILURES_TO_OPEN).min(8);
        (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// H15: three failures open it; one probe per pause; one success closes it.
    #[test]
    fn a_failing_server_is_left_alone_for_a_while() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(s(0));
            assert!(breaker.try_pass(s(0)));
        }
        breaker.failed(s(0));
        assert!(!breaker.try_pass(s(0)), "open after the third");
        assert!(breaker.try_pass(s(1)), "one probe");
        assert!(!breaker.try_pass(s(1)), "only one");
        breaker.failed(s(1));
        assert!(
            !breaker.try_pass(s(2)) && breaker.try_pass(s(3)),
            "the pause has doubled"
        );
        breaker.worked();
        assert!(breaker.try_pass(s(3)) && breaker.try_pass(s(3)));
    }

    #[test]
    fn a_pause_has_a_maximum_and_a_lost_probe_is_no_dead_end() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(s(100));
        }
        assert!(!breaker.try_pass(s(104)) && breaker.try_pass(s(105)));
        assert!(breaker.try_pass(s(110)), "the probe at 105 never reported");
    }
}
