//! Best available seats, together: the first row, from the best, that has so many free seats side by side; in it, the
//! place that leaves nobody a lone seat and is nearest to the middle. A row is a word, so a hall of 50,000 seats is a
//! thousand shifts.

use serde::{Deserialize, Serialize};

use super::{Hall, HallRow, MAX_ROW, SeatIndex, Seats};

/// What somebody who leaves the choice to us asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    pub count: u32,
    /// Of this price alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// At least one seat for a wheelchair. Such seats are not given to anybody who does not ask.
    #[serde(default)]
    pub accessible: bool,
    /// Side by side, or nothing. Otherwise the best single seats do, where there is no such place.
    #[serde(default = "yes")]
    pub together: bool,
}

fn yes() -> bool {
    true
}

impl Best {
    #[must_use]
    pub fn of(count: u32) -> Best {
        Best {
            count,
            zone: None,
            accessible: false,
            together: true,
        }
    }

    /// `None`: there is no such place.
    #[must_use]
    pub fn choose(&self, hall: &Hall, seats: &Seats) -> Option<Vec<SeatIndex>> {
        let rows = || seats.rows(hall).filter(|(row, _)| self.is_of_zone(hall, row));
        let side_by_side = rows().find_map(|(row, free)| self.in_row(row, free));
        match side_by_side {
            None if !self.together => self.scattered(rows()),
            found => found,
        }
    }

    fn is_of_zone(&self, hall: &Hall, row: &HallRow) -> bool {
        let Some(zone) = &self.zone else { return true };
        hall.zones.get(row.zone).is_some_and(|known| known.id == *zone)
    }

    fn in_row(&self, row: &HallRow, free: u64) -> Option<Vec<SeatIndex>> {
        if !(1..=MAX_ROW).contains(&self.count) || self.count > row.len {
            return None;
        }
        let usable = if self.accessible { free } else { free & !row.accessible };
        let party = u64::MAX >> (64 - self.count);
        let place = starts(usable, row.aisles, self.count)
            .filter(|start| !self.accessible || row.accessible & (party << start) != 0)
            .min_by_key(|start| {
                (
                    lone_neighbours(row, free, *start, self.count),
                    off_centre(row, *start, self.count),
                    *start,
                )
            })?;
        Some((row.first + place..row.first + place + self.count).collect())
    }

    fn scattered<'a>(&self, rows: impl Iterator<Item = (&'a HallRow, u64)>) -> Option<Vec<SeatIndex>> {
        let mut chosen = Vec::new();
        let mut has_accessible = !self.accessible;
        let wanted = usize::try_from(self.count).ok()?;
        for (row, free) in rows {
            for bit in 0..row.len {
                let accessible = row.accessible >> bit & 1 == 1;
                // Asked for one: the first that is met. Beyond that, such seats stay for those who need them.
                if free >> bit & 1 == 0 || (accessible && has_accessible) || chosen.len() == wanted {
                    continue;
                }
                if !accessible && !has_accessible && chosen.len() + 1 == wanted {
                    continue;
                }
                has_accessible |= accessible;
                chosen.push(row.first + bit);
            }
        }
        (chosen.len() == wanted && wanted > 0).then_some(chosen)
    }
}

/// Where `count` seats side by side begin, with no aisle between them.
fn starts(usable: u64, aisles: u64, count: u32) -> impl Iterator<Item = u32> {
    // Bit n: seats n and n+1 are both free and neighbours.
    let pairs = usable & (usable >> 1) & !aisles;
    let mut runs = usable;
    for step in 0..count.saturating_sub(1) {
        runs &= pairs >> step;
    }
    std::iter::from_fn(move || {
        let start = (runs != 0).then(|| runs.trailing_zeros())?;
        runs &= runs - 1;
        Some(start)
    })
}

/// How many single free seats this place would leave beside it.
fn lone_neighbours(row: &HallRow, free: u64, start: u32, count: u32) -> u32 {
    let joined = |left: i64| left >= 0 && row.aisles >> left & 1 == 0;
    let is_free = |seat: i64| (0..64).contains(&seat) && free >> seat & 1 == 1;
    let (left, right) = (i64::from(start) - 1, i64::from(start + count));
    let lone_left = is_free(left) && joined(left) && !(is_free(left - 1) && joined(left - 1));
    let last = right - 1;
    let lone_right = right < 64 && joined(last) && is_free(right) && !(joined(right) && is_free(right + 1));
    u32::from(lone_left) + u32::from(lone_right)
}

/// Twice the distance between the party's middle and the row's.
fn off_centre(row: &HallRow, start: u32, count: u32) -> u32 {
    (2 * start + count).abs_diff(row.len)
}
