//! Rate limits. Pure: the clock is an argument, in microseconds since any fixed moment; one that steps back is taken
//! for one that stands still. A rule says how much of what; a [`State`] is what is remembered of one key; [`Limiter`]
//! holds the states and judges a request by several rules at once, all or none.

mod engine;
mod fixed_window;
pub mod global;
mod paced;
mod sliding_log;
mod sliding_window;
mod table;

pub use engine::{Ask, Limiter, Permit, Verdict};
pub use table::Capacity;

use fixed_window::FixedWindow;
use paced::Paced;
use sliding_log::SlidingLog;
use sliding_window::SlidingWindow;

/// How requests are counted. `count` in each `window_us`, both at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// Never more than `count` in any window. A request weighs on its key for one window, and for up to an eighth of
    /// one longer: what is counted is kept in nine parts.
    SlidingWindow { count: u32, window_us: u64 },
    /// Never more than `count` in any window, and each request weighs for exactly one window. Remembers every request.
    SlidingLog { count: u32, window_us: u64 },
    /// GCRA: a bucket of `count` that refills evenly within a window. At most count × (1 + t / window) in any time t.
    TokenBucket { count: u32, window_us: u64 },
    /// Windows that begin at multiples of their length: up to 2 × `count` around a boundary.
    FixedWindow { count: u32, window_us: u64 },
    /// Requests leave evenly, `count` in each window; one that would have to wait longer than `max_delay_us` is refused.
    LeakyBucket {
        count: u32,
        window_us: u64,
        max_delay_us: u64,
    },
    /// So many at one time; each gives its place back.
    Concurrency { count: u32 },
}

/// What one rule says of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    pub allowed: bool,
    /// The rule's `count`.
    pub limit: u32,
    /// What is left for the key, this request taken off if it is allowed.
    pub remaining: u32,
    /// Until nothing is remembered of the key any more, should no other request come.
    pub reset_us: u64,
    /// Where refused: the same request is allowed after this long and not a microsecond sooner, should no other request
    /// come. `None`: nobody can say (`Concurrency`), or never (it costs more than the whole limit).
    pub retry_us: Option<u64>,
    /// Where allowed: to be held back for this long first (`LeakyBucket`).
    pub delay_us: u64,
}

/// What is remembered of one key under one rule.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum State {
    SlidingWindow(SlidingWindow),
    SlidingLog(SlidingLog),
    Paced(Paced),
    FixedWindow(FixedWindow),
    Inside(u32),
}

impl State {
    pub(crate) fn fresh(algorithm: &Algorithm) -> State {
        match algorithm {
            Algorithm::SlidingWindow { .. } => State::SlidingWindow(SlidingWindow::default()),
            Algorithm::SlidingLog { .. } => State::SlidingLog(SlidingLog::default()),
            Algorithm::TokenBucket { .. } | Algorithm::LeakyBucket { .. } => State::Paced(Paced::default()),
            Algorithm::FixedWindow { .. } => State::FixedWindow(FixedWindow::default()),
            Algorithm::Concurrency { .. } => State::Inside(0),
        }
    }

    /// Judges a request that costs so much, and forgets what is over; takes nothing.
    pub(crate) fn judge(&mut self, algorithm: &Algorithm, now_us: u64, cost: u32) -> Finding {
        match (self, *algorithm) {
            (State::SlidingWindow(state), Algorithm::SlidingWindow { count, window_us }) => {
                state.judge(count, window_us, now_us, cost)
            }
            (State::SlidingLog(state), Algorithm::SlidingLog { count, window_us }) => {
                state.judge(count, window_us, now_us, cost)
            }
            (State::Paced(state), Algorithm::TokenBucket { count, window_us }) => {
                state.bucket(count, window_us, now_us, cost)
            }
            (
                State::Paced(state),
                Algorithm::LeakyBucket {
                    count,
                    window_us,
                    max_delay_us,
                },
            ) => state.queue(count, window_us, max_delay_us, now_us, cost),
            (State::FixedWindow(state), Algorithm::FixedWindow { count, window_us }) => {
                state.judge(count, window_us, now_us, cost)
            }
            (State::Inside(inside), Algorithm::Concurrency { count }) => Finding::counted(count, *inside, cost),
            (state, algorithm) => {
                // A rule that changed its algorithm begins anew.
                *state = State::fresh(&algorithm);
                state.judge(&algorithm, now_us, cost)
            }
        }
    }

    /// Takes what was just judged to be allowed, at the same moment.
    pub(crate) fn take(&mut self, algorithm: &Algorithm, now_us: u64, cost: u32) {
        match (self, *algorithm) {
            (State::SlidingWindow(state), _) => state.take(cost),
            (State::SlidingLog(state), _) => state.take(now_us, cost),
            (
                State::Paced(state),
                Algorithm::TokenBucket { count, window_us } | Algorithm::LeakyBucket { count, window_us, .. },
            ) => state.take(count, window_us, now_us, cost),
            (State::FixedWindow(state), _) => state.take(cost),
            (State::Inside(inside), _) => *inside = inside.saturating_add(cost),
            (State::Paced(_), _) => {}
        }
    }

    /// Undoes the latest `take` of so much. Where time has gone on, older parts pay for what is missing in newer ones.
    pub(crate) fn give_back(&mut self, algorithm: &Algorithm, cost: u32) {
        match (self, *algorithm) {
            (State::SlidingWindow(state), _) => state.give_back(cost),
            (State::SlidingLog(state), _) => state.give_back(cost),
            (
                State::Paced(state),
                Algorithm::TokenBucket { count, window_us } | Algorithm::LeakyBucket { count, window_us, .. },
            ) => state.give_back(count, window_us, cost),
            (State::FixedWindow(state), _) => state.give_back(cost),
            (State::Inside(_) | State::Paced(_), _) => {}
        }
    }

    /// A request that was counted while it was under way is over.
    pub(crate) fn leave(&mut self, cost: u32) {
        if let State::Inside(inside) = self {
            *inside = inside.saturating_sub(cost);
        }
    }

    /// Whether a fresh state would say the same from now on.
    pub(crate) fn is_fresh(&self, algorithm: &Algorithm, now_us: u64) -> bool {
        match (self, *algorithm) {
            (State::SlidingWindow(state), Algorithm::SlidingWindow { window_us, .. }) => {
                state.is_fresh(window_us, now_us)
            }
            (State::SlidingLog(state), Algorithm::SlidingLog { window_us, .. }) => state.is_fresh(window_us, now_us),
            (State::Paced(state), _) => state.is_fresh(now_us),
            (State::FixedWindow(state), Algorithm::FixedWindow { window_us, .. }) => state.is_fresh(window_us, now_us),
            (State::Inside(inside), _) => *inside == 0,
            _ => true,
        }
    }
}

impl Finding {
    /// What a plain count says; when it will say something else is the algorithm's to add.
    fn counted(limit: u32, used: u32, cost: u32) -> Finding {
        let left = limit.saturating_sub(used);
        let allowed = cost <= left;
        Finding {
            allowed,
            limit,
            remaining: if allowed { left - cost } else { left },
            reset_us: 0,
            retry_us: None,
            delay_us: 0,
        }
    }
}

#[cfg(test)]
mod tests;
