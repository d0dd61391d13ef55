//! A hall as a drawing: where each row and seat is on the page, what it is called and whether it is free. Pure; what it
//! looks like is the template's.

use serde::Serialize;

use crate::shop::hall::{Drawn, Hall, Seats};

/// Larger halls are not drawn: there the best seats are chosen by price.
const MAX_DRAWN: u32 = 3_000;
/// Colours with their patterns; further zones begin again.
const LOOKS: usize = 8;

/// Pixels from one seat to the next: large enough for a thumb.
const PITCH: u32 = 28;
const AISLE: u32 = 16;
/// Left of the rows, for their names.
const MARGIN: u32 = 44;
const STAGE_HEIGHT: u32 = 44;
const HEADING: u32 = 34;

#[derive(Serialize, PartialEq, Eq, Debug)]
pub(super) struct Map {
    width: u32,
    height: u32,
    /// False: too large, `sections` is empty.
    is_drawn: bool,
    zones: Vec<Zone>,
    sections: Vec<Section>,
}

#[derive(Serialize, PartialEq, Eq, Debug)]
struct Zone {
    id: String,
    price: String,
    look: usize,
}

#[derive(Serialize, PartialEq, Eq, Debug)]
struct Section {
    name: String,
    y: u32,
    rows: Vec<Row>,
}

#[derive(Serialize, PartialEq, Eq, Debug)]
struct Row {
    name: String,
    y: u32,
    look: usize,
    price_minor: u64,
    seats: Vec<Seat>,
}

#[derive(Serialize, PartialEq, Eq, Debug)]
struct Seat {
    /// As the API names it.
    id: String,
    x: u32,
    is_free: bool,
    is_accessible: bool,
    /// What a screen reader says.
    label: String,
}

impl Map {
    pub(super) fn of(hall: &Hall, seats: &Seats) -> Map {
        let zones = hall.zones().iter().enumerate().map(|(at, zone)| Zone {
            id: zone.id.clone(),
            price: money(zone.price_minor),
            look: at % LOOKS,
        });
        let mut map = Map {
            width: 0,
            height: STAGE_HEIGHT,
            is_drawn: hall.seat_count() <= MAX_DRAWN,
            zones: zones.collect(),
            sections: Vec::new(),
        };
        if map.is_drawn {
            map.draw(hall, seats);
        }
        map
    }

    fn draw(&mut self, hall: &Hall, seats: &Seats) {
        let widest = hall.drawn().map(|row| width(&row)).max().unwrap_or(0);
        self.width = widest + 2 * MARGIN;
        for drawn in hall.drawn() {
            let name = capital(drawn.section);
            if self.sections.last().is_none_or(|section| section.name != name) {
                let (y, rows) = (self.height + HEADING - 10, Vec::new());
                self.sections.push(Section { name, y, rows });
                self.height += HEADING;
            }
            let zone = hall.zones().iter().position(|zone| zone.id == drawn.zone).unwrap_or(0);
            let price_minor = hall.price_minor(drawn.first);
            let row = Row {
                name: drawn.row.to_owned(),
                y: self.height,
                look: zone % LOOKS,
                price_minor,
                seats: row(
                    &drawn,
                    MARGIN + (widest - width(&drawn)) / 2,
                    &money(price_minor),
                    |seat| seats.is_free(hall, seat),
                ),
            };
            if let Some(section) = self.sections.last_mut() {
                section.rows.push(row);
            }
            self.height += PITCH;
        }
        self.height += 8;
    }
}

fn width(row: &Drawn<'_>) -> u32 {
    let aisles = row.aisles.iter().filter(|after| **after < row.len).count();
    row.len * PITCH + AISLE * u32::try_from(aisles).unwrap_or(0)
}

fn row(row: &Drawn<'_>, left: u32, price: &str, is_free: impl Fn(u32) -> bool) -> Vec<Seat> {
    let mut x = left;
    let mut seats = Vec::new();
    for number in 1..=row.len {
        let is_free = is_free(row.first + number - 1);
        let is_accessible = row.accessible.contains(&number);
        let kind = if is_accessible { ", wheelchair place" } else { "" };
        let state = if is_free { "free" } else { "taken" };
        seats.push(Seat {
            id: format!("{}-{}-{number}", row.section, row.row),
            x,
            is_free,
            is_accessible,
            label: format!("Row {} seat {number}{kind}, {price}, {state}", row.row),
        });
        x += PITCH + if row.aisles.contains(&number) { AISLE } else { 0 };
    }
    seats
}

pub(super) fn money(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// `stalls` → `Stalls`.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest.by_ref()).collect::<String>()
    })
}
