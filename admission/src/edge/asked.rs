//! What became of a ticket that the store was asked about a moment ago: whoever sends the same one again is told the
//! same, and requests that come at one time wait for one answer. So one ticket, sent however often, costs an edge about
//! one question a second. Knows neither store nor clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::answers::Arrival;
use super::recent::Recent;
use crate::ids::{Epoch, VisitorId};

/// An answer is told again for so long.
pub const TOLD_FOR: Duration = Duration::from_secs(1);
/// At most so many tickets; beyond it the one asked about longest ago is forgotten, which costs one more question.
pub const MAX_ASKED: usize = 16_384;

/// Filled by the first of those who ask.
pub type Told = Arc<OnceCell<Arrival>>;
/// The epoch and number of the newest snapshot: "not yet" stands only until the room has worked again.
pub type Worked = (Epoch, u64);

#[derive(Clone, Debug)]
struct Entry {
    since: Duration,
    worked: Worked,
    told: Told,
}

#[derive(Debug)]
pub struct Asked {
    entries: Recent<VisitorId, Entry>,
}

impl Default for Asked {
    fn default() -> Self {
        Asked {
            entries: Recent::new(MAX_ASKED),
        }
    }
}

impl Asked {
    /// Where the answer about this ticket is, or will be: an earlier one that still stands, or an empty place for it.
    pub fn about(&mut self, ticket: VisitorId, now: Duration, worked: Worked) -> Told {
        if let Some(entry) = self.entries.get(&ticket).filter(|entry| entry.stands(now, worked)) {
            return Arc::clone(&entry.told);
        }
        let told = Told::default();
        let entry = Entry {
            since: now,
            worked,
            told: Arc::clone(&told),
        };
        self.entries.put(ticket, entry);
        told
    }

    /// The store did not answer: the next request asks again.
    pub fn forget(&mut self, ticket: VisitorId, told: &Told) {
        let same = |entry: &Entry| Arc::ptr_eq(&entry.told, told);
        if self.entries.get(&ticket).is_some_and(same) {
            self.entries.remove(&ticket);
        }
    }
}

impl Entry {
    fn stands(&self, now: Duration, worked: Worked) -> bool {
        let waits = || matches!(self.told.get(), Some(Arrival::Waiting { .. }));
        now.saturating_sub(self.since) < TOLD_FOR && (self.worked == worked || !waits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Place, Stamp};
    use crate::store::Session;

    const WORKED: Worked = (Epoch { ordinal: 1, id: 7 }, 3);

    fn visitor(n: u64) -> VisitorId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        VisitorId(id)
    }

    fn inside() -> Arrival {
        Arrival::Inside(Session {
            place: Place {
                stamp: Stamp(1),
                visitor: visitor(1),
            },
            claimed_at: Stamp(2),
            expires_at: Stamp(3),
        })
    }

    #[test]
    fn an_answer_stands_for_a_second_and_for_its_ticket_alone() {
        let mut asked = Asked::default();
        let told = asked.about(visitor(1), Duration::ZERO, WORKED);
        told.set(inside()).unwrap();
        let almost = TOLD_FOR - Duration::from_micros(1);
        let later = (WORKED.0, WORKED.1 + 1);
        assert!(
            asked.about(visitor(1), almost, later).initialized(),
            "who is inside stays"
        );
        assert!(!asked.about(visitor(2), almost, WORKED).initialized());
        assert!(!asked.about(visitor(1), TOLD_FOR, WORKED).initialized());
    }

    #[test]
    fn no_answer_is_asked_for_again_and_a_late_failure_forgets_no_newer_answer() {
        let mut asked = Asked::default();
        let lost = asked.about(visitor(1), Duration::ZERO, WORKED);
        asked.forget(visitor(1), &lost);
        let told = asked.about(visitor(1), Duration::ZERO, WORKED);
        assert!(!Arc::ptr_eq(&lost, &told));
        asked.forget(visitor(1), &lost);
        assert!(Arc::ptr_eq(&told, &asked.about(visitor(1), Duration::ZERO, WORKED)));
    }

    #[test]
    fn one_past_the_bound_forgets_the_oldest() {
        let mut asked = Asked::default();
        for n in 0..=MAX_ASKED as u64 {
            asked.about(visitor(n), Duration::ZERO, WORKED).set(inside()).unwrap();
        }
        assert_eq!(asked.entries.len(), MAX_ASKED);
        assert!(asked.about(visitor(1), Duration::ZERO, WORKED).initialized());
        assert!(!asked.about(visitor(0), Duration::ZERO, WORKED).initialized());
    }
}
