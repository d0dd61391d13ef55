//! Whose order it is. A pass says who somebody is until the room's session ends; whoever comes back with a new pass is
//! somebody else to the sale, and shows that they are the buyer by the order's signed link: in the address, or in the cookie
//! that the order's page leaves. A claim takes nothing away from the pass: it is asked for before.

use axum::http::{HeaderMap, HeaderValue, header};

use super::Site;
use super::calls::view;
use crate::pass::Visitor;
use crate::shop::Sale;
use crate::shop::ids::{OrderId, PersonId};
use crate::shop::order::Order;
use crate::shown::Shown;
use crate::tickets::Link;

/// Most orders in the cookie, the latest first; the oldest makes room.
pub(super) const MAX_ORDERS: usize = 8;
/// From the last look at one of them: as long as an order that came to nothing is kept.
const KEPT_S: u64 = 72 * 3_600;
const COOKIE: &str = "stanchion-orders";
/// Over HTTPS: a name that no other host of the domain can set.
const COOKIE_HTTPS: &str = "__Host-stanchion-orders";

/// The order that is named by its reference or by its link, where this visitor is its buyer.
pub(super) fn claimed<'a>(sale: &'a Sale, visitor: &Visitor, headers: &HeaderMap, named: &str) -> Option<&'a Order> {
    let linked = linked(sale, named);
    let order = sale.order(linked.as_deref().unwrap_or(named))?;
    let own = order.person.as_str() == visitor.subject;
    let proven = || in_cookie(headers).any(|link| is_of(sale, link, order));
    (linked.is_some() || own || proven()).then_some(order)
}

pub(super) fn theirs(site: &Site, visitor: &Visitor, headers: &HeaderMap, named: &str) -> Option<Order> {
    (site.0.writer).look(|sale| claimed(sale, visitor, headers, named).cloned())
}

/// In whose name something is asked of an order: the buyer's, where the visitor is they. Anybody else asks in their own
/// name, and hears that they have no such order.
pub(super) fn actor(site: &Site, visitor: &Visitor, headers: &HeaderMap, named: &str) -> (PersonId, OrderId) {
    match theirs(site, visitor, headers, named) {
        Some(order) => (order.person, order.id),
        None => (visitor.subject.as_str().into(), named.into()),
    }
}

/// The visitor's orders that did not come to nothing: of this pass, then those of the cookie.
pub(super) fn all_of<'a>(sale: &'a Sale, visitor: &Visitor, headers: &HeaderMap) -> Vec<&'a Order> {
    let mut orders: Vec<&Order> = sale.orders_of(&visitor.subject).collect();
    for link in in_cookie(headers) {
        let order = linked(sale, link).and_then(|id| sale.order(&id));
        orders.extend(order.filter(|order| order.person.as_str() != visitor.subject && !order.stage.is_closed()));
    }
    orders
}

/// The order of a link.
pub(super) fn linked(sale: &Sale, text: &str) -> Option<String> {
    Link::Order.read(text, sale.doors().key()?)
}

/// The order in the words of the API, as its buyer sees it: with the link.
pub(super) fn own(sale: &Sale, order: &Order) -> Shown {
    let link = (sale.doors().key()).map(|key| format!("/orders/{}", Link::Order.to(order.id.as_str(), key)));
    view(order, sale.offer(order.event.as_str())).with_link(link)
}

/// Remembers the order in this browser, before those that it remembers.
pub(super) fn kept(site: &Site, headers: &HeaderMap, order: &Order) -> Option<(header::HeaderName, HeaderValue)> {
    let links = site.0.writer.look(|sale| {
        let first = Link::Order.to(order.id.as_str(), sale.doors().key()?);
        let others = in_cookie(headers).filter(|link| {
            let id = linked(sale, link).filter(|id| *id != order.id.as_str());
            id.is_some_and(|id| sale.order(&id).is_some())
        });
        let mut links = vec![first];
        for other in others.map(str::to_owned) {
            if links.len() < MAX_ORDERS && !links.contains(&other) {
                links.push(other);
            }
        }
        Some(links)
    })?;
    cookie(headers, &links.join("."), KEPT_S)
}

/// This browser is to know no order any more.
pub(super) fn forgotten(headers: &HeaderMap) -> Option<(header::HeaderName, HeaderValue)> {
    cookie(headers, "", 0)
}

fn cookie(headers: &HeaderMap, value: &str, seconds: u64) -> Option<(header::HeaderName, HeaderValue)> {
    let secure = if is_https(headers) { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}",
        name_for(headers)
    );
    let value = HeaderValue::from_str(&text).ok()?;
    Some((header::SET_COOKIE, value))
}

/// The texts that the cookie says, good or not; as many as it may have.
fn in_cookie(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let values = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == name_for(headers)).then_some(value)
    });
    values.flat_map(|value| value.split('.')).take(MAX_ORDERS)
}

/// Costs a signature only where the reference is the right one.
fn is_of(sale: &Sale, link: &str, order: &Order) -> bool {
    link.starts_with(order.id.as_str()) && linked(sale, link).is_some_and(|id| id == order.id.as_str())
}

fn name_for(headers: &HeaderMap) -> &'static str {
    match is_https(headers) {
        true => COOKIE_HTTPS,
        false => COOKIE,
    }
}

/// The edge says so. Whoever says it without one only makes the cookie theirs alone.
fn is_https(headers: &HeaderMap) -> bool {
    (headers.get("x-forwarded-proto")).is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}
