//! Whether a room's parts agree with each other: asked by tests and simulations after every event.

use super::ranked::Ranked;
use super::{Room, bounds};
use crate::ids::{Place, Stamp};

/// Everybody a room knows of, by what they are to it; each list in the order of places.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Census {
    pub queue: Vec<Place>,
    pub present: Vec<Place>,
    pub admitted: Vec<Place>,
    pub active: Vec<Place>,
    pub ghosts: u64,
}

impl Room {
    /// Slots given out: inside, admitted, kept for ghosts.
    pub fn slots(&self) -> (u64, u64, u64) {
        (self.active.len(), self.admitted.len(), self.ghosts())
    }

    /// A copy of the lists, for those who check.
    pub fn census(&self) -> Census {
        let placed = |set: &Ranked| {
            let stamp = |p: &Place| self.stamps.get(&p.visitor).copied().unwrap_or(Stamp::ZERO);
            let place = |p: Place| Place {
                stamp: stamp(&p),
                visitor: p.visitor,
            };
            let mut places: Vec<Place> = set.iter().map(place).collect();
            places.sort_unstable();
            places
        };
        Census {
            queue: self.queue.iter().collect(),
            present: self.present.iter().collect(),
            admitted: placed(&self.admitted),
            active: placed(&self.active),
            ghosts: self.ghosts(),
        }
    }

    /// What is wrong inside, if anything is.
    pub fn audit(&self) -> Result<(), &'static str> {
        let sets = [
            &self.queue,
            &self.present,
            &self.seen,
            &self.admitted,
            &self.active,
            &self.claimed,
            &self.spent,
            &self.ended,
            &self.revoked,
        ];
        let same = |a: &Ranked, b: &Ranked| a.len() == b.len() && a.iter().all(|p| b.contains(p.visitor));
        let apart = |a: &Ranked, b: &Ranked| !a.iter().any(|p| b.contains(p.visitor));
        let checks = [
            (sets.iter().all(|set| set.agrees()), "a set's halves disagree"),
            (same(&self.present, &self.seen), "present and seen differ"),
            (same(&self.active, &self.claimed), "active and claimed differ"),
            (
                self.present.iter().all(|p| self.queue.get(p.visitor) == Some(p.stamp)),
                "somebody present does not wait",
            ),
            (apart(&self.queue, &self.admitted), "somebody waits and is admitted"),
            (apart(&self.queue, &self.active), "somebody waits and is inside"),
            (apart(&self.queue, &self.spent), "somebody waits with a used place"),
            (apart(&self.admitted, &self.active), "somebody is admitted and inside"),
            (apart(&self.spent, &self.active), "somebody is inside with a used place"),
            (
                apart(&self.spent, &self.admitted),
                "somebody is admitted with a used place",
            ),
            (
                self.stamps.len() as u64 == self.admitted.len() + self.active.len(),
                "slots and places differ",
            ),
            (
                self.unproven.iter().all(|visitor| self.active.contains(*visitor)),
                "somebody unproven is not inside",
            ),
            (self.ended.len() <= bounds::MAX_ENDED_KEPT, "too many ended ids"),
            (self.paid.len() <= bounds::MAX_PAID, "too many answers"),
            (self.revoked.len() <= bounds::MAX_REVOKED, "too many barred ids"),
            (self.marks.len() <= bounds::MAX_MARKS, "too many marks"),
        ];
        checks
            .into_iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, wrong)| Err(wrong))
    }
}
