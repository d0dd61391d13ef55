//! What happens when the store lost its data: a new epoch, slots kept for sessions it no longer knows, and a
//! pause in which the line puts itself back together from what the edges and the visitors remember.

use crate::ids::{Epoch, Stamp};
use crate::store::{EdgeMemory, Tick};

use super::pace::Pace;
use super::{Now, Room, bounds};

impl Room {
    /// Begins a new epoch where data is missing: none at all, or less than this edge has seen.
    pub(super) fn notice_loss(&mut self, call: &Tick<'_>, now: Now) {
        let memory = call.memory;
        let ordinal = match self.epoch {
            None => memory.epoch.ordinal.saturating_add(1),
            Some(stored) if self.is_behind(stored, memory) => {
                stored.ordinal.max(memory.epoch.ordinal).saturating_add(1)
            }
            Some(_) => return,
        };
        let born = self.epoch.is_none() && call.newborn && memory.epoch.ordinal == 0 && self.holds_nobody();
        self.epoch = Some(Epoch {
            ordinal,
            id: call.new_epoch_id,
        });
        (self.seq, self.admitted_total, self.left_total) = (0, 0, 0);
        self.horizon.changed_at = now.service;
        let rate = self.in_force(call.policy).rate;
        if born {
            self.pace = Pace::full(rate, now.store);
        } else {
            self.pace = Pace::empty(rate, now.store);
            self.recovering_until = now.service.plus(bounds::recovery_freeze(call.policy));
            self.readopt_until = now.service.plus(call.policy.session_ttl);
        }
    }

    /// A wipe raced by another edge, or a lagged replica that was promoted.
    fn is_behind(&self, stored: Epoch, memory: &EdgeMemory) -> bool {
        stored < memory.epoch || (stored == memory.epoch && (self.seq < memory.seq || self.frontier < memory.frontier))
    }

    fn holds_nobody(&self) -> bool {
        self.queue.is_empty() && self.stamps.is_empty() && self.spent.is_empty()
    }

    /// What the edge remembers can only move things forward; its counts matter while recovering.
    pub(super) fn merge(&mut self, call: &Tick<'_>, now: Now) {
        let memory = call.memory;
        self.frontier = self.frontier.max(memory.frontier);
        self.grace_frontier = self.grace_frontier.max(memory.grace_frontier);
        if memory.settings.version > self.settings.version {
            self.settings = memory.settings.clone();
        }
        let older = self.epoch.is_some_and(|epoch| memory.epoch < epoch);
        if self.recovering(now) && older && memory.as_of > self.ghosts.as_of {
            self.keep_slots_for_the_lost(call, now);
        }
    }

    fn keep_slots_for_the_lost(&mut self, call: &Tick<'_>, now: Now) {
        let memory = call.memory;
        let known = self.claimed.count_up_to(memory.as_of);
        let paused_us = now.store.0 - now.service.0;
        let as_of_us = memory.as_of.0.saturating_sub(paused_us);
        self.ghosts.as_of = memory.as_of;
        self.ghosts.active = memory.active.saturating_sub(known);
        self.ghosts.admitted = memory.admitted.saturating_sub(self.admitted.len());
        self.ghosts.active_until = Stamp(as_of_us).plus(call.policy.session_ttl);
        self.ghosts.admitted_until = self.recovering_until.plus(call.policy.claim_window);
    }

    pub(super) fn fade_ghosts(&mut self, now: Now) {
        if self.ghosts.active_until <= now.service {
            self.ghosts.active = 0;
        }
        if self.ghosts.admitted_until <= now.service {
            self.ghosts.admitted = 0;
        }
    }
}
