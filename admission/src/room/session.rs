//! Sessions after they began: touched, put back into a store that lost them, ended.

use std::time::Duration;

use crate::ids::{Place, Stamp, VisitorId};
use crate::policy::RoomPolicy;
use crate::store::{End, Session};

use super::{Now, Room, bounds};

impl Room {
    /// Extends sessions and puts back those that a loss took away. Says which have ended.
    pub fn touch(&mut self, policy: &RoomPolicy, sessions: &[Session], now: Stamp) -> Vec<VisitorId> {
        let now = self.clocks(now);
        let mut ended = Vec::new();
        for session in sessions {
            if !self.touch_one(policy, session, now) {
                ended.push(session.place.visitor);
            }
        }
        ended
    }

    /// False: this session has ended.
    fn touch_one(&mut self, policy: &RoomPolicy, session: &Session, now: Now) -> bool {
        let visitor = session.place.visitor;
        if self.has_ended(visitor) || session.place.stamp > Stamp::MAX {
            return false;
        }
        if self.active.contains(visitor) {
            self.extend(policy, visitor, now);
            return true;
        }
        let known = self.stamps.get(&visitor).copied().or(self.queue.get(visitor));
        if known.is_none() && !self.may_readopt(policy, session, now) {
            return false;
        }
        let claimed_at = session.claimed_at.min(now.store);
        if claimed_at <= self.ghosts.as_of {
            self.ghosts.active = self.ghosts.active.saturating_sub(1);
        }
        let stamp = known.unwrap_or(session.place.stamp);
        self.admit_inside(policy, Place { stamp, visitor }, claimed_at, now);
        true
    }

    fn has_ended(&self, visitor: VisitorId) -> bool {
        self.ended.contains(visitor) || self.revoked.contains(visitor) || self.spent.contains(visitor)
    }

    /// An unknown session is put back after a loss, or where it is too young to have ended unnoticed: at any
    /// other time the store forgot it because it ran out, and its slot may be somebody else's. If one is free, it goes on.
    fn may_readopt(&self, policy: &RoomPolicy, session: &Session, now: Now) -> bool {
        let leeway = Duration::from_micros(bounds::READOPT_LEEWAY_US);
        let lost = self.epoch.is_none() || now.service < self.readopt_until;
        let alive = session.expires_at.plus(leeway) > now.store;
        let young = session.claimed_at.plus(leeway.min(policy.session_ttl)) > now.store;
        let space = self.free_slots(self.in_force(policy)) > 0;
        (alive && (lost || space)) || young
    }

    /// These places were used up: they cannot be claimed again. An end is final: a session that an edge which had not
    /// heard of it put back ends once more, for every edge to hear.
    pub fn spent(&mut self, _policy: &RoomPolicy, places: &[Place], now: Stamp) {
        let now = self.clocks(now);
        for place in places.iter().filter(|p| p.stamp <= Stamp::MAX) {
            let inside = self.active.contains(place.visitor);
            self.use_up(*place);
            if inside {
                self.note_ended(place.visitor, now);
            }
        }
    }

    /// The origin or the visitor ended it. A second time changes nothing, save that a released place can be barred.
    pub fn end(&mut self, _policy: &RoomPolicy, place: Place, how: End, now: Stamp) {
        let now = self.clocks(now);
        let visitor = place.visitor;
        if how == End::Revoked && !self.revoked.contains(visitor) {
            self.revoked.put(visitor, now.service);
            self.revoked.keep_last(bounds::MAX_REVOKED);
        }
        if self.ended.contains(visitor) {
            return;
        }
        // Whoever is beyond the frontier never had a slot, and so leaves none: tickets are free, slots are not.
        if !self.use_up(place) && place.stamp <= self.frontier {
            self.ghosts.active = self.ghosts.active.saturating_sub(1);
        }
        self.note_ended(visitor, now);
    }

    fn note_ended(&mut self, visitor: VisitorId, now: Now) {
        self.ended.put(visitor, now.service);
        self.ended.keep_last(bounds::MAX_ENDED_KEPT);
    }

    /// Takes the visitor out of whatever part it is in; says whether the room knew it.
    fn use_up(&mut self, place: Place) -> bool {
        let visitor = place.visitor;
        let waited = self.unqueue(visitor);
        let held = self.vacate(visitor);
        let known = waited.or(held.map(|p| p.stamp)).or(self.spent.get(visitor));
        self.spent.put(visitor, known.unwrap_or(place.stamp.min(Stamp::MAX)));
        known.is_some()
    }
}
