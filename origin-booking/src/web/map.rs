//! A hall as a drawing: where each row and seat is on the page, what it is called and whether it is free. A large hall is
//! drawn a section at a time. Pure; what it looks like is the template's.

use serde::Serialize;

use super::words::Said;
use crate::shop::hall::{Drawn, Hall, Seats};
use crate::shown::capital;

/// Most seats in one drawing. In a section that is larger the best seats are chosen by price.
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
    /// Of a hall that is too large for one drawing: what to choose from first.
    overview: Vec<Choice>,
    zones: Vec<Zone>,
    sections: Vec<Section>,
}

/// A section of a large hall.
#[derive(Serialize, PartialEq, Eq, Debug)]
struct Choice {
    id: String,
    name: String,
    left: u32,
    seats: u32,
    /// From the lowest to the highest.
    price: String,
    /// It is the one that is drawn.
    is_open: bool,
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
    pub(super) fn of(hall: &Hall, seats: &Seats, section: Option<&str>, said: &Said) -> Map {
        let zones = hall.zones().iter().enumerate().map(|(at, zone)| Zone {
            id: zone.id.clone(),
            price: money(zone.price_minor),
            look: at % LOOKS,
        });
        let overview = match hall.seat_count() > MAX_DRAWN {
            true => overview(hall, seats, section),
            false => Vec::new(),
        };
        let open = overview
            .iter()
            .find(|choice| choice.is_open && choice.seats <= MAX_DRAWN);
        let mut map = Map {
            width: 0,
            height: STAGE_HEIGHT,
            is_drawn: hall.seat_count() <= MAX_DRAWN || open.is_some(),
            zones: zones.collect(),
            sections: Vec::new(),
            overview: Vec::new(),
        };
        if map.is_drawn {
            map.draw(hall, seats, open.map(|choice| choice.id.as_str()), said);
        }
        Map { overview, ..map }
    }

    fn draw(&mut self, hall: &Hall, seats: &Seats, section: Option<&str>, said: &Said) {
        let rows = || hall.drawn().filter(|row| section.is_none_or(|id| row.section == id));
        let widest = rows().map(|row| width(&row)).max().unwrap_or(0);
        self.width = widest + 2 * MARGIN;
        for drawn in rows() {
            let name = capital(drawn.section);
            if self.sections.last().is_none_or(|section| section.name != name) {
                let (y, rows) = (self.height + HEADING - 10, Vec::new());
                self.sections.push(Section { name, y, rows });
                self.height += HEADING;
            }
            let zone = hall.zones().iter().position(|zone| zone.id == drawn.zone).unwrap_or(0);
            let left = MARGIN + (widest - width(&drawn)) / 2;
            let row = Row {
                name: drawn.row.to_owned(),
                y: self.height,
                look: zone % LOOKS,
                price_minor: hall.price_minor(drawn.first),
                seats: row(hall, seats, &drawn, left, said),
            };
            if let Some(section) = self.sections.last_mut() {
                section.rows.push(row);
            }
            self.height += PITCH;
        }
        self.height += 8;
    }
}

/// Each section once, in the order of the hall; nothing to choose from where there is only one.
fn overview(hall: &Hall, seats: &Seats, open: Option<&str>) -> Vec<Choice> {
    let mut found: Vec<(Choice, u64, u64)> = Vec::new();
    for row in hall.drawn() {
        let free = (row.first..row.first + row.len).filter(|seat| seats.is_free(hall, *seat));
        let (free, price) = (free.count(), hall.price_minor(row.first));
        let at = found
            .iter()
            .position(|(choice, ..)| choice.id == row.section)
            .unwrap_or_else(|| {
                let choice = Choice {
                    id: row.section.to_owned(),
                    name: capital(row.section),
                    left: 0,
                    seats: 0,
                    price: String::new(),
                    is_open: open == Some(row.section),
                };
                found.push((choice, price, price));
                found.len() - 1
            });
        if let Some((choice, low, high)) = found.get_mut(at) {
            choice.left += u32::try_from(free).unwrap_or(0);
            choice.seats += row.len;
            (*low, *high) = (price.min(*low), price.max(*high));
        }
    }
    let priced = found.into_iter().map(|(choice, low, high)| Choice {
        price: if low == high {
            money(low)
        } else {
            format!("{}–{}", money(low), money(high))
        },
        ..choice
    });
    let all: Vec<Choice> = priced.collect();
    if all.len() > 1 { all } else { Vec::new() }
}

fn width(row: &Drawn<'_>) -> u32 {
    let aisles = row.aisles.iter().filter(|after| **after < row.len).count();
    row.len * PITCH + AISLE * u32::try_from(aisles).unwrap_or(0)
}

fn row(hall: &Hall, free: &Seats, row: &Drawn<'_>, left: u32, said: &Said) -> Vec<Seat> {
    let price = money(hall.price_minor(row.first));
    let mut x = left;
    let mut seats = Vec::new();
    for number in 1..=row.len {
        let is_free = free.is_free(hall, row.first + number - 1);
        let is_accessible = row.accessible.contains(&number);
        let short = said.filled("map.short", &[("row", row.row), ("number", &number.to_string())]);
        let kind = if is_accessible {
            format!(", {}", said.text("map.wheelchair"))
        } else {
            String::new()
        };
        let state = said.text(if is_free { "map.free" } else { "map.taken" });
        seats.push(Seat {
            id: format!("{}-{}-{number}", row.section, row.row),
            x,
            is_free,
            is_accessible,
            label: format!("{short}{kind}, {price}, {state}"),
        });
        x += PITCH + if row.aisles.contains(&number) { AISLE } else { 0 };
    }
    seats
}

pub(super) fn money(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
