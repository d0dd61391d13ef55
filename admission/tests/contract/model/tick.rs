//! The plain model's tick.

use stanchion_admission::ids::{Epoch, Place, Stamp};
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::{Snapshot, Tick};

use super::{Model, Part, S, presence_window, us};

impl Model {
    pub fn tick(&mut self, call: &Tick<'_>, now: Stamp) -> Snapshot {
        let now = self.store_time(now);
        self.notice_loss(call, now);
        self.merge(call, now);
        if self.ticked_at == 0 || now - self.ticked_at >= 900_000 {
            let service = self.service_time(now);
            self.paused_total = now - service;
            self.ticked_at = now;
            self.expire(call.policy, service);
            self.grace(call.policy, service);
            self.forget_given_back(now);
            let credit = self.accrued(self.rate(call.policy), now);
            self.set_credit(credit, now);
            self.grant(call.policy, now, service);
            self.see_line_if_any(now);
            self.move_horizon(call.policy, service);
            self.seq += 1;
        }
        self.snapshot(call.policy, now)
    }

    fn notice_loss(&mut self, call: &Tick<'_>, now: u64) {
        let memory = call.memory;
        let behind = |stored: Epoch| {
            stored < memory.epoch
                || (stored == memory.epoch && (self.seq < memory.seq || self.frontier < memory.frontier.0))
        };
        let ordinal = match self.epoch {
            None => memory.epoch.ordinal + 1,
            Some(stored) if behind(stored) => stored.ordinal.max(memory.epoch.ordinal) + 1,
            Some(_) => return,
        };
        let newborn = self.epoch.is_none() && call.newborn && memory.epoch.ordinal == 0 && self.people.is_empty();
        let rate = self.rate(call.policy);
        let service = self.service_time(now);
        self.epoch = Some(Epoch {
            ordinal,
            id: call.new_epoch_id,
        });
        self.seq = 0;
        self.admitted_total = 0;
        self.left_total = 0;
        self.credit_unit = rate.period_us();
        self.credit_at = now;
        self.factor_changed_at = service;
        if newborn {
            self.credit = rate.period_us() + 2 * S * rate.count();
        } else {
            self.credit = 0;
            self.recovering_until = service + (2 * us(call.policy.near_poll)).clamp(6 * S, 12 * S);
            self.readopt_until = service + us(call.policy.session_ttl);
        }
    }

    fn merge(&mut self, call: &Tick<'_>, now: u64) {
        let memory = call.memory;
        self.frontier = self.frontier.max(memory.frontier.0);
        self.grace_frontier = self.grace_frontier.max(memory.grace_frontier.0);
        if memory.settings.version > self.settings.version {
            self.settings = memory.settings.clone();
        }
        let older = self.epoch.is_some_and(|epoch| memory.epoch < epoch);
        if !self.recovering(now) || !older || memory.as_of.0 <= self.ghost_as_of {
            return;
        }
        let as_of = memory.as_of.0;
        let known = self.count(|part| matches!(part, Part::Inside { claimed_at, .. } if *claimed_at <= as_of));
        self.ghost_as_of = as_of;
        self.ghost_active = memory.active.saturating_sub(known);
        self.ghost_admitted = memory.admitted.saturating_sub(self.admitted());
        let paused = now - self.service_time(now);
        self.ghost_active_until = as_of.saturating_sub(paused) + us(call.policy.session_ttl);
        self.ghost_admitted_until = self.recovering_until + us(call.policy.claim_window);
    }

    fn expire(&mut self, policy: &RoomPolicy, service: u64) {
        let window = presence_window(policy);
        let never_back = |part: &Part| matches!(part, Part::Inside { end, proven: false, .. } if *end <= service);
        self.people.retain(|p| !never_back(&p.part));
        for person in &mut self.people {
            person.part = match person.part {
                Part::Inside { end, .. } if end <= service => Part::Used,
                Part::Admitted { deadline } if deadline <= service => Part::Waiting { seen: None },
                Part::Waiting { seen: Some(seen) } if seen <= service.saturating_sub(window) => {
                    Part::Waiting { seen: None }
                }
                ref same => same.clone(),
            };
        }
        let limit = service.saturating_sub(us(policy.session_ttl) + 60 * S);
        self.ended.retain(|(at, _)| *at > limit);
        self.revoked.retain(|(at, _)| *at > limit);
        if self.ghost_active_until <= service {
            self.ghost_active = 0;
        }
        if self.ghost_admitted_until <= service {
            self.ghost_admitted = 0;
        }
    }

    fn grace(&mut self, policy: &RoomPolicy, service: u64) {
        let grace = us(policy.return_grace);
        if self.marks.last().is_none_or(|(at, _)| service - at >= grace / 16) {
            self.marks.push((service, self.frontier));
        }
        let old = self.marks.iter().rev().find(|(at, _)| at + grace <= service);
        if let Some((_, frontier)) = old {
            self.grace_frontier = self.grace_frontier.max(*frontier);
        }
        let limit = self.grace_frontier;
        let before = self.people.len();
        self.people.retain(|p| p.place.stamp.0 > limit || p.part != Part::Used);
        let used = before - self.people.len();
        self.people
            .retain(|p| p.place.stamp.0 > limit || p.part != Part::Waiting { seen: None });
        self.left_total += (before - used - self.people.len()) as u64;
    }

    fn forget_given_back(&mut self, now: u64) {
        let frontier = self.frontier;
        let given_back = |p: &Place| p.stamp.0 > frontier;
        let ahead = self.sorted(|part| *part == Part::Used).into_iter().filter(given_back);
        let forgotten: Vec<_> = ahead
            .enumerate()
            .filter(|(n, p)| *n >= 65_536 || p.stamp.0 + 86_400 * S <= now)
            .map(|(_, p)| p)
            .collect();
        self.people.retain(|p| !forgotten.contains(&p.place));
    }

    fn grant(&mut self, policy: &RoomPolicy, now: u64, service: u64) {
        if !self.admits(policy, now) {
            return;
        }
        let most = self.free(policy).min(self.credit / self.credit_unit);
        let settled = self.present_places().into_iter().filter(|p| p.stamp.0 + 2 * S <= now);
        for place in settled.take(most as usize) {
            let deadline = service + us(policy.claim_window);
            self.put(place, Part::Admitted { deadline });
            self.frontier = self.frontier.max(place.stamp.0);
            self.credit -= self.credit_unit;
            self.admitted_total += 1;
        }
    }

    pub(super) fn beyond(&self) -> Vec<Place> {
        let beyond = |place: &Place| place.stamp.0 > self.frontier;
        self.waiting().into_iter().filter(beyond).collect()
    }

    fn move_horizon(&mut self, policy: &RoomPolicy, service: u64) {
        let (rate, window) = (self.rate(policy), presence_window(policy));
        let base = 64 + rate.count() * 2 * window / rate.period_us();
        let need = (rate.count() * window / rate.period_us()).max(8);
        let present = self.present_places().len() as u64;
        let beyond = self.beyond();
        let reaches = |factor: u64| factor * base >= beyond.len() as u64;
        let wanted = if !reaches(self.factor) && present < need {
            (self.factor * 2).min(1 << 20)
        } else if present >= 3 * need || reaches(self.factor / 2) {
            (self.factor / 2).max(1)
        } else {
            self.factor
        };
        if wanted != self.factor && service - self.factor_changed_at >= window {
            self.factor = wanted;
            self.factor_changed_at = service;
        }
        let rank = (base * self.factor) as usize;
        self.horizon = beyond.get(rank).map_or(Stamp::MAX.0, |p| p.stamp.0);
    }
}
