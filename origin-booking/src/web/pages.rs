//! Pages for people: rendered here in their language, escaped by the template engine, nothing loaded from anywhere.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, Value, context};

use super::Site;
use super::browse::shown;
use super::random;
use super::words::{Languages, Said, teach};
use crate::shop::order::Order;

/// Everything else is forbidden to the page.
const POLICY: &str = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const BROKEN: &str = "This page is broken. Sorry.\n";

/// Names end in .html: the engine escapes whatever it puts into them.
const TEMPLATES: [(&str, &str); 20] = [
    ("base.html", include_str!("templates/base.html")),
    ("front.html", include_str!("templates/front.html")),
    ("event.html", include_str!("templates/event.html")),
    ("hall.html", include_str!("templates/hall.html")),
    ("quick.html", include_str!("templates/quick.html")),
    ("map.js", include_str!("templates/map.js")),
    ("order.html", include_str!("templates/order.html")),
    ("card.html", include_str!("templates/card.html")),
    ("codes.html", include_str!("templates/codes.html")),
    ("codes_list.html", include_str!("templates/codes_list.html")),
    ("tickets.html", include_str!("templates/tickets.html")),
    ("poll.html", include_str!("templates/poll.html")),
    ("coupons.html", include_str!("templates/coupons.html")),
    ("office.html", include_str!("templates/office.html")),
    ("office_door.html", include_str!("templates/office_door.html")),
    ("office_refund.html", include_str!("templates/office_refund.html")),
    ("booked.html", include_str!("templates/booked.html")),
    ("leave.html", include_str!("templates/leave.html")),
    ("left.html", include_str!("templates/left.html")),
    ("refusal.html", include_str!("templates/refusal.html")),
];
/// Those with a script, which may ask this site.
const WITH_SCRIPT: [&str; 3] = ["hall.html", "order.html", "poll.html"];

pub(super) struct Pages {
    templates: Environment<'static>,
    languages: Languages,
}

impl Pages {
    pub(super) fn new() -> anyhow::Result<Pages> {
        let mut templates = Environment::new();
        teach(&mut templates);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        let languages = Languages::new()?;
        Ok(Pages { templates, languages })
    }

    /// The words for whoever asks.
    pub(super) fn said(&self, headers: &HeaderMap) -> &Said {
        self.languages.of(headers)
    }

    pub(super) fn booked(&self, headers: &HeaderMap, site: &Site, order: &Order) -> Response {
        let offer = site.0.writer.look(|sale| sale.offer(order.event.as_str()).map(shown));
        let front_door = site.0.front_door.as_str();
        let (name, seats) = (order.name.as_deref(), order.places.count);
        let link = site
            .0
            .writer
            .look(|sale| super::tickets::of(sale, order))
            .map(|(link, _)| link);
        let values = context! { reference => order.id.as_str(), seats, name, offer, front_door, link };
        self.page(headers, StatusCode::CREATED, "booked.html", values)
    }

    pub(super) fn left(&self, headers: &HeaderMap, front_door: &str) -> Response {
        self.page(headers, StatusCode::OK, "left.html", context! { front_door })
    }

    pub(super) fn page(&self, headers: &HeaderMap, status: StatusCode, name: &str, values: Value) -> Response {
        self.page_in(self.said(headers), status, name, values)
    }

    /// For the organiser, whose pages have one language.
    pub(super) fn english_page(&self, status: StatusCode, name: &str, values: Value) -> Response {
        self.page_in(self.languages.english(), status, name, values)
    }

    fn page_in(&self, said: &Said, status: StatusCode, name: &str, values: Value) -> Response {
        let Some(nonce) = random::unguessable() else {
            return (StatusCode::INTERNAL_SERVER_ERROR, BROKEN).into_response();
        };
        let values =
            context! { nonce => nonce.as_str(), w => said.all.clone(), map_words => said.map.as_str(), ..values };
        let rendered = (self.templates.get_template(name)).and_then(|template| template.render(values));
        let page = match rendered {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(name, %error, "a page could not be made");
                return (StatusCode::INTERNAL_SERVER_ERROR, BROKEN).into_response();
            }
        };
        let mut response = (status, Html(page)).into_response();
        let scripts = match WITH_SCRIPT.contains(&name) {
            true => format!("; script-src 'nonce-{nonce}'; connect-src 'self'"),
            false => String::new(),
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
