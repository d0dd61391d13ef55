//! The compact plan of a hall, as an organiser writes it in JSON, and its checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hall, HallRow, MAX_ROW};
use crate::shop::catalogue::{MAX_PRICE_MINOR, MAX_STOCK};

/// Most zones, and most characters of the id of a zone, section or row.
const MAX_ZONES: usize = 64;
const MAX_ID: usize = 16;

/// Sections from the best to the worst; so are the rows of each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[schema(min_items = 1, max_items = 64)]
    pub zones: Vec<Zone>,
    #[schema(min_items = 1)]
    pub sections: Vec<Section>,
}

/// Seats of one price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    #[schema(pattern = "^[A-Za-z0-9]{1,16}$")]
    pub id: String,
    #[schema(maximum = 1_000_000_000)]
    pub price_minor: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    #[schema(pattern = "^[A-Za-z0-9]{1,16}$")]
    pub id: String,
    /// The zone of its rows that name none.
    #[schema(pattern = "^[A-Za-z0-9]{1,16}$")]
    pub zone: String,
    pub rows: Vec<Row>,
}

/// One row, or several alike.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    #[schema(pattern = "^[A-Za-z0-9]{1,16}$")]
    pub id: String,
    /// So many rows alike; then `id` is a number and they count on from it.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schema(minimum = 1, maximum = 100_000)]
    pub rows: u32,
    #[schema(minimum = 1, maximum = 64)]
    pub seats: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Numbers of the seats for wheelchairs; the leftmost seat is 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accessible: Vec<u32>,
    /// There is an aisle after these seats: nobody sits together across it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aisles: Vec<u32>,
}

fn one() -> u32 {
    1
}

fn is_one(rows: &u32) -> bool {
    *rows == 1
}

impl Plan {
    /// Makes it ready.
    ///
    /// # Errors
    /// What is wrong, in words for the organiser.
    pub fn hall(&self) -> Result<Hall, String> {
        self.check_zones()?;
        let mut hall = Hall {
            rows: Vec::new(),
            by_name: BTreeMap::new(),
            zones: self.zones.clone(),
            seat_count: 0,
        };
        for section in &self.sections {
            check_id("section", &section.id)?;
            for row in &section.rows {
                for id in row.ids()? {
                    let place = hall.rows.len();
                    if hall.by_name.insert(format!("{}-{id}", section.id), place).is_some() {
                        return Err(format!("row {}-{id} is there twice", section.id));
                    }
                    self.add(&mut hall, section, row, id)?;
                }
            }
        }
        match hall.seat_count {
            0 => Err("a hall has at least one seat".to_owned()),
            _ => Ok(hall),
        }
    }

    fn check_zones(&self) -> Result<(), String> {
        if self.zones.is_empty() || self.zones.len() > MAX_ZONES {
            return Err(format!("a hall has 1-{MAX_ZONES} zones"));
        }
        let mut ids = BTreeSet::new();
        for zone in &self.zones {
            check_id("zone", &zone.id)?;
            if !ids.insert(&zone.id) {
                return Err(format!("zone {} is there twice", zone.id));
            }
            if zone.price_minor > MAX_PRICE_MINOR {
                return Err(format!("zone {}: a price is at most 10,000,000.00", zone.id));
            }
        }
        Ok(())
    }

    fn add(&self, hall: &mut Hall, section: &Section, row: &Row, id: String) -> Result<(), String> {
        let zone = row.zone.as_ref().unwrap_or(&section.zone);
        let found = self.zones.iter().position(|known| known.id == *zone);
        let zone = found.ok_or_else(|| format!("row {}-{id}: there is no zone `{zone}`", section.id))?;
        let bits = |what: &str, numbers: &[u32]| {
            bits(numbers, row.seats).map_err(|n| format!("row {}-{id}: no {what} {n}", section.id))
        };
        let (accessible, aisles) = (bits("seat", &row.accessible)?, bits("aisle after", &row.aisles)?);
        if hall.seat_count + row.seats > MAX_STOCK {
            return Err(format!("a hall has at most {MAX_STOCK} seats"));
        }
        hall.rows.push(HallRow {
            section: section.id.clone(),
            row: id,
            first: hall.seat_count,
            len: row.seats,
            zone,
            accessible,
            aisles,
        });
        hall.seat_count += row.seats;
        Ok(())
    }
}

impl Row {
    fn ids(&self) -> Result<Vec<String>, String> {
        check_id("row", &self.id)?;
        if !(1..=MAX_ROW).contains(&self.seats) {
            return Err(format!("row {}: a row has 1-{MAX_ROW} seats", self.id));
        }
        if self.rows == 1 {
            return Ok(vec![self.id.clone()]);
        }
        let first: u32 = self
            .id
            .parse()
            .map_err(|_| format!("row {}: rows that repeat begin with a number", self.id))?;
        if self.rows == 0 || self.rows > MAX_STOCK || first > MAX_STOCK {
            return Err(format!("row {}: repeats 1-{MAX_STOCK} times", self.id));
        }
        Ok((first..first + self.rows).map(|id| id.to_string()).collect())
    }
}

/// Seat numbers as a word; `Err` with the one that is not there.
fn bits(numbers: &[u32], seats: u32) -> Result<u64, u32> {
    numbers
        .iter()
        .try_fold(0, |word, number| match (1..=seats).contains(number) {
            true => Ok(word | 1_u64 << (number - 1)),
            false => Err(*number),
        })
}

fn check_id(what: &str, id: &str) -> Result<(), String> {
    let good = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match good {
        true => Ok(()),
        false => Err(format!(
            "the id of a {what} is 1-{MAX_ID} letters and digits, not `{}`",
            id.escape_debug()
        )),
    }
}
