//! Which events of the payment provider were taken in. Kept for a week by the times of the facts themselves: providers
//! repeat an event for three days. What is forgotten and comes again changes nothing that its order's stage forbids.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::Heard;
use super::fact::Fact;
use super::guard::Guard;
use super::{Decision, Done, Sale};

pub(super) const KEPT_MS: u64 = 7 * 24 * 3_600_000;
/// Most events that are remembered; the oldest is forgotten first.
pub(super) const MAX_EVENTS: usize = 300_000;

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Inbox {
    known: BTreeSet<Arc<str>>,
    /// Oldest first.
    oldest: VecDeque<(u64, Arc<str>)>,
}

impl Inbox {
    pub(super) fn keep(&mut self, event: &Arc<str>, at_ms: u64) {
        let before_ms = at_ms.saturating_sub(KEPT_MS);
        while let Some((kept_ms, _)) = self.oldest.front()
            && (*kept_ms < before_ms || self.oldest.len() >= MAX_EVENTS)
        {
            if let Some((_, gone)) = self.oldest.pop_front() {
                self.known.remove(&gone);
            }
        }
        if self.known.insert(Arc::clone(event)) {
            self.oldest.push_back((at_ms, Arc::clone(event)));
        }
    }
}

impl Sale {
    /// What follows from an event, and its id beside it; nothing where it was taken in before.
    pub(super) fn event(&self, id: &Arc<str>, heard: &Heard, now_ms: u64) -> Decision {
        if Guard::EventOnce.forbids(self.inbox.known.contains(id)) {
            return Ok((Vec::new(), Done::Noted));
        }
        let (mut facts, done) = self.payment(heard, now_ms)?;
        facts.push(Fact::Received {
            event: Arc::clone(id),
            at_ms: now_ms,
        });
        Ok((facts, done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::command::{Ask, News};
    use crate::shop::order::{Attempt, Method, Stage};
    use crate::shop::tests::{admission, best, hold, stage, tell};

    fn heard(news: News) -> Heard {
        let payment = Attempt {
            order: "o".into(),
            attempt: 1,
            reference: None,
        };
        Heard { payment, news }
    }

    /// A refusal that is told again must not stop the try that came after it.
    fn refused_and_told_again() -> bool {
        let mut sale = admission(1);
        tell(&mut sale, Ask::Hold(hold("ada", "o", best(1))), 0).unwrap();
        let (person, order, method) = ("ada".into(), "o".into(), Method::Card);
        tell(&mut sale, Ask::Pay { person, order, method }, 0).unwrap();
        for news in [News::Authorised, News::Captured] {
            tell(&mut sale, Ask::Payment(heard(news)), 0).unwrap();
        }
        let refund = || Ask::Refund { order: "o".into() };
        let refused = || Ask::Event {
            id: "evt_1".into(),
            heard: heard(News::RefundFailed),
        };
        for ask in [refund(), refused(), refund(), refused()] {
            tell(&mut sale, ask, 1).unwrap();
        }
        assert_eq!(stage(&sale, "o"), Stage::Refunding);
        sale.order("o").unwrap().refund.unwrap().refused
    }

    #[test]
    fn o2_an_event_is_taken_in_once() {
        assert!(!refused_and_told_again());
        assert!(Guard::EventOnce.without(refused_and_told_again), "the control");
    }

    #[test]
    fn an_event_is_known_for_a_week_and_the_oldest_goes_first() {
        let mut inbox = Inbox::default();
        let id = |number: usize| Arc::from(format!("evt_{number}"));
        inbox.keep(&id(0), 5);
        inbox.keep(&id(1), KEPT_MS + 5);
        assert!(inbox.known.contains(&id(0)), "to the millisecond");
        inbox.keep(&id(2), KEPT_MS + 6);
        assert!(!inbox.known.contains(&id(0)) && inbox.known.len() == 2);
        for number in 3..MAX_EVENTS + 3 {
            inbox.keep(&id(number), KEPT_MS + 6);
        }
        assert_eq!((inbox.known.len(), inbox.oldest.len()), (MAX_EVENTS, MAX_EVENTS));
        assert!(!inbox.known.contains(&id(2)) && inbox.known.contains(&id(3)));
    }
}
