//! From chosen places to a ticket, page by page, without a script: hold → basket → pay → confirmation. The same commands
//! as the API's; a button that is pressed twice does nothing twice.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Site;
use super::asked;
use super::bookings::name;
use super::calls::{Keys, begin, decide_order, submitted};
use super::claims;
use super::contact::contact;
use super::holds;
use super::order_page::{Draft, show};
use super::orders::pay_with;
use super::problem::{Problem, refuse};
use super::refusals::{explained, not_decided, with_retry};
use crate::pass::Visitor;
use crate::shop::Done;
use crate::shop::command::{Ask, CheckOut, Command, Hold, Key};
use crate::shop::order::{Method, Order, Stage};
use crate::shop::refusal::Refusal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    event: String,
    count: u32,
    /// Empty: any.
    #[serde(default)]
    zone: String,
    #[serde(default)]
    accessible: Option<String>,
    #[serde(default)]
    key: Option<String>,
}

/// Holds the best seats of a form.
pub(super) async fn take(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let read = || -> Result<(Hold, Option<Key>), Problem> {
        let chosen: Chosen = asked::body(&headers, &body, &["count"])?;
        let asked = holds::Asked {
            event: chosen.event,
            count: Some(chosen.count),
            seats: None,
            zone: Some(chosen.zone).filter(|zone| !zone.is_empty()),
            accessible: chosen.accessible.is_some(),
            together: true,
            name: None,
            email: None,
            language: None,
        };
        let key = asked::key(&headers, chosen.key, &visitor, "/basket", &asked)?;
        Ok((asked.hold(&visitor, &headers)?, key))
    };
    let (hold, key, _flying) = begin(&site, &headers, Keys::Welcome, read)?;
    let event = hold.event.clone();
    let ask = Ask::Hold(hold);
    match asked_of_writer(&site, &headers, Command { key, ask }).await? {
        Ok(order) => Ok(see(&format!("/orders/{}", order.id))),
        Err(Refusal::UnknownEvent) => Err(refuse(&site, &headers, explained(Refusal::UnknownEvent))),
        Err(refusal) => {
            let problem = explained(refusal).back_to(format!("/events/{event}"));
            Err(with_retry(refuse(&site, &headers, problem)))
        }
    }
}

/// What the writer says to a command whose answer is an order; or the answer that says why it says nothing.
async fn asked_of_writer(
    site: &Site,
    headers: &HeaderMap,
    command: Command,
) -> Result<Result<Box<Order>, Refusal>, Response> {
    match submitted(site, command).await.map(|applied| applied.reply) {
        Ok(Ok(Done::Order(order))) => Ok(Ok(order)),
        Ok(Err(refusal)) => Ok(Err(refusal)),
        // None of the commands that come here is answered so.
        Ok(Ok(_)) => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Err(why) => Err(with_retry(refuse(site, headers, not_decided(why)))),
    }
}

/// With `?code=` shows what the code would take off; it goes on the order when it is paid.
pub(super) async fn page(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(order) = claims::theirs(&site, &visitor, &headers, &id) else {
        return refuse(&site, &headers, explained(Refusal::UnknownOrder));
    };
    let code = match asked::query(query.as_deref(), &["code"]) {
        Ok(mut given) => given.remove("code").map(|code| code.trim().to_owned()),
        Err(problem) => return refuse(&site, &headers, problem),
    };
    // A link does not stay in the address bar, where others read it.
    let mut response = match id == order.id.as_str() {
        true => with_code(&site, &headers, order.clone(), code),
        false => see(&format!("/orders/{}", order.id)),
    };
    response.headers_mut().extend(claims::kept(&site, &headers, &order));
    response
}

/// The page of an order as it would be with this code; with an empty one, without any.
fn with_code(site: &Site, headers: &HeaderMap, mut order: Order, code: Option<String>) -> Response {
    let mut draft = Draft::default();
    let code = code.filter(|_| order.stage == Stage::Held);
    match code.filter(|code| order.code.as_ref().is_none_or(|known| known.as_str() != code)) {
        None => {}
        Some(code) if code.is_empty() => (order.code, order.discount_minor) = (None, 0),
        Some(code) => match worth(site, &order, &code) {
            Ok(discount_minor) => (order.code, order.discount_minor) = (Some(code.into()), discount_minor),
            Err(refusal) => {
                let problem = explained(refusal);
                let message = Some(problem.told(site.0.pages.said(headers)));
                draft = Draft {
                    message,
                    code: Some(code),
                    ..draft
                };
                return show(site, headers, problem.status(), &order, draft);
            }
        },
    }
    show(site, headers, StatusCode::OK, &order, draft)
}

fn worth(site: &Site, order: &Order, code: &str) -> Result<u64, Refusal> {
    if site.0.guesses.are_spent(order.id.as_str()) {
        return Err(Refusal::TooManyKeys);
    }
    let now_ms = (site.0.clock)();
    let worth = site
        .0
        .writer
        .look(|sale| sale.discount_minor(&code.into(), order, now_ms));
    worth.inspect_err(|_| site.0.guesses.note_wrong(order.id.as_str()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paying {
    name: String,
    /// Empty: no e-mail.
    #[serde(default)]
    email: String,
    /// Empty: none.
    #[serde(default)]
    code: String,
    /// `points`; else by card.
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    card: String,
}

impl Paying {
    fn check_out(&self, headers: &HeaderMap, order: &Order) -> Result<CheckOut, Problem> {
        let email = Some(self.email.trim()).filter(|email| !email.is_empty());
        let code = Some(self.code.trim()).filter(|code| !code.is_empty());
        Ok(CheckOut {
            person: order.person.clone(),
            order: order.id.clone(),
            name: name(&self.name)?,
            code: code.map(Into::into),
            contact: contact(headers, email, None)?,
        })
    }
}

/// Puts name and code on the order and pays. What cannot be is said on the same page, with what was typed.
pub(super) async fn pay(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let no_order = || refuse(&site, &headers, explained(Refusal::UnknownOrder));
    let order = claims::theirs(&site, &visitor, &headers, &id).ok_or_else(no_order)?;
    let paying: Paying = asked::body(&headers, &body, &[]).map_err(|problem| refuse(&site, &headers, problem))?;
    let address = format!("/orders/{}", order.id);
    // The second press of the button: what became of the first is on the page.
    if order.stage != Stage::Held {
        return Ok(see(&address));
    }
    let again = |problem: Problem| {
        let now = claims::theirs(&site, &visitor, &headers, &id).filter(|order| order.stage == Stage::Held);
        let Some(now) = now else {
            return refuse(&site, &headers, problem);
        };
        let draft = Draft {
            message: Some(problem.told(site.0.pages.said(&headers))),
            name: Some(paying.name.clone()),
            email: Some(paying.email.clone()),
            code: None,
        };
        show(&site, &headers, problem.status(), &now, draft)
    };
    let check_out = paying.check_out(&headers, &order).map_err(&again)?;
    let checked_out = asked_of_writer(&site, &headers, Ask::CheckOut(check_out).into()).await?;
    let order = checked_out.map_err(|refusal| again(explained(refusal)))?;
    if paying.method.as_deref() == Some("points") {
        let ask = Ask::Pay {
            person: order.person.clone(),
            order: order.id.clone(),
            method: Method::Points,
        };
        let paid = asked_of_writer(&site, &headers, ask.into()).await?;
        return paid.map(|_| see(&address)).map_err(|refusal| again(explained(refusal)));
    }
    // Nothing to pay with: cards of this provider come through the API alone.
    if paying.card.is_empty() && order.total_minor() > 0 && !site.0.till.has_sample_cards() {
        let text = "Cards are paid through the API.";
        return Err(again(Problem::new(StatusCode::BAD_REQUEST, "bad-request", text)));
    }
    let answer = pay_with(
        &site,
        &visitor,
        &headers,
        None,
        id.clone(),
        Method::Card,
        paying.card.clone(),
    )
    .await;
    match answer.status() {
        StatusCode::PAYMENT_REQUIRED => {
            let text = "The payment was declined. Your places are still held; you can try again.";
            Ok(again(Problem::new(
                StatusCode::PAYMENT_REQUIRED,
                "payment-declined",
                text,
            )))
        }
        StatusCode::BAD_REQUEST => Ok(answer),
        status if status.is_server_error() => Ok(answer),
        _ => Ok(see(&address)),
    }
}

pub(super) async fn release(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (person, order) = claims::actor(&site, &visitor, &headers, &id);
    match decide_order(&site, &headers, None, Ask::Release { person, order }).await {
        Ok((order, _)) => see(&format!("/events/{}", order.event)),
        Err(response) => response,
    }
}

pub(super) fn see(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
