//! What an edge has yet to tell the store. Every set has a maximum; what happens there is written beside it.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Place, VisitorId};
use crate::store::{End, MAX_BATCH, Session};

/// Beyond it a newcomer's place is not taken up and their browser is not told that it is indexed: the next poll
/// tries again.
pub const MAX_JOINS: usize = 65_536;
/// Beyond it a poll near the head is not reported: the next one, a few seconds later, is.
pub const MAX_PRESENT: usize = 65_536;
/// Beyond it a session's expiry is not refreshed: the next request tries again.
pub const MAX_TOUCHES: usize = 65_536;
/// Beyond it the oldest place is dropped. It only matters for one ticket after a loss of the store.
pub const MAX_SPENT: usize = 65_536;
/// Beyond it a release that could not be delivered is dropped: the session ends by itself when it expires.
pub const MAX_ENDS: usize = 4_096;

/// One round of calls, each of at most [`MAX_BATCH`] entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    pub ends: Vec<(Place, End)>,
    pub touches: Vec<Session>,
    pub spent: Vec<Place>,
    pub joins: Vec<Place>,
    pub present: Vec<Place>,
}

impl Batches {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
            && self.touches.is_empty()
            && self.spent.is_empty()
            && self.joins.is_empty()
            && self.present.is_empty()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Pending {
    joins: BTreeSet<Place>,
    present: BTreeSet<Place>,
    touches: BTreeMap<VisitorId, Session>,
    spent: BTreeSet<Place>,
    ends: BTreeMap<Place, End>,
}

impl Pending {
    /// Whether there was room.
    pub fn join(&mut self, place: Place) -> bool {
        insert_below(&mut self.joins, place, MAX_JOINS)
    }

    /// Whether there was room.
    pub fn present(&mut self, place: Place) -> bool {
        insert_below(&mut self.present, place, MAX_PRESENT)
    }

    /// Whether there was room.
    pub fn touch(&mut self, session: Session) -> bool {
        let fits = self.touches.len() < MAX_TOUCHES || self.touches.contains_key(&session.place.visitor);
        if fits {
            self.touches.insert(session.place.visitor, session);
        }
        fits
    }

    pub fn spent(&mut self, place: Place) {
        self.spent.insert(place);
        if self.spent.len() > MAX_SPENT {
            self.spent.pop_first();
        }
    }

    /// Whether there was room. A revocation is not weakened to a release.
    pub fn end(&mut self, place: Place, how: End) -> bool {
        let fits = self.ends.len() < MAX_ENDS || self.ends.contains_key(&place);
        if fits && self.ends.get(&place) != Some(&End::Revoked) {
            self.ends.insert(place, how);
        }
        fits
    }

    /// A session that ended needs no touch any more.
    pub fn forget_touch(&mut self, visitor: VisitorId) {
        self.touches.remove(&visitor);
    }

    /// The next round: sessions before places, so that a recovering store knows who is inside before who waits;
    /// older places before younger ones.
    pub fn take(&mut self) -> Batches {
        Batches {
            ends: take_first(&mut self.ends),
            touches: take_first(&mut self.touches)
                .into_iter()
                .map(|(_, session)| session)
                .collect(),
            spent: take_places(&mut self.spent),
            joins: take_places(&mut self.joins),
            present: take_places(&mut self.present),
        }
    }

    /// What could not be delivered comes back, save presence: those visitors poll again within seconds, and an old
    /// report must not pass for a new one. Newer news of the same visitor stays.
    pub fn give_back(&mut self, undelivered: Batches) {
        for place in undelivered.joins {
            self.join(place);
        }
        for session in undelivered.touches {
            let newer = self.touches.get(&session.place.visitor).copied().unwrap_or(session);
            self.touch(newer);
        }
        for place in undelivered.spent {
            self.spent(place);
        }
        for (place, how) in undelivered.ends {
            self.end(place, how);
        }
    }
}

fn insert_below(set: &mut BTreeSet<Place>, place: Place, max: usize) -> bool {
    let fits = set.len() < max || set.contains(&place);
    if fits {
        set.insert(place);
    }
    fits
}

fn take_places(set: &mut BTreeSet<Place>) -> Vec<Place> {
    let count = set.len().min(MAX_BATCH);
    (0..count).filter_map(|_| set.pop_first()).collect()
}

fn take_first<K: Ord, V>(map: &mut BTreeMap<K, V>) -> Vec<(K, V)> {
    let count = map.len().min(MAX_BATCH);
    (0..count).filter_map(|_| map.pop_first()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Stamp;

    fn place(n: u64) -> Place {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        Place {
            stamp: Stamp(n),
            visitor: VisitorId(id),
        }
    }

    fn session(n: u64) -> Session {
        Session {
            place: place(n),
            claimed_at: Stamp(n),
            expires_at: Stamp(n + 1),
        }
    }

    #[test]
    fn one_past_each_bound() {
        let mut pending = Pending::default();
        assert!((0..MAX_JOINS as u64).all(|n| pending.join(place(n))));
        assert!(!pending.join(place(MAX_JOINS as u64)));
        assert!(pending.join(place(3)), "a place that is already there takes no room");
        assert!((0..MAX_PRESENT as u64).all(|n| pending.present(place(n))));
        assert!(!pending.present(place(MAX_PRESENT as u64)));
        assert!((0..MAX_TOUCHES as u64).all(|n| pending.touch(session(n))));
        assert!(!pending.touch(session(MAX_TOUCHES as u64)));
        assert!((0..MAX_ENDS as u64).all(|n| pending.end(place(n), End::Released)));
        assert!(!pending.end(place(MAX_ENDS as u64), End::Released));
        for n in 0..=MAX_SPENT as u64 {
            pending.spent(place(n));
        }
        assert_eq!(pending.take().spent.first(), Some(&place(1)), "the oldest was dropped");
    }

    #[test]
    fn rounds_are_bounded_and_oldest_first_and_come_back_but_for_presence() {
        let mut pending = Pending::default();
        for n in (0..MAX_BATCH as u64 + 10).rev() {
            pending.join(place(n));
            pending.present(place(n));
        }
        let round = pending.take();
        assert_eq!(round.joins.len(), MAX_BATCH);
        assert_eq!(round.joins.first(), Some(&place(0)));
        pending.give_back(round);
        assert_eq!(pending.take().joins.first(), Some(&place(0)));
        assert_eq!(
            pending.take().present.len(),
            0,
            "ten in the second round, none given back"
        );
    }

    #[test]
    fn a_revocation_stays_one() {
        let mut pending = Pending::default();
        pending.end(place(1), End::Revoked);
        pending.end(place(1), End::Released);
        assert_eq!(pending.take().ends, [(place(1), End::Revoked)]);
    }
}
