//! Which seats are free: a word a row. Refuses to know who has the others.

use serde::{Deserialize, Serialize};

use super::{Hall, HallRow, SeatIndex};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seats {
    /// Bit set: free. One word a row, in the hall's order.
    free: Vec<u64>,
}

impl Seats {
    #[must_use]
    pub fn of(hall: &Hall) -> Seats {
        Seats {
            free: hall.rows.iter().map(HallRow::all).collect(),
        }
    }

    #[must_use]
    pub fn is_free(&self, hall: &Hall, seat: SeatIndex) -> bool {
        hall.row_of(seat).is_some_and(|(at, row)| {
            let word = self.free.get(at).copied().unwrap_or(0);
            word >> (seat - row.first) & 1 == 1
        })
    }

    pub(in crate::shop) fn take(&mut self, hall: &Hall, seats: &[SeatIndex]) {
        self.change(hall, seats, |word, bit| word & !bit);
    }

    pub(in crate::shop) fn give_back(&mut self, hall: &Hall, seats: &[SeatIndex]) {
        self.change(hall, seats, |word, bit| word | bit);
    }

    fn change(&mut self, hall: &Hall, seats: &[SeatIndex], with: impl Fn(u64, u64) -> u64) {
        for seat in seats {
            if let Some((at, row)) = hall.row_of(*seat)
                && let Some(word) = self.free.get_mut(at)
            {
                *word = with(*word, 1 << (seat - row.first));
            }
        }
    }

    pub(super) fn rows<'a>(&'a self, hall: &'a Hall) -> impl Iterator<Item = (&'a HallRow, u64)> {
        hall.rows.iter().zip(self.free.iter().copied())
    }
}

impl HallRow {
    /// Every seat of the row.
    pub(super) fn all(&self) -> u64 {
        match self.len {
            64.. => u64::MAX,
            len => (1 << len) - 1,
        }
    }
}
