//! How fast a room has lately admitted, measured from snapshot to snapshot. Only time in which people waited and
//! admission was on counts.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::Stamp;
use crate::store::{RoomState, Snapshot};

const WINDOW: Duration = Duration::from_secs(60);
/// Below this nothing is said.
const SHORTEST: Duration = Duration::from_secs(10);
/// One per working tick in a minute, with room to spare; the oldest goes first.
const MAX_MARKS: usize = 128;

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Stamp,
    seq: u64,
    admitted_total: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Measured {
    marks: VecDeque<Mark>,
}

impl Measured {
    /// Takes one accepted snapshot, in order. A new epoch or a room that does not admit starts anew.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        let moving = matches!(snapshot.state, RoomState::Queueing | RoomState::Full) && snapshot.waiting > 0;
        let falls = self
            .marks
            .back()
            .is_some_and(|mark| mark.admitted_total > snapshot.admitted_total || mark.seq > snapshot.seq);
        if !moving || falls {
            self.marks.clear();
        }
        if !moving || self.marks.back().is_some_and(|mark| mark.seq == snapshot.seq) {
            return;
        }
        let stale = snapshot.ticked_at.minus(WINDOW);
        while self.marks.len() >= MAX_MARKS || self.marks.front().is_some_and(|mark| mark.at < stale) {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark {
            at: snapshot.ticked_at,
            seq: snapshot.seq,
            admitted_total: snapshot.admitted_total,
        });
    }

    /// Admissions per second. `None` until ten seconds were measured.
    #[must_use]
    pub fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let span = last.at.since(first.at);
        (span >= SHORTEST).then(|| (last.admitted_total - first.admitted_total) as f64 / span.as_secs_f64())
    }
}
