//! Who waits and who is there: places enter the index, polls near the head are noted.

use crate::ids::{Place, Stamp, VisitorId};
use crate::policy::RoomPolicy;
use crate::store::Joined;

use super::{Now, Room};

impl Room {
    /// Indexes places that the room does not know, up to the room's `max_waiting`.
    pub fn join(&mut self, policy: &RoomPolicy, places: &[Place], now: Stamp) -> Joined {
        let now = self.clocks(now);
        let mut joined = Joined { added: 0, refused: 0 };
        for place in places.iter().filter(|p| fits(p)) {
            if self.knows(place.visitor) || place.stamp <= self.grace_frontier {
                continue;
            }
            if self.queue.len() >= policy.max_waiting {
                joined.refused += 1;
            } else {
                self.queue.put(place.visitor, place.stamp);
                joined.added += 1;
            }
        }
        self.note_line(now);
        joined
    }

    /// Somebody near the head is still there. Near-head places are few, so `max_waiting` does not bind them.
    pub fn present(&mut self, _policy: &RoomPolicy, places: &[Place], now: Stamp) {
        let now = self.clocks(now);
        for place in places.iter().filter(|p| fits(p)) {
            self.mark_present(*place, now);
        }
        self.note_line(now);
    }

    /// Indexes the place where it is missing and may wait; notes its owner as present where it waits.
    pub(super) fn mark_present(&mut self, place: Place, now: Now) {
        let visitor = place.visitor;
        if !self.knows(visitor) && place.stamp > self.grace_frontier {
            self.queue.put(visitor, place.stamp);
        }
        if let Some(stamp) = self.queue.get(visitor) {
            self.present.put(visitor, stamp);
            self.seen.put(visitor, now.service);
        }
    }

    pub(super) fn note_line(&mut self, now: Now) {
        if !self.queue.is_empty() {
            self.see_line(now);
        }
    }

    fn knows(&self, visitor: VisitorId) -> bool {
        self.queue.contains(visitor)
            || self.stamps.contains_key(&visitor)
            || self.spent.contains(visitor)
            || self.revoked.contains(visitor)
    }
}

/// Stamps beyond the largest exact double never come from an edge of ours.
fn fits(place: &Place) -> bool {
    place.stamp <= Stamp::MAX
}
