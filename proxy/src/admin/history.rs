//! How many a room has let in lately, measured from snapshot to snapshot: one mark a second, a minute of them. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use stanchion_admission::ids::{Epoch, RoomName, Stamp};
use stanchion_admission::store::Snapshot;

const WINDOW: Duration = Duration::from_secs(60);
/// Below this nothing is said.
const SHORTEST: Duration = Duration::from_secs(5);
/// One a second for a minute, with room to spare; the oldest goes first.
const MAX_MARKS: usize = 128;

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Stamp,
    epoch: Epoch,
    admitted_total: u64,
}

/// One room's last minute.
#[derive(Debug, Default)]
struct Minute {
    marks: VecDeque<Mark>,
}

impl Minute {
    fn observe(&mut self, snapshot: &Snapshot) {
        let newest = self.marks.back();
        if newest.is_some_and(|mark| mark.epoch == snapshot.epoch && mark.at >= snapshot.ticked_at) {
            return;
        }
        // Totals begin anew with an epoch.
        if newest.is_some_and(|mark| mark.epoch != snapshot.epoch || mark.admitted_total > snapshot.admitted_total) {
            self.marks.clear();
        }
        let too_old = snapshot.ticked_at.minus(WINDOW);
        while self.marks.len() >= MAX_MARKS || self.marks.front().is_some_and(|mark| mark.at < too_old) {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark {
            at: snapshot.ticked_at,
            epoch: snapshot.epoch,
            admitted_total: snapshot.admitted_total,
        });
    }

    fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let span = last.at.since(first.at);
        let admitted = last.admitted_total.saturating_sub(first.admitted_total);
        (span >= SHORTEST).then(|| admitted as f64 / span.as_secs_f64())
    }
}

/// Every room's last minute. As many entries as rooms are configured.
#[derive(Debug, Default)]
pub struct History {
    rooms: HashMap<RoomName, Minute>,
}

impl History {
    pub fn observe(&mut self, room: &RoomName, snapshot: &Snapshot) {
        self.rooms.entry(room.clone()).or_default().observe(snapshot);
    }

    /// Forgets rooms that are configured no more.
    pub fn keep_only(&mut self, names: &[RoomName]) {
        self.rooms.retain(|name, _| names.contains(name));
    }

    /// Admissions per second over the last minute; `None` until five seconds were seen.
    #[must_use]
    pub fn per_second(&self, room: &RoomName) -> Option<f64> {
        self.rooms.get(room)?.per_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixtures::snapshot;

    fn observed(totals: &[(u64, u64)]) -> Option<f64> {
        let room = RoomName::new("sale").unwrap();
        let mut history = History::default();
        for (second, total) in totals {
            let mut seen = snapshot();
            seen.ticked_at = Stamp(second * 1_000_000);
            seen.admitted_total = *total;
            history.observe(&room, &seen);
        }
        history.per_second(&room)
    }

    #[test]
    fn counts_over_at_most_a_minute() {
        assert_eq!(observed(&[]), None);
        assert_eq!(observed(&[(100, 0), (104, 40)]), None, "too short to say");
        assert_eq!(observed(&[(100, 0), (110, 40)]), Some(4.0));
        assert_eq!(
            observed(&[(100, 0), (150, 500), (200, 1_000)]),
            Some(10.0),
            "the first mark is too old by then"
        );
        assert_eq!(observed(&[(100, 500), (110, 3)]), None, "totals fell: begun anew");
        assert_eq!(
            observed(&[(100, 0), (110, 10), (105, 5)]),
            Some(1.0),
            "an older snapshot says nothing"
        );
    }

    #[test]
    fn a_new_epoch_begins_anew_and_marks_are_bounded() {
        let mut minute = Minute::default();
        let mut seen = snapshot();
        for tenth in 0..10_000u64 {
            seen.ticked_at = Stamp(tenth * 100_000);
            minute.observe(&seen);
        }
        assert!(minute.marks.len() <= MAX_MARKS);
        seen.epoch.ordinal += 1;
        seen.ticked_at = seen.ticked_at.next();
        minute.observe(&seen);
        assert_eq!(minute.marks.len(), 1);
    }
}
