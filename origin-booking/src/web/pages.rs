//! Pages for people: rendered here, escaped by the template engine, nothing loaded from anywhere.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::Site;
use super::claims;
use super::map::Map;
use super::problem::{Problem, refuse};
use super::random;
use crate::pass::Visitor;
use crate::shop::Sale;
use crate::shop::catalogue::{MAX_CAP, Price, USUAL_CAP};
use crate::shop::order::{Order, Share};
use crate::shop::stock::Offer;

/// Everything else is forbidden to the page.
const POLICY: &str = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const BROKEN: &str = "This page is broken. Sorry.\n";

pub(super) struct Pages(Environment<'static>);

impl Pages {
    pub(super) fn new() -> Result<Pages, minijinja::Error> {
        let mut pages = Environment::new();
        // Names end in .html: the engine escapes whatever it puts into them.
        pages.add_template("base.html", include_str!("templates/base.html"))?;
        pages.add_template("front.html", include_str!("templates/front.html"))?;
        pages.add_template("event.html", include_str!("templates/event.html"))?;
        pages.add_template("hall.html", include_str!("templates/hall.html"))?;
        pages.add_template("map.js", include_str!("templates/map.js"))?;
        pages.add_template("order.html", include_str!("templates/order.html"))?;
        pages.add_template("codes.html", include_str!("templates/codes.html"))?;
        pages.add_template("codes_list.html", include_str!("templates/codes_list.html"))?;
        pages.add_template("tickets.html", include_str!("templates/tickets.html"))?;
        pages.add_template("office.html", include_str!("templates/office.html"))?;
        pages.add_template("office_door.html", include_str!("templates/office_door.html"))?;
        pages.add_template("booked.html", include_str!("templates/booked.html"))?;
        pages.add_template("leave.html", include_str!("templates/leave.html"))?;
        pages.add_template("left.html", include_str!("templates/left.html"))?;
        pages.add_template("refusal.html", include_str!("templates/refusal.html"))?;
        Ok(Pages(pages))
    }

    pub(super) fn refusal(&self, status: StatusCode, title: &str, detail: &str, front_door: Option<&str>) -> Response {
        self.page(status, "refusal.html", context! { title, detail, front_door })
    }

    pub(super) fn booked(&self, site: &Site, order: &Order) -> Response {
        let offer = site.0.writer.look(|sale| sale.offer(order.event.as_str()).map(shown));
        let front_door = site.0.front_door.as_str();
        let (name, seats) = (order.name.as_deref(), order.places.count);
        let link = site
            .0
            .writer
            .look(|sale| super::tickets::of(sale, order))
            .map(|(link, _)| link);
        let values = context! { reference => order.id.as_str(), seats, name, offer, front_door, link };
        self.page(StatusCode::CREATED, "booked.html", values)
    }

    pub(super) fn left(&self, front_door: &str) -> Response {
        self.page(StatusCode::OK, "left.html", context! { front_door })
    }

    pub(super) fn page(&self, status: StatusCode, name: &str, values: Value) -> Response {
        let Some(nonce) = random::unguessable() else {
            return (StatusCode::INTERNAL_SERVER_ERROR, BROKEN).into_response();
        };
        let values = context! { nonce => nonce.as_str(), ..values };
        let page = match self.0.get_template(name).and_then(|template| template.render(values)) {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(name, %error, "a page could not be made");
                return (StatusCode::INTERNAL_SERVER_ERROR, BROKEN).into_response();
            }
        };
        let mut response = (status, Html(page)).into_response();
        let scripts = match name {
            "hall.html" | "order.html" => format!("; script-src 'nonce-{nonce}'; connect-src 'self'"),
            _ => String::new(),
        };
        let policy = format!("{POLICY}; style-src 'nonce-{nonce}'{scripts}");
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response
    }
}

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

pub(super) async fn front(State(site): State<Site>) -> Response {
    let offers: Vec<Value> = site
        .0
        .writer
        .look(|sale| in_time(sale).into_iter().map(shown).collect());
    site.0.pages.page(StatusCode::OK, "front.html", context! { offers })
}

/// The soonest first.
pub(super) fn in_time(sale: &Sale) -> Vec<&Offer> {
    let mut offers: Vec<&Offer> = sale.offers().collect();
    offers.sort_by_key(|offer| (offer.event().starts_at_ms, offer.event().id.as_str()));
    offers
}

pub(super) async fn event(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
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
            let map = Value::from(Serde(Map::of(&hall, &seats)));
            ("hall.html", context! { map, ..values })
        }
        None => ("event.html", values),
    };
    site.0.pages.page(StatusCode::OK, name, values)
}
