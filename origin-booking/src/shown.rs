//! An order in the words of the API: the same in answers and in what others are told.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::post::words::fill;
use crate::shop::hall::Hall;
use crate::shop::order::{Method, Order, Stage};
use crate::shop::stock::Offer;

const SEAT: &str = "{section}, row {row}, seat {number}";

/// What people call the seat that the API calls `stalls-2-13`: `Stalls, row 2, seat 13`, or by another language's pattern.
pub(crate) fn seat(pattern: &str, name: &str) -> String {
    let mut parts = name.split('-');
    let mut next = || parts.next().unwrap_or_default();
    let (section, row, number) = (capital(next()), next(), next());
    fill(pattern, &[("section", &section), ("row", row), ("number", number)])
}

/// In English.
pub(crate) fn seat_in_english(name: &str) -> String {
    seat(SEAT, name)
}

/// `stalls` → `Stalls`.
pub(crate) fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest.by_ref()).collect::<String>()
    })
}

/// Money in the currency's smallest unit, times in milliseconds since the Unix epoch, `null` where there is none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct Shown {
    /// The reference that is read out at the door; a hold and its order have the same.
    id: String,
    /// The address of its page, and its buyer's proof: told to them alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    event: String,
    stage: Stage,
    count: u32,
    /// Names; `null` where places are not numbered.
    seats: Option<Vec<String>>,
    /// The same, as people call them.
    seat_names: Option<Vec<String>>,
    price_minor: u64,
    discount_minor: u64,
    total_minor: u64,
    currency: Option<String>,
    name: Option<String>,
    code: Option<String>,
    email: Option<String>,
    language: Option<String>,
    method: Option<Method>,
    created_at_ms: u64,
    /// A hold is good until the millisecond before.
    expires_at_ms: Option<u64>,
    settled_at_ms: Option<u64>,
    /// How many are before it on the waiting list.
    waiting_before: Option<usize>,
}

impl Shown {
    pub(crate) fn with_link(self, link: Option<String>) -> Shown {
        Shown { link, ..self }
    }
}

pub(crate) fn order(order: &Order, offer: Option<&Offer>) -> Shown {
    let hall = offer.and_then(Offer::hall);
    let names = |hall: &Arc<Hall>| {
        order
            .places
            .seats
            .iter()
            .map(|seat| hall.name_of(*seat))
            .collect::<Vec<_>>()
    };
    let seats = hall.map(names);
    let spoken = |seats: &Vec<String>| seats.iter().map(|name| seat_in_english(name)).collect();
    let time = |ms: u64| (ms > 0).then_some(ms);
    let waiting = order.stage == Stage::Created;
    let wanted = order.want.as_ref().map_or(0, |want| want.count());
    Shown {
        id: order.id.to_string(),
        link: None,
        event: order.event.to_string(),
        stage: order.stage,
        count: if waiting { wanted } else { order.places.count },
        seat_names: seats.as_ref().map(spoken),
        seats,
        price_minor: order.places.price_minor,
        discount_minor: order.discount_minor,
        total_minor: order.total_minor(),
        currency: offer.map(|offer| offer.event().price.currency.clone()),
        name: order.name.clone(),
        code: order.code.as_ref().map(ToString::to_string),
        email: order.contact.email.clone(),
        language: order.contact.language.clone(),
        method: order.method,
        created_at_ms: order.created_at_ms,
        expires_at_ms: time(order.until_ms),
        settled_at_ms: time(order.settled_at_ms),
        waiting_before: offer.filter(|_| waiting).and_then(|offer| offer.place_in_line(order)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_called_as_people_call_them() {
        assert_eq!(seat_in_english("stalls-2-13"), "Stalls, row 2, seat 13");
        assert_eq!(seat("{section} {row}열 {number}번", "box-W-1"), "Box W열 1번");
        assert_eq!(capital(""), "");
    }
}
