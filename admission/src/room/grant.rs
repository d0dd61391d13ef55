//! Slots for those whose turn it is, and how far from the head polls are reported.

use crate::ids::Stamp;
use crate::policy::RoomPolicy;

use super::{Now, Room, bounds};

impl Room {
    /// The first in order of those present and settled, as many as slots and pace allow (I1, I2, I3).
    pub(super) fn grant(&mut self, policy: &RoomPolicy, now: Now) {
        if !self.admits(policy, now) {
            return;
        }
        let room = self.free_slots(self.in_force(policy));
        let most = room.min(self.pace.visitors()).min(bounds::MAX_SWEEP);
        let settled = Stamp(now.store.0.saturating_sub(bounds::SETTLE_US));
        let deadline = now.service.plus(policy.claim_window);
        let granted = self.present.first_up_to(settled, most);
        for place in &granted {
            self.unqueue(place.visitor);
            self.admitted.put(place.visitor, deadline);
            self.stamps.insert(place.visitor, place.stamp);
            self.frontier = self.frontier.max(place.stamp);
        }
        let count = granted.len() as u64;
        self.pace.spend(count);
        self.admitted_total += count;
    }

    /// Wider while too few are present to keep up the pace, nearer again when they are plenty.
    pub(super) fn set_horizon(&mut self, policy: &RoomPolicy, now: Now) {
        let rate = self.in_force(policy).rate;
        let base = bounds::horizon_base(policy, rate);
        let need = bounds::horizon_need(policy, rate);
        let beyond = self.beyond_frontier();
        let reaches = |factor: u64| base.saturating_mul(factor) >= beyond;
        let factor = self.horizon.factor;
        let since_us = now.service.0.saturating_sub(self.horizon.changed_at.0);
        let wanted = if !reaches(factor) && self.present.len() < need {
            (factor * 2).min(bounds::MAX_HORIZON_FACTOR)
        } else if self.present.len() >= need * bounds::HORIZON_PLENTY || reaches(factor / 2) {
            (factor / 2).max(1)
        } else {
            factor
        };
        if wanted != factor && since_us >= bounds::micros(bounds::presence_window(policy)) {
            self.horizon.factor = wanted;
            self.horizon.changed_at = now.service;
        }
        self.horizon.stamp = self.horizon_stamp(base.saturating_mul(self.horizon.factor), beyond);
    }

    fn horizon_stamp(&self, rank: u64, beyond: u64) -> Stamp {
        let before = self.queue.len() - beyond;
        self.queue
            .at(before.saturating_add(rank))
            .map_or(Stamp::MAX, |place| place.stamp)
    }
}
