//! Halls: numbered seats by section and row. A [`Plan`] is what an organiser writes, a [`Hall`] what is asked for seats.
//! Knows geometry and prices; who holds what is [`Seats`], and for how long is somebody else's business.

mod best;
mod plan;
mod seats;

pub use best::Best;
pub use plan::{Plan, Row, Section, Zone};
pub use seats::Seats;

use std::collections::BTreeMap;

/// Most seats in one row: a row is one machine word. Longer rows are two sections, left and right.
pub const MAX_ROW: u32 = 64;

/// A seat by its place in the hall: rows from best to worst, seats from left to right.
pub type SeatIndex = u32;

/// A plan made ready for questions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hall {
    rows: Vec<HallRow>,
    /// `section-row` → its place in `rows`.
    by_name: BTreeMap<String, usize>,
    zones: Vec<Zone>,
    seat_count: u32,
}

/// Bit `n` of a word is the row's seat `n + 1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HallRow {
    section: String,
    row: String,
    first: SeatIndex,
    len: u32,
    zone: usize,
    accessible: u64,
    /// Seats with an aisle at their right hand.
    aisles: u64,
}

impl Hall {
    #[must_use]
    pub fn seat_count(&self) -> u32 {
        self.seat_count
    }

    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// `section-row-number`, as printed on a ticket; empty for a seat that is not there.
    #[must_use]
    pub fn name_of(&self, seat: SeatIndex) -> String {
        self.row_of(seat).map_or_else(String::new, |(_, row)| {
            format!("{}-{}-{}", row.section, row.row, seat - row.first + 1)
        })
    }

    /// The other way round.
    #[must_use]
    pub fn seat_named(&self, name: &str) -> Option<SeatIndex> {
        let (row, number) = name.rsplit_once('-')?;
        // One spelling a seat: no sign, no leading zero.
        let number: u32 = number
            .parse()
            .ok()
            .filter(|parsed: &u32| parsed.to_string() == number)?;
        let row = self.rows.get(*self.by_name.get(row)?)?;
        (1..=row.len).contains(&number).then(|| row.first + number - 1)
    }

    #[must_use]
    pub fn price_minor(&self, seat: SeatIndex) -> u64 {
        self.row_of(seat)
            .and_then(|(_, row)| self.zones.get(row.zone))
            .map_or(0, |zone| zone.price_minor)
    }

    #[must_use]
    pub fn has_zone(&self, zone: &str) -> bool {
        self.zones.iter().any(|known| known.id == zone)
    }

    /// Section, row, seats, zone, aisles and accessible seats (numbers) of every row, for whoever draws it.
    pub fn drawn(&self) -> impl Iterator<Item = Drawn<'_>> {
        self.rows.iter().map(|row| Drawn {
            section: &row.section,
            row: &row.row,
            first: row.first,
            len: row.len,
            zone: self.zones.get(row.zone).map_or("", |zone| zone.id.as_str()),
            accessible: (1..=row.len)
                .filter(|number| row.accessible >> (number - 1) & 1 == 1)
                .collect(),
            aisles: (1..=row.len)
                .filter(|number| row.aisles >> (number - 1) & 1 == 1)
                .collect(),
        })
    }

    fn row_of(&self, seat: SeatIndex) -> Option<(usize, &HallRow)> {
        let at = self.rows.partition_point(|row| row.first <= seat).checked_sub(1)?;
        let row = self.rows.get(at)?;
        (seat - row.first < row.len).then_some((at, row))
    }
}

/// One row as somebody who draws the hall needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drawn<'a> {
    pub section: &'a str,
    pub row: &'a str,
    pub first: SeatIndex,
    pub len: u32,
    pub zone: &'a str,
    pub accessible: Vec<u32>,
    /// There is an aisle after these.
    pub aisles: Vec<u32>,
}

#[cfg(test)]
mod tests;
