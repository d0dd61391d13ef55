//! An order as its buyer's page: what is held and for how long, what it costs, how it can be paid, what became of it.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::Site;
use super::browse;
use super::map::money;
use super::refusals::time_of_day;
use super::tickets;
use super::words::Said;
use crate::shop::Sale;
use crate::shop::order::{Method, Order, Stage};
use crate::shop::stock::Offer;
use crate::shown::seat;

/// What was typed and is not kept yet, and what is to be said of it.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) message: Option<String>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    /// A code that is not good.
    pub(super) code: Option<String>,
}

pub(super) fn show(site: &Site, headers: &HeaderMap, status: StatusCode, order: &Order, draft: Draft) -> Response {
    let left_ms = order.until_ms.saturating_sub((site.0.clock)());
    let said = site.0.pages.said(headers);
    let values = site.0.writer.look(|sale| {
        let offer = sale.offer(order.event.as_str());
        let tickets = tickets::of(sale, order);
        let link = tickets.as_ref().map(|(link, _)| link.clone());
        let tickets: Vec<Value> = (tickets.iter().flat_map(|(_, tickets)| tickets))
            .map(|ticket| ticket.value(said))
            .collect();
        context! {
            writes => sale.outbox().targets().any(|target| target.by_mail),
            email => draft.email.or_else(|| order.contact.email.clone()), name => draft.name.or_else(|| order.name.clone()),
            code_typed => draft.code, message => draft.message, offer => offer.map(browse::shown),
            before => offer.and_then(|offer| offer.place_in_line(order)), link, tickets, seats => seats(order, offer, said),
            points => points(sale, order), ..costs(order, offer)
        }
    });
    let values = context! {
        id => order.id.as_str(), event => order.event.as_str(), count => order.places.count, state => state(order, left_ms),
        stage => Value::from(Serde(order.stage)), left_ms, clock => format!("{}:{:02}", left_ms / 60_000, left_ms / 1_000 % 60),
        until => time_of_day(order.until_ms), cards => site.0.till.has_sample_cards(), ..values
    };
    site.0.pages.page(headers, status, "order.html", values)
}

fn state(order: &Order, left_ms: u64) -> &'static str {
    match order.stage {
        Stage::Created => "waiting",
        Stage::Held if left_ms > 0 => "held",
        Stage::Paying | Stage::Paid => "paying",
        Stage::Confirmed if order.method == Some(Method::Door) => "door",
        Stage::Confirmed => "confirmed",
        Stage::Held | Stage::Cancelled | Stage::Expired => "over",
        Stage::Refunding => "refunding",
        Stage::Refunded => "refunded",
    }
}

fn seats(order: &Order, offer: Option<&Offer>, said: &Said) -> Vec<String> {
    let hall = offer.and_then(Offer::hall);
    let names = (order.places.seats.iter()).filter_map(|at| hall.map(|hall| hall.name_of(*at)));
    names.map(|name| seat(said.text("seat"), &name)).collect()
}

fn costs(order: &Order, offer: Option<&Offer>) -> Value {
    let currency = offer.map_or("", |offer| offer.event().price.currency.as_str());
    let price = |minor: u64| format!("{currency} {}", money(minor));
    context! {
        total => price(order.total_minor()), free => order.total_minor() == 0, code => order.code.as_ref().map(|code| code.as_str()),
        off => (order.discount_minor > 0).then(|| price(order.discount_minor)),
    }
}

/// `None` without an account.
fn points(sale: &Sale, order: &Order) -> Option<Value> {
    let (balance, costs) = (sale.points().balance(order.person.as_str()), order.total_minor());
    (balance > 0).then(|| context! { balance, costs, enough => balance >= costs })
}
