//! Getting in: at once where there is no line, or by claiming the slot that a tick gave.

use crate::ids::{Place, Stamp};
use crate::policy::RoomPolicy;
use crate::store::{Claim, Enter};

use super::{InForce, Now, Room, bounds};

impl Room {
    /// A newcomer with no ticket yet. A refusal means that there is a line now.
    pub fn enter(&mut self, policy: &RoomPolicy, place: Place, now: Stamp) -> Enter {
        let now = self.clocks(now);
        if let Some(session) = self.session(place.visitor, now) {
            return Enter::Entered(session);
        }
        let force = self.in_force(policy);
        if !self.may_enter(policy, force, place, now) || !self.pay_for_one(force, now) {
            self.see_line(now);
            return Enter::Queue;
        }
        self.admit_inside(policy, place, now.store, now);
        self.unproven.insert(place.visitor);
        let end = now.service.plus(bounds::unproven_life(policy));
        self.active.put(place.visitor, end);
        self.frontier = self.frontier.max(place.stamp);
        self.admitted_total += 1;
        self.session(place.visitor, now).map_or(Enter::Queue, Enter::Entered)
    }

    /// Everything but the pace.
    fn may_enter(&self, policy: &RoomPolicy, force: InForce, place: Place, now: Now) -> bool {
        let used_up = self.spent.contains(place.visitor)
            || self.revoked.contains(place.visitor)
            || self.admitted.contains(place.visitor);
        self.admits(policy, now)
            && !used_up
            && place.stamp <= Stamp::MAX
            && self.queue.is_empty()
            && now.store >= self.line_until
            && self.free_slots(force) > 0
    }

    fn pay_for_one(&mut self, force: InForce, now: Now) -> bool {
        let mut pace = self.pace.accrued(force.rate, now.store);
        if pace.visitors() == 0 {
            return false;
        }
        pace.spend(1);
        self.pace = pace;
        true
    }

    /// Somebody whose turn may have come. The same answer however often it is asked.
    pub fn claim(&mut self, policy: &RoomPolicy, place: Place, now: Stamp) -> Claim {
        let now = self.clocks(now);
        let visitor = place.visitor;
        if self.unproven.contains(&visitor) {
            self.extend(policy, visitor, now);
        }
        if let Some(session) = self.session(visitor, now) {
            return Claim::Inside(session);
        }
        if self.revoked.contains(visitor) {
            return Claim::Revoked;
        }
        if self.recovering(now) {
            return self.wait(place, now);
        }
        if let Some(stamp) = self.admitted_stamp(place) {
            self.admit_inside(policy, Place { stamp, visitor }, now.store, now);
            return self.session(visitor, now).map_or(Claim::Waiting, Claim::Inside);
        }
        let too_late = place.stamp <= self.grace_frontier && !self.queue.contains(visitor);
        if too_late || self.spent.contains(visitor) {
            return Claim::Gone;
        }
        self.wait(place, now)
    }

    fn admitted_stamp(&self, place: Place) -> Option<Stamp> {
        self.admitted
            .contains(place.visitor)
            .then(|| self.stamps.get(&place.visitor).copied().unwrap_or(place.stamp))
    }

    fn wait(&mut self, place: Place, now: Now) -> Claim {
        if place.stamp <= Stamp::MAX {
            self.mark_present(place, now);
        }
        self.note_line(now);
        Claim::Waiting
    }
}
