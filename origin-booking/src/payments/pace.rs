//! When what was interrupted is taken up: not in the first second, in which whoever began may still be at work (a payment
//! whose time is not over: in the first ten); then after 1, 2, 4 … seconds, at the longest every five minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Payment;

const FIRST: Duration = Duration::from_secs(1);
/// Longer than whoever began it waits for an answer.
const FIRST_WATCH: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// Most payments that are paced at one time; further ones wait for their turn.
const MAX_PACED: usize = 10_000;

/// What is to be done with a payment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Errand {
    /// Perhaps it was paid, and nobody said so.
    Watch,
    Resolve,
    Capture,
    LetGo,
    /// The organiser's so-and-so-many-th try.
    Refund(u32),
}

#[derive(Default)]
pub(super) struct Pace(BTreeMap<(Errand, Payment), Turn>);

struct Turn {
    due: Instant,
    pause: Duration,
}

impl Pace {
    /// Those of what is still to be done whose time has come; at most so many. Each counts as tried now.
    pub(super) fn due(&mut self, open: Vec<(Errand, Payment)>, most: usize, now: Instant) -> Vec<(Errand, Payment)> {
        let mut before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for one in open.into_iter().take(MAX_PACED) {
            let turn = before.remove(&one).unwrap_or(Turn {
                due: now + if one.0 == Errand::Watch { FIRST_WATCH } else { FIRST },
                pause: FIRST,
            });
            let turn = if turn.due <= now && due.len() < most {
                due.push(one.clone());
                Turn {
                    due: now + turn.pause,
                    pause: (turn.pause * 2).min(LONGEST),
                }
            } else {
                turn
            };
            self.0.insert(one, turn);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(number: usize) -> (Errand, Payment) {
        let payment = Payment {
            order: format!("o{number}").into(),
            attempt: 1,
            reference: None,
        };
        (Errand::Capture, payment)
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_double_up_to_five_minutes_and_what_is_done_is_forgotten() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let mut tried = Vec::new();
        for second in 0..2_000 {
            let now = start + Duration::from_secs(second);
            if !pace.due(vec![payment(0)], 9, now).is_empty() {
                tried.push(second);
            }
        }
        assert_eq!(tried, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 812, 1_112, 1_412, 1_712]);
        assert!(pace.due(Vec::new(), 9, start).is_empty() && pace.0.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_so_many_are_paced_and_at_most_so_many_are_due() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let many: Vec<_> = (0..=MAX_PACED).map(payment).collect();
        assert!(pace.due(many.clone(), 64, start).is_empty());
        assert_eq!(pace.0.len(), MAX_PACED);
        assert_eq!(pace.due(many, 64, start + FIRST).len(), 64);
    }
}
