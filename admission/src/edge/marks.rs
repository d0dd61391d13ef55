//! Which visitors were seen lately, in a piece of memory that is as large for ten as for a million. Two slots share
//! each address; a mark that is overwritten was never there. Pure.

use crate::ids::VisitorId;

/// 512 KiB.
const SLOTS: usize = 1 << 16;

/// A mark is 64 of a visitor's 128 random bits and 64 others folded together; 0 is an empty slot.
#[derive(Clone, Debug)]
pub struct Marks {
    slots: Box<[u64]>,
}

impl Default for Marks {
    fn default() -> Self {
        Marks {
            slots: vec![0; SLOTS].into_boxed_slice(),
        }
    }
}

impl Marks {
    #[must_use]
    pub fn contains(&self, visitor: VisitorId) -> bool {
        let (mark, at) = place(visitor);
        self.slots[at..at + 2].contains(&mark)
    }

    /// The newest mark stands first; the older of the two at its address is forgotten.
    pub fn put(&mut self, visitor: VisitorId) {
        let (mark, at) = place(visitor);
        if self.slots[at] != mark {
            self.slots[at + 1] = self.slots[at];
            self.slots[at] = mark;
        }
    }

    pub fn clear(&mut self) {
        self.slots.fill(0);
    }
}

/// The mark, and the first of its two slots.
fn place(visitor: VisitorId) -> (u64, usize) {
    let (high, low) = visitor.0.split_at(8);
    let half = |bytes: &[u8]| bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let mark = (half(high) ^ half(low).rotate_left(32)).max(1);
    // Fibonacci hashing: visitors of tests are numbered, not random.
    let pair = mark.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - (SLOTS / 2).ilog2());
    (mark, pair as usize * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(n: u64) -> VisitorId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        VisitorId(id)
    }

    #[test]
    fn what_was_put_last_is_there_and_nobody_else() {
        let mut marks = Marks::default();
        for n in 1..=1_000_000 {
            assert!(!marks.contains(visitor(n)), "{n} was never put");
            marks.put(visitor(n));
            assert!(marks.contains(visitor(n)), "{n} was just put");
        }
        assert_eq!(marks.slots.len(), SLOTS, "no larger for a million");
        marks.clear();
        assert!((1..=1_000_000).all(|n| !marks.contains(visitor(n))));
    }

    #[test]
    fn a_crowd_of_half_the_slots_is_mostly_remembered() {
        let mut marks = Marks::default();
        let crowd = SLOTS as u64 / 2;
        (1..=crowd).for_each(|n| marks.put(visitor(n)));
        let kept = (1..=crowd).filter(|n| marks.contains(visitor(*n))).count() as u64;
        assert!(kept * 10 >= crowd * 8, "{kept} of {crowd}");
    }

    #[test]
    fn putting_somebody_again_forgets_nobody() {
        let mut marks = Marks::default();
        let one = visitor(1);
        let other = (2..)
            .map(visitor)
            .find(|other| place(*other).1 == place(one).1)
            .unwrap();
        for visitor in [one, other, other, other] {
            marks.put(visitor);
        }
        assert!(marks.contains(one) && marks.contains(other));
    }
}
