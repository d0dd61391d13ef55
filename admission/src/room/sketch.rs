//! What everybody is told of the line: its state, its counts, and a sketch from which an edge reads a position.

use crate::ids::{Stamp, VisitorId};
use crate::policy::{Mode, RoomPolicy};
use crate::store::{MAX_ENDED, RoomState, SKETCH_POINTS, Snapshot};

use super::{InForce, Now, Room, bounds};

impl Room {
    pub(super) fn snapshot(&self, policy: &RoomPolicy, now: Now) -> Snapshot {
        let force = self.in_force(policy);
        let before = self.present.count_up_to(self.frontier);
        Snapshot {
            epoch: self.epoch.unwrap_or_default(),
            seq: self.seq,
            now: now.store,
            ticked_at: self.ticked_at,
            state: self.state(policy, force, now),
            frontier: self.frontier,
            grace_frontier: self.grace_frontier,
            horizon: self.horizon.stamp,
            waiting: self.beyond_frontier() + before,
            present: self.present.len(),
            admitted: self.admitted.len(),
            active: self.active.len(),
            ghosts: self.ghosts(),
            admitted_total: self.admitted_total,
            left_total: self.left_total,
            capacity: force.capacity,
            rate: force.rate,
            settings: self.settings.clone(),
            sketch: self.sketch(before),
            ended: self.newest_ended(),
        }
    }

    fn state(&self, policy: &RoomPolicy, force: InForce, now: Now) -> RoomState {
        let full = self.free_slots(force) == 0;
        let line = !self.queue.is_empty();
        if policy.mode == Mode::Closed || self.settings.closed {
            RoomState::Closed
        } else if policy.mode == Mode::Passthrough {
            RoomState::Open
        } else if self.recovering(now) {
            RoomState::Recovering
        } else if policy.opens_at.is_some_and(|opens| now.store < opens) {
            RoomState::Prequeue
        } else if self.settings.paused.is_some() {
            RoomState::Paused
        } else if full && line {
            RoomState::Full
        } else if full || line || now.store < self.line_until {
            RoomState::Queueing
        } else {
            RoomState::Open
        }
    }

    /// Points of those beyond the frontier; equal stamps share the first one's point.
    fn sketch(&self, before: u64) -> Vec<(Stamp, u64)> {
        let passed = self.queue.count_up_to(self.frontier);
        let mut points: Vec<(Stamp, u64)> = Vec::with_capacity(SKETCH_POINTS);
        for rank in sketch_ranks(self.queue.len() - passed) {
            let Some(place) = self.queue.at(passed + rank) else {
                break;
            };
            if points.last().is_none_or(|(stamp, _)| *stamp < place.stamp) {
                points.push((place.stamp, before + rank));
            }
        }
        points
    }

    /// The newest last.
    fn newest_ended(&self) -> Vec<VisitorId> {
        let mut newest: Vec<_> = self.ended.iter().rev().take(MAX_ENDED).map(|p| p.visitor).collect();
        newest.reverse();
        newest
    }
}

/// Ranks to sketch of a line of this length: each of the first 16, then growing by one part in `d`, to the last.
/// `d` is the largest of 16…1 that needs no more than [`SKETCH_POINTS`] in all.
#[must_use]
pub fn sketch_ranks(length: u64) -> Vec<u64> {
    (1..=bounds::SKETCH_GENTLEST)
        .rev()
        .map(|d| ranks_growing_by(length, d))
        .find(|ranks| ranks.len() <= SKETCH_POINTS)
        .unwrap_or_default()
}

/// Stops one past the allowed number of points.
fn ranks_growing_by(length: u64, d: u64) -> Vec<u64> {
    let Some(last) = length.checked_sub(1) else {
        return Vec::new();
    };
    let mut ranks: Vec<u64> = (0..length.min(bounds::SKETCH_DENSE)).collect();
    let mut rank = bounds::SKETCH_DENSE - 1;
    while rank < last && ranks.len() <= SKETCH_POINTS {
        rank = (rank + (rank / d).max(1)).min(last);
        ranks.push(rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_dense_then_geometric_and_reach_the_last() {
        assert_eq!(sketch_ranks(0), Vec::<u64>::new());
        assert_eq!(sketch_ranks(1), vec![0]);
        for length in (1..2_000).chain([10_000, 1_000_000, 50_000_000, 1 << 40]) {
            let ranks = sketch_ranks(length);
            assert!((1..=SKETCH_POINTS).contains(&ranks.len()), "{length}: {}", ranks.len());
            assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{length}: {ranks:?}");
            assert_eq!(ranks.last(), Some(&(length - 1)));
            assert!(ranks.iter().take(16).enumerate().all(|(i, rank)| *rank == i as u64));
        }
    }
}
