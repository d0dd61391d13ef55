//! What is on, as pages: the list with its search and the visitor's own orders, and one event to choose from.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::Site;
use super::asked;
use super::claims;
use super::events::{KNOWN, Search};
use super::map::Map;
use super::problem::{Problem, refuse};
use super::random;
use super::refusals::time_of_day;
use super::words::Said;
use crate::pass::Visitor;
use crate::shop::Sale;
use crate::shop::catalogue::{MAX_CAP, Price, USUAL_CAP};
use crate::shop::order::{Order, Share, Stage};
use crate::shop::stock::Offer;

/// Fewer events than this are found by looking.
const SEARCHABLE: usize = 4;

pub(super) fn shown(offer: &Offer) -> Value {
    let event = offer.event();
    let zones = offer.hall().map(|hall| hall.zones());
    let cheapest = zones.and_then(|zones| zones.iter().map(|zone| zone.price_minor).min());
    let price = Price {
        minor: cheapest.unwrap_or(event.price.minor),
        ..event.price.clone()
    };
    context! {
        id => event.id.as_str(), title => event.title.as_str(), venue => event.venue.as_str(), when => event.when.as_str(),
        price => price.to_string(), left => offer.left(), seats => offer.capacity(), numbered => zones.is_some(),
        currency => event.price.currency.as_str(),
    }
}

/// The soonest first.
pub(super) fn in_time(sale: &Sale) -> Vec<&Offer> {
    let mut offers: Vec<&Offer> = sale.offers().collect();
    offers.sort_by_key(|offer| (offer.event().starts_at_ms, offer.event().id.as_str()));
    offers
}

pub(super) async fn front(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let read = || -> Result<(BTreeMap<String, String>, Search), Problem> {
        let mut given = asked::query(query.as_deref(), &KNOWN)?;
        // A form sends what was left empty.
        given.retain(|_, value| !value.trim().is_empty());
        let search = Search::of(&given)?;
        Ok((given, search))
    };
    let (given, search) = match read() {
        Ok(both) => both,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let said = site.0.pages.said(&headers);
    let (offers, total, yours, searchable) = site.0.writer.look(|sale| {
        let (offers, total) = search.find(sale, shown);
        let yours = claims::all_of(sale, &visitor, &headers);
        let yours: Vec<Value> = yours.iter().map(|order| own(sale, order, said)).collect();
        (offers, total, yours, sale.offers().count() >= SEARCHABLE)
    });
    let pages = total.div_ceil(search.per_page);
    let page = search.page;
    let values = context! {
        offers, total, yours, searchable, page, pages, asked => Value::from(Serde(&given)), is_search => !given.is_empty(),
        before => (page > 1).then(|| address(&given, page - 1)), after => (page < pages).then(|| address(&given, page + 1)),
    };
    site.0.pages.page(&headers, StatusCode::OK, "front.html", values)
}

/// One of the visitor's orders, in a line.
fn own(sale: &Sale, order: &Order, said: &Said) -> Value {
    let says = match order.stage {
        Stage::Created => said.text("yours_waiting").to_owned(),
        Stage::Held => said.filled("yours_held", &[("until", &time_of_day(order.until_ms))]),
        Stage::Paying | Stage::Paid => said.text("yours_paying").to_owned(),
        Stage::Refunding => said.text("yours_refunding").to_owned(),
        _ => said.text("yours_confirmed").to_owned(),
    };
    let title = sale
        .offer(order.event.as_str())
        .map(|offer| offer.event().title.as_str());
    context! { id => order.id.as_str(), title, says }
}

/// Another page of the same search.
fn address(given: &BTreeMap<String, String>, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(given.iter().filter(|(name, _)| *name != "page"));
    format!("/?{}", query.append_pair("page", &page.to_string()).finish())
}

pub(super) async fn event(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let section = match asked::query(query.as_deref(), &["section"]) {
        Ok(mut given) => given.remove("section"),
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let found = site.0.writer.look_at(|seq, sale| {
        let offer = sale.offer(&id)?;
        let most = offer.left().min(USUAL_CAP).min(offer.event().cap);
        let theirs = claims::all_of(sale, &visitor, &headers);
        let basket = (theirs.iter())
            .filter(|order| order.event.as_str() == id && order.stage.share() == Share::Held)
            .map(|order| order.id.as_str().to_owned())
            .next();
        let cap = offer.event().cap.min(MAX_CAP);
        let drawn = offer.hall().cloned().zip(offer.free_seats().cloned());
        Some((drawn, context! { offer => shown(offer), seq, most, cap, basket }))
    });
    let Some((drawn, values)) = found else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "unknown-event", "There is no such event.");
        return refuse(&site, &headers, problem);
    };
    // One per page: pressing the button twice books once.
    let values = context! { key => random::unguessable(), ..values };
    let (name, values) = match drawn {
        Some((hall, seats)) => {
            let map = Map::of(&hall, &seats, section.as_deref(), site.0.pages.said(&headers));
            let accessible = hall.drawn().any(|row| !row.accessible.is_empty());
            (
                "hall.html",
                context! { map => Value::from(Serde(map)), accessible, ..values },
            )
        }
        None => ("event.html", values),
    };
    site.0.pages.page(&headers, StatusCode::OK, name, values)
}
