//! A room's work, at most once per interval whoever calls: what ran out is cleared away, the grace moves, pace is
//! earned, slots are given. Then everybody is told.

use crate::ids::Stamp;
use crate::policy::RoomPolicy;
use crate::store::{Snapshot, Tick};

use super::{Now, Room, bounds};

impl Room {
    /// Notices a loss, takes in what the edge remembers, works if it is time, and tells what there is to know.
    pub fn tick(&mut self, call: &Tick<'_>, now: Stamp) -> Snapshot {
        let mut now = self.clocks(now);
        self.notice_loss(call, now);
        self.merge(call, now);
        if self.is_due(now) {
            self.paused_total = now.store.0 - now.service.0;
            self.ticked_at = now.store;
            self.work(call.policy, now);
        }
        now = self.clocks(now.store);
        self.snapshot(call.policy, now)
    }

    fn is_due(&self, now: Now) -> bool {
        self.ticked_at == Stamp::ZERO || now.store.0 - self.ticked_at.0 >= bounds::TICK_WORK_US
    }

    fn work(&mut self, policy: &RoomPolicy, now: Now) {
        self.expire_sessions(now);
        self.lapse_claims(now);
        self.forget_absent(policy, now);
        self.forget_ended(policy, now);
        self.fade_ghosts(now);
        self.move_grace(policy, now);
        self.drop_absent();
        self.pace = self.pace.accrued(self.in_force(policy).rate, now.store);
        self.grant(policy, now);
        self.note_line(now);
        self.set_horizon(policy, now);
        self.seq += 1;
    }

    /// Whoever never came back after they entered is forgotten: should they come yet, their place is not used up.
    fn expire_sessions(&mut self, now: Now) {
        for over in self.active.pop_up_to(now.service, bounds::MAX_SWEEP) {
            let proven = !self.unproven.contains(&over.visitor);
            if let Some(place) = self.vacate(over.visitor).filter(|_| proven) {
                self.spent.put(place.visitor, place.stamp);
            }
        }
    }

    /// Who did not claim in time gives the slot back and keeps the place.
    fn lapse_claims(&mut self, now: Now) {
        for over in self.admitted.pop_up_to(now.service, bounds::MAX_SWEEP) {
            if let Some(place) = self.vacate(over.visitor) {
                self.queue.put(place.visitor, place.stamp);
            }
        }
    }

    fn forget_absent(&mut self, policy: &RoomPolicy, now: Now) {
        let limit = now.service.minus(bounds::presence_window(policy));
        for over in self.seen.pop_up_to(limit, bounds::MAX_SWEEP) {
            self.present.remove(over.visitor);
        }
    }

    fn forget_ended(&mut self, policy: &RoomPolicy, now: Now) {
        let limit = now.service.minus(bounds::ended_kept(policy));
        self.ended.pop_up_to(limit, u64::MAX);
        self.revoked.pop_up_to(limit, u64::MAX);
    }

    /// The frontier of a grace ago, by marks a sixteenth of a grace apart; never falls.
    fn move_grace(&mut self, policy: &RoomPolicy, now: Now) {
        let spacing_us = bounds::micros(policy.return_grace) / bounds::GRACE_STEPS;
        if self
            .marks
            .back()
            .is_none_or(|(at, _)| now.service.0.saturating_sub(at.0) >= spacing_us)
        {
            self.marks.push_back((now.service, self.frontier));
        }
        while self.marks.len() > bounds::MAX_MARKS {
            self.marks.pop_front();
        }
        let old_enough = now.service.minus(policy.return_grace);
        while self.marks.get(1).is_some_and(|(at, _)| *at <= old_enough) {
            self.marks.pop_front();
        }
        if let Some((_, frontier)) = self.marks.front().filter(|(at, _)| *at <= old_enough) {
            self.grace_frontier = self.grace_frontier.max(*frontier);
        }
        self.bound_spent();
        self.bound_spent_ahead(now);
    }

    /// Too many places used up to remember each: the grace ends early for the oldest, never beyond the frontier.
    fn bound_spent(&mut self) {
        let over = self.spent.len().saturating_sub(bounds::MAX_SPENT);
        if let Some(last) = over.checked_sub(1).and_then(|rank| self.spent.at(rank)) {
            self.grace_frontier = self.grace_frontier.max(last.stamp.min(self.frontier));
        }
        self.spent.pop_up_to(self.grace_frontier, u64::MAX);
    }

    /// Places beyond the frontier never had a slot: to forget that one was given back gives nothing away, and where the
    /// frontier stands still nothing else would.
    fn bound_spent_ahead(&mut self, now: Now) {
        let oldest = Stamp(now.store.0.saturating_sub(bounds::SPENT_AHEAD_US));
        self.spent.remove_between(self.frontier, oldest);
        let behind = self.spent.count_up_to(self.frontier);
        self.spent.keep_first(behind + bounds::MAX_SPENT_AHEAD);
    }

    /// Those whose grace is over and who are not there lose their place.
    fn drop_absent(&mut self) {
        for place in self.queue.first_up_to(self.grace_frontier, bounds::MAX_SWEEP) {
            if !self.present.contains(place.visitor) {
                self.queue.remove(place.visitor);
                self.left_total += 1;
            }
        }
    }
}
