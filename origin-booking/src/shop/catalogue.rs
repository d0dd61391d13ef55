//! What can be on offer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hall::{Plan, Row, Section, Zone};
use super::ids::{EventId, is_plain_id};

/// Most seats, or places of general admission, of one event.
pub const MAX_STOCK: u32 = 100_000;
/// Latest moment: the end of the year 9999.
pub const MAX_TIME_MS: u64 = 253_402_300_799_999;
/// Longest title or venue, in characters.
pub const MAX_TEXT: usize = 200;
/// What one person may have of an event where its organiser says nothing.
pub const USUAL_CAP: u32 = 8;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    #[schema(value_type = String, pattern = "^[a-z0-9-]{1,40}$", examples("harbour-lights"))]
    pub id: EventId,
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[schema(min_length = 1, max_length = 200)]
    pub venue: String,
    /// In words, in the venue's own time.
    #[schema(max_length = 200)]
    pub when: String,
    /// Milliseconds since the Unix epoch; 0 where nobody said. What searches by date look at.
    #[serde(default)]
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub starts_at_ms: u64,
    /// Of a place of general admission; a hall's seats have the prices of their zones, in this currency.
    pub price: Price,
    /// Places of general admission. 0 where there is a hall.
    #[schema(maximum = 100_000)]
    pub seats: u32,
    /// Where places are numbered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hall: Option<Plan>,
    /// Most places that one person may have, held and bought together.
    #[serde(default = "usual_cap")]
    #[schema(maximum = 100)]
    pub cap: u32,
}

/// In the currency's smallest unit; all currencies here have two decimals.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    #[schema(pattern = "^[A-Z]{3}$", examples("EUR"))]
    pub currency: String,
    #[schema(maximum = 1_000_000_000)]
    pub minor: u64,
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}.{:02}", self.currency, self.minor / 100, self.minor % 100)
    }
}

fn usual_cap() -> u32 {
    USUAL_CAP
}

impl Event {
    /// Why this cannot be put on offer, where that is so; the hall is checked by itself.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        let fits = |text: &str| !text.is_empty() && text.chars().count() <= MAX_TEXT;
        let currency = &self.price.currency;
        if !is_plain_id(self.id.as_str()) {
            return Some("an id is 1-40 characters of a-z, 0-9 and -");
        }
        if !fits(&self.title) || !fits(&self.venue) || self.when.chars().count() > MAX_TEXT {
            return Some("title and venue are 1-200 characters, `when` at most 200");
        }
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Some("a currency is three capital letters");
        }
        if self.price.minor > MAX_PRICE_MINOR {
            return Some("a price is at most 10,000,000.00");
        }
        if self.starts_at_ms > MAX_TIME_MS {
            return Some("an event starts before the year 10000");
        }
        if self.hall.is_some() && self.seats > 0 {
            return Some("an event has a hall or a number of places, not both");
        }
        if self.seats > MAX_STOCK || self.cap > MAX_CAP {
            return Some("at most 100,000 places, and 100 a person");
        }
        None
    }
}

/// Highest price of one place: sums of [`MAX_CAP`] of them stay far inside 64 bits.
pub(super) const MAX_PRICE_MINOR: u64 = 1_000_000_000;
/// Highest purchase cap.
pub const MAX_CAP: u32 = 100;

/// A catalogue for demonstrations and first starts.
#[must_use]
pub fn sample() -> Vec<Event> {
    let event = |id: &str, title: &str, venue: &str, when: &str, starts_at_s: u64, minor, seats| Event {
        id: id.into(),
        title: title.to_owned(),
        venue: venue.to_owned(),
        when: when.to_owned(),
        starts_at_ms: starts_at_s * 1_000,
        price: Price {
            currency: "EUR".to_owned(),
            minor,
        },
        seats,
        hall: None,
        cap: USUAL_CAP,
    };
    let (saturday_20_00, sunday_19_30, sunday_23_00) = (1_797_102_000, 1_797_186_600, 1_797_199_200);
    let friday_19_30 = 1_797_618_600;
    vec![
        event(
            "harbour-lights",
            "Harbour Lights",
            "The Dock, main hall",
            "Saturday 12 December, 20:00",
            saturday_20_00,
            4_900,
            500,
        ),
        event(
            "night-ferry",
            "Night Ferry",
            "The Dock, upper deck",
            "Sunday 13 December, 19:30",
            sunday_19_30,
            3_200,
            120,
        ),
        event(
            "small-hours",
            "Small Hours",
            "The Boathouse",
            "Sunday 13 December, 23:00",
            sunday_23_00,
            1_800,
            40,
        ),
        Event {
            hall: Some(chamber_hall()),
            ..event(
                "four-hands",
                "Four Hands",
                "The Dock, chamber hall",
                "Friday 18 December, 19:30",
                friday_19_30,
                1_900,
                0,
            )
        },
    ]
}

/// 264 numbered seats at three prices.
fn chamber_hall() -> Plan {
    let row = |id: &str, rows, seats, aisles: &[u32]| Row {
        id: id.to_owned(),
        rows,
        seats,
        zone: None,
        accessible: Vec::new(),
        aisles: aisles.to_vec(),
    };
    let section = |id: &str, zone: &str, rows| Section {
        id: id.to_owned(),
        zone: zone.to_owned(),
        rows,
    };
    let zone = |id: &str, price_minor| Zone {
        id: id.to_owned(),
        price_minor,
    };
    let wheelchairs = Row {
        zone: Some("C".to_owned()),
        accessible: vec![1, 2, 11, 12],
        ..row("W", 1, 12, &[6])
    };
    Plan {
        zones: vec![zone("A", 4_500), zone("B", 2_900), zone("C", 1_900)],
        sections: vec![
            section("stalls", "A", vec![row("1", 6, 18, &[9])]),
            section("circle", "B", vec![row("1", 5, 20, &[5, 15]), wheelchairs]),
            section("balcony", "C", vec![row("1", 2, 22, &[])]),
        ],
    }
}
