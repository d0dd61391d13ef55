//! An order in the words of the API: the same in answers and in what others are told.

use serde_json::{Value, json};

use crate::shop::order::{Order, Stage};
use crate::shop::stock::Offer;

/// Money in the currency's smallest unit, times in milliseconds since the Unix epoch, `null` where there is none.
pub(crate) fn order(order: &Order, offer: Option<&Offer>) -> Value {
    let hall = offer.and_then(Offer::hall);
    let seats = hall.map(|hall| {
        order
            .places
            .seats
            .iter()
            .map(|seat| hall.name_of(*seat))
            .collect::<Vec<_>>()
    });
    let time = |ms: u64| (ms > 0).then_some(ms);
    let waiting = order.stage == Stage::Created;
    json!({
        "id": order.id,
        "event": order.event,
        "stage": order.stage,
        "count": if waiting { order.want.as_ref().map_or(0, |want| want.count()) } else { order.places.count },
        "seats": seats,
        "price_minor": order.places.price_minor,
        "discount_minor": order.discount_minor,
        "total_minor": order.total_minor(),
        "currency": offer.map(|offer| offer.event().price.currency.as_str()),
        "name": order.name,
        "code": order.code,
        "email": order.contact.email,
        "language": order.contact.language,
        "method": order.method,
        "created_at_ms": order.created_at_ms,
        "expires_at_ms": time(order.until_ms),
        "settled_at_ms": time(order.settled_at_ms),
        "waiting_before": offer.filter(|_| waiting).and_then(|offer| offer.place_in_line(order)),
    })
}
