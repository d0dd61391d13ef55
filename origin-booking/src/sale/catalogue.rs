//! What can be on offer.

use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// 1–40 characters of `[a-z0-9-]`; part of addresses.
    pub id: String,
    pub title: String,
    pub venue: String,
    /// In words, in the venue's own time.
    pub when: String,
    pub price: Price,
    pub seats: u32,
}

/// In the currency's smallest unit; all currencies here have two decimals.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Price {
    pub currency: String,
    pub minor: u64,
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}.{:02}", self.currency, self.minor / 100, self.minor % 100)
    }
}

/// A catalogue for demonstrations and first starts.
#[must_use]
pub fn sample() -> Vec<Event> {
    let event = |id: &str, title: &str, venue: &str, when: &str, minor, seats| Event {
        id: id.to_owned(),
        title: title.to_owned(),
        venue: venue.to_owned(),
        when: when.to_owned(),
        price: Price {
            currency: "EUR".to_owned(),
            minor,
        },
        seats,
    };
    vec![
        event(
            "harbour-lights",
            "Harbour Lights",
            "The Dock, main hall",
            "Saturday 12 December, 20:00",
            4_900,
            500,
        ),
        event(
            "night-ferry",
            "Night Ferry",
            "The Dock, upper deck",
            "Sunday 13 December, 19:30",
            3_200,
            120,
        ),
        event(
            "small-hours",
            "Small Hours",
            "The Boathouse",
            "Sunday 13 December, 23:00",
            1_800,
            40,
        ),
    ]
}
