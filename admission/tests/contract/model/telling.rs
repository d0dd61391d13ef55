//! What the plain model tells.

use stanchion_admission::ids::Stamp;
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::store::{RoomState, Snapshot};

use super::Model;

impl Model {
    pub(super) fn snapshot(&self, policy: &RoomPolicy, now: u64) -> Snapshot {
        let present = self.present_places();
        let before = present.iter().filter(|p| p.stamp.0 <= self.frontier).count() as u64;
        let mut ended = self.ended.clone();
        ended.sort();
        Snapshot {
            epoch: self.epoch.unwrap(),
            seq: self.seq,
            now: Stamp(now),
            ticked_at: Stamp(self.ticked_at),
            state: self.state(policy, now),
            frontier: Stamp(self.frontier),
            grace_frontier: Stamp(self.grace_frontier),
            horizon: Stamp(self.horizon),
            waiting: self.beyond().len() as u64 + before,
            present: present.len() as u64,
            admitted: self.admitted(),
            active: self.inside(),
            ghosts: self.ghost_active + self.ghost_admitted,
            admitted_total: self.admitted_total,
            left_total: self.left_total,
            capacity: self.capacity(policy),
            rate: self.rate(policy),
            settings: self.settings.clone(),
            sketch: self.sketch(before),
            ended: ended[ended.len().saturating_sub(256)..].iter().map(|e| e.1).collect(),
        }
    }

    fn state(&self, policy: &RoomPolicy, now: u64) -> RoomState {
        let line = !self.waiting().is_empty();
        let full = self.free(policy) == 0;
        match () {
            () if policy.mode == Mode::Closed || self.settings.closed => RoomState::Closed,
            () if policy.mode == Mode::Passthrough => RoomState::Open,
            () if self.recovering(now) => RoomState::Recovering,
            () if policy.opens_at.is_some_and(|at| now < at.0) => RoomState::Prequeue,
            () if self.settings.paused.is_some() => RoomState::Paused,
            () if full && line => RoomState::Full,
            () if full || line || now < self.line_until => RoomState::Queueing,
            () => RoomState::Open,
        }
    }

    fn sketch(&self, before: u64) -> Vec<(Stamp, u64)> {
        let beyond = self.beyond();
        if beyond.is_empty() {
            return Vec::new();
        }
        let last = beyond.len() - 1;
        let mut ranks: Vec<usize> = Vec::new();
        for d in (1..=16).rev() {
            ranks = (0..=last.min(15)).collect();
            while *ranks.last().unwrap() < last {
                let r = *ranks.last().unwrap();
                ranks.push((r + (r / d).max(1)).min(last));
            }
            if ranks.len() <= 64 {
                break;
            }
        }
        let mut points: Vec<(Stamp, u64)> = ranks.iter().map(|r| (beyond[*r].stamp, before + *r as u64)).collect();
        points.dedup_by_key(|point| point.0);
        points
    }
}
