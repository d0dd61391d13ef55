//! A set of visitors ordered by a stamp, that can also say who stands at a rank and how many stand up to a
//! stamp: what a sorted set is to Redis. Knows nothing of rooms.
//!
//! Members lie in order in chunks of at most [`CHUNK`]. At a million members that is about two thousand chunks: finding
//! one is a binary search, counting past them a short scan, and a member costs little more than its 24 bytes
//! here and as many in the map beside it.

use std::collections::HashMap;

use crate::ids::{Place, Stamp, VisitorId};

const CHUNK: usize = 512;
/// A chunk smaller than this is joined to its neighbour where both fit into one half-full chunk.
const SMALL: usize = 64;
/// Below this many slots a map is not worth shrinking.
const KEEP_SLOTS: usize = 1_024;

#[derive(Clone, Default, Debug)]
pub(crate) struct Ranked {
    stamps: HashMap<VisitorId, Stamp>,
    chunks: Vec<Vec<Place>>,
}

impl Ranked {
    pub fn len(&self) -> u64 {
        self.stamps.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    pub fn contains(&self, visitor: VisitorId) -> bool {
        self.stamps.contains_key(&visitor)
    }

    pub fn get(&self, visitor: VisitorId) -> Option<Stamp> {
        self.stamps.get(&visitor).copied()
    }

    /// Adds the visitor, or moves it to its new stamp.
    pub fn put(&mut self, visitor: VisitorId, stamp: Stamp) {
        match self.stamps.insert(visitor, stamp) {
            Some(old) if old == stamp => return,
            Some(old) => self.take_out(Place { stamp: old, visitor }),
            None => {}
        }
        self.put_in(Place { stamp, visitor });
    }

    /// Removes the visitor; says at which stamp it was.
    pub fn remove(&mut self, visitor: VisitorId) -> Option<Stamp> {
        let stamp = self.stamps.remove(&visitor)?;
        self.take_out(Place { stamp, visitor });
        let slots = self.stamps.capacity();
        if slots > KEEP_SLOTS && self.stamps.len() < slots / 8 {
            self.stamps.shrink_to(slots / 4);
        }
        Some(stamp)
    }

    /// How many have a stamp up to this one.
    pub fn count_up_to(&self, limit: Stamp) -> u64 {
        let within = |place: &Place| place.stamp <= limit;
        let whole = self.chunks.partition_point(|chunk| chunk.last().is_some_and(within));
        let before: usize = self.chunks.iter().take(whole).map(Vec::len).sum();
        let part = self.chunks.get(whole).map_or(0, |chunk| chunk.partition_point(within));
        (before + part) as u64
    }

    /// Who has exactly this many members ahead.
    pub fn at(&self, rank: u64) -> Option<Place> {
        let mut left = usize::try_from(rank).ok()?;
        for chunk in &self.chunks {
            match chunk.get(left) {
                Some(place) => return Some(*place),
                None => left -= chunk.len(),
            }
        }
        None
    }

    /// In order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Place> + '_ {
        self.chunks.iter().flatten().copied()
    }

    /// The first members with a stamp up to `limit`, at most `most`.
    pub fn first_up_to(&self, limit: Stamp, most: u64) -> Vec<Place> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.iter().take_while(|p| p.stamp <= limit).take(most).collect()
    }

    /// Removes and returns the first members with a stamp up to `limit`, at most `most`.
    pub fn pop_up_to(&mut self, limit: Stamp, most: u64) -> Vec<Place> {
        let out = self.first_up_to(limit, most);
        for place in &out {
            self.remove(place.visitor);
        }
        out
    }

    /// Removes the first members until at most `most` are left.
    pub fn keep_last(&mut self, most: u64) {
        let over = self.len().saturating_sub(most);
        self.pop_up_to(Stamp::MAX, over);
    }

    /// Removes the last members until at most `most` are left.
    pub fn keep_first(&mut self, most: u64) {
        let over = usize::try_from(self.len().saturating_sub(most)).unwrap_or(usize::MAX);
        for place in self.iter().rev().take(over).collect::<Vec<_>>() {
            self.remove(place.visitor);
        }
    }

    /// Removes the members with a stamp above `after`, up to `limit`.
    pub fn remove_between(&mut self, after: Stamp, limit: Stamp) {
        let first = self
            .chunks
            .partition_point(|chunk| chunk.last().is_some_and(|last| last.stamp <= after));
        let rest = self.chunks.iter().skip(first).flatten().copied();
        let between = rest.skip_while(|p| p.stamp <= after).take_while(|p| p.stamp <= limit);
        for place in between.collect::<Vec<_>>() {
            self.remove(place.visitor);
        }
    }

    fn chunk_of(&self, place: Place) -> usize {
        self.chunks
            .partition_point(|chunk| chunk.last().is_some_and(|last| *last < place))
    }

    fn put_in(&mut self, place: Place) {
        let at = self.chunk_of(place);
        let Some(chunk) = self.chunks.get_mut(at) else {
            return self.append(place);
        };
        let spot = chunk.partition_point(|p| *p < place);
        chunk.insert(spot, place);
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, upper);
        }
    }

    /// After everybody: chunks filled in order stay full.
    fn append(&mut self, place: Place) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(place),
            _ => self.chunks.push(vec![place]),
        }
    }

    fn take_out(&mut self, place: Place) {
        let at = self.chunk_of(place);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        if let Ok(spot) = chunk.binary_search(&place) {
            chunk.remove(spot);
        }
        match chunk.len() {
            0 => drop(self.chunks.remove(at)),
            1..SMALL => {
                self.join_pair(at);
                if at > 0 {
                    self.join_pair(at - 1);
                }
            }
            _ => {}
        }
    }

    /// Makes one chunk of this and the next, where that leaves room to grow.
    fn join_pair(&mut self, at: usize) {
        let both: usize = self.chunks.iter().skip(at).take(2).map(Vec::len).sum();
        if both > CHUNK / 2 || at + 1 >= self.chunks.len() {
            return;
        }
        let next = self.chunks.remove(at + 1);
        if let Some(chunk) = self.chunks.get_mut(at) {
            chunk.extend(next);
        }
    }

    /// Whether both halves say the same: for tests.
    pub fn agrees(&self) -> bool {
        let ordered = self.iter().zip(self.iter().skip(1)).all(|(a, b)| a < b);
        let same = self.iter().all(|p| self.get(p.visitor) == Some(p.stamp));
        let count: usize = self.chunks.iter().map(Vec::len).sum();
        ordered && same && count == self.stamps.len() && self.chunks.iter().all(|c| !c.is_empty() && c.len() <= CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn id(n: u32) -> VisitorId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        VisitorId(bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn answers_as_a_sorted_list_would(steps in prop::collection::vec((0u32..3_000, 0u64..500, 0u8..4), 1..4_000)) {
            let mut ranked = Ranked::default();
            let mut plain: BTreeSet<Place> = BTreeSet::new();
            for (n, stamp, what) in steps {
                plain.retain(|p| p.visitor != id(n));
                if what == 0 {
                    ranked.remove(id(n));
                } else {
                    ranked.put(id(n), Stamp(stamp));
                    plain.insert(Place { stamp: Stamp(stamp), visitor: id(n) });
                }
            }
            prop_assert!(ranked.agrees());
            prop_assert!(ranked.iter().eq(plain.iter().copied()));
            for limit in [0, 1, 249, 499, 500] {
                let count = plain.iter().filter(|p| p.stamp.0 <= limit).count() as u64;
                prop_assert_eq!(ranked.count_up_to(Stamp(limit)), count);
            }
            for rank in [0, 1, 511, 512, 513, 1_500] {
                prop_assert_eq!(ranked.at(rank), plain.iter().nth(rank as usize).copied());
            }
        }
    }

    #[test]
    fn chunks_do_not_pile_up_when_members_come_and_go() {
        let mut ranked = Ranked::default();
        for n in 0..100_000 {
            ranked.put(id(n), Stamp(u64::from(n)));
        }
        for n in (0..100_000).filter(|n| n % 100 != 0) {
            ranked.remove(id(n));
        }
        assert!(ranked.agrees());
        assert!(
            ranked.chunks.len() < 40,
            "{} chunks for 1,000 members",
            ranked.chunks.len()
        );
        ranked.keep_last(10);
        assert_eq!(ranked.iter().next().map(|p| p.stamp), Some(Stamp(99_000)));
    }
}
