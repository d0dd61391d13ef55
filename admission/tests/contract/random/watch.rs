//! What was promised, held against what a store said.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::store::{EdgeMemory, Session, Snapshot};

use crate::contract::model::Model;

/// I1: who was granted stood before everybody present and settled who was not.
pub fn prefix_granted(before: &Model, after: &Model, now: Stamp) -> Result<(), TestCaseError> {
    let granted: HashSet<VisitorId> = after.admitted_places().iter().map(|p| p.visitor).collect();
    let settled = before
        .present_places()
        .into_iter()
        .filter(|p| p.stamp.0 + 2_000_000 <= now.0);
    let (chosen, left): (Vec<Place>, Vec<Place>) = settled.partition(|p| granted.contains(&p.visitor));
    let left = left.into_iter().filter(|p| after.present_places().contains(p)).min();
    let last = chosen.into_iter().max();
    prop_assert!(
        left.is_none() || last.is_none() || last < left,
        "granted {last:?} before {left:?}"
    );
    Ok(())
}

pub struct Watch {
    last: Option<Snapshot>,
    pub newest: Stamp,
    /// A bucket of our own: admissions may not exceed it (I3). What it was filled under, its content, since when.
    bucket: Option<(LiveSettings, u128, Stamp)>,
    inside: HashMap<VisitorId, Stamp>,
    over: HashSet<VisitorId>,
}

impl Watch {
    pub fn new() -> Watch {
        Watch {
            last: None,
            newest: Stamp::ZERO,
            bucket: None,
            inside: HashMap::new(),
            over: HashSet::new(),
        }
    }

    pub fn lost(&mut self) {
        self.last = None;
        self.inside.clear();
        self.over.clear();
    }

    pub fn over(&mut self, id: VisitorId) {
        if self.inside.remove(&id).is_some() {
            self.over.insert(id);
        }
    }

    /// The grace of a used place is over, or who entered never came back: another session is no double.
    pub fn forgotten(&mut self, id: VisitorId) {
        self.inside.remove(&id);
    }

    /// A touch may put a session in that the test made up.
    pub fn touched(&mut self, id: VisitorId) {
        self.inside.remove(&id);
        self.over.remove(&id);
    }

    /// I4: one ticket, one session. I5: none after it is over.
    pub fn inside(&mut self, session: Session) -> Result<(), TestCaseError> {
        let id = session.place.visitor;
        let first = *self.inside.entry(id).or_insert(session.claimed_at);
        prop_assert_eq!(first, session.claimed_at, "a second session for {:?}", id);
        prop_assert!(!self.over.contains(&id), "{:?} is inside again", id);
        Ok(())
    }

    pub fn snapshot(&mut self, said: &Snapshot, memory: &EdgeMemory) -> Result<(), TestCaseError> {
        self.newest = self.newest.max(said.now);
        prop_assert!(said.epoch >= memory.epoch, "I9: an epoch went back");
        prop_assert!(said.frontier >= memory.frontier, "I9: a frontier went back");
        let same = self.last.take().filter(|last| last.epoch == said.epoch);
        let before = same.as_ref().map_or(0, |last| last.admitted_total);
        if let Some(last) = &same {
            prop_assert!(said.seq >= last.seq && said.frontier >= last.frontier, "I9");
            prop_assert!(
                said.grace_frontier >= last.grace_frontier && said.left_total >= last.left_total,
                "I9"
            );
        }
        self.pace(said, said.admitted_total - before)?;
        prop_assert!(
            said.sketch.len() <= 64 && said.ended.len() <= 256,
            "a bound of the snapshot"
        );
        let rising = said.sketch.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1);
        prop_assert!(rising, "the sketch falls: {:?}", said.sketch);
        self.last = Some(said.clone());
        Ok(())
    }

    /// I3, across wipes too: no more than rate × time and one batch.
    fn pace(&mut self, said: &Snapshot, admitted: u64) -> Result<(), TestCaseError> {
        let rate = said.rate;
        let unit = u128::from(rate.period_us());
        let cap = unit + 2_000_000 * u128::from(rate.count());
        let made_anew = said.epoch.ordinal == 1 && said.seq == 1;
        let before = self
            .bucket
            .take()
            .filter(|(under, ..)| *under == said.settings && !made_anew);
        let left = match before {
            None => cap,
            Some((_, left, at)) => {
                let earned = u128::from(said.now.0.saturating_sub(at.0)) * u128::from(rate.count());
                let spent = u128::from(admitted) * unit;
                prop_assert!(
                    spent <= left + earned,
                    "I3: {admitted} admitted, paid for {}",
                    (left + earned) / unit
                );
                (left + earned - spent).min(cap)
            }
        };
        self.bucket = Some((said.settings.clone(), left, self.newest));
        Ok(())
    }
}
