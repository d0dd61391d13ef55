//! HTTP in front of the sale: who may come in, which page or document, what is said when it cannot be.

mod asked;
mod basket;
mod bookings;
mod browse;
mod calls;
mod claims;
mod contact;
mod deliveries;
mod differences;
mod entry;
mod events;
mod goods;
mod goods_pages;
mod guesses;
mod holds;
mod keeper;
mod live;
mod map;
mod office;
pub(crate) mod openapi;
mod order_page;
mod orders;
mod organiser;
mod pages;
mod problem;
mod provider;
mod qr;
mod random;
mod refusals;
mod shapes;
mod short;
mod tickets;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tower_http::timeout::TimeoutLayer;

pub(crate) use keeper::Tokens;

use crate::clock::Clock;
use crate::pass::Guard;
use crate::payments::{Auditor, Till};
use crate::writer::Writer;

/// Most bytes of a request's body.
const MAX_BODY: usize = 16 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// What every handler needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site(Arc<Parts>);

struct Parts {
    guard: Guard,
    writer: Writer,
    front_door: String,
    clock: Clock,
    pages: pages::Pages,
    till: Till,
    auditor: Auditor,
    in_flight: calls::InFlight,
    keeper: keeper::Keeper,
    guesses: guesses::Guesses,
    /// Open seats for readers of changes.
    readers: Arc<Semaphore>,
    /// True when the service stops.
    stopping: watch::Receiver<bool>,
}

/// What a site is made of.
pub(crate) struct Made {
    pub(crate) guard: Guard,
    pub(crate) writer: Writer,
    pub(crate) till: Till,
    pub(crate) auditor: Auditor,
    pub(crate) front_door: String,
    pub(crate) tokens: Tokens,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) clock: Clock,
}

impl Site {
    pub(crate) fn new(made: Made) -> anyhow::Result<Site> {
        Ok(Site(Arc::new(Parts {
            guard: made.guard,
            writer: made.writer,
            front_door: made.front_door,
            clock: made.clock,
            pages: pages::Pages::new()?,
            till: made.till,
            auditor: made.auditor,
            in_flight: calls::InFlight::default(),
            keeper: keeper::Keeper::new(made.tokens),
            guesses: guesses::Guesses::default(),
            readers: Arc::new(Semaphore::new(live::MAX_READERS)),
            stopping: made.stopping,
        })))
    }
}

pub(crate) fn router(site: Site) -> Router {
    let health = Router::new()
        .route("/healthz", get(healthz))
        .route("/healthz/active", get(active))
        .with_state(site.clone());
    let told = Router::new()
        .route("/api/v1/payments/stripe", post(provider::stripe))
        .layer(DefaultBodyLimit::max(provider::MAX_EVENT));
    Router::new()
        .merge(told)
        .route("/api/v1/openapi.json", get(openapi::describe))
        .route("/tickets/{link}", get(tickets::page))
        .route("/tickets/{link}/{number}", get(tickets::picture))
        .merge(for_organisers(&site))
        .merge(behind_a_pass(&site))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(axum::middleware::from_fn_with_state(
            site.clone(),
            problem::in_our_words,
        ))
        .with_state(site)
        .merge(health)
}

/// For visitors with a pass.
fn behind_a_pass(site: &Site) -> Router<Site> {
    Router::new()
        .route("/", get(browse::front))
        .route("/events/{id}", get(browse::event))
        .route("/basket", post(basket::take))
        .route("/orders/{id}", get(basket::page).post(basket::pay))
        .route("/orders/{id}/release", post(basket::release))
        .route("/polls/{id}", get(goods_pages::poll).post(goods_pages::vote))
        .route("/campaigns/{id}", get(goods_pages::coupons).post(goods_pages::take))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/{id}", get(events::one))
        .route("/api/v1/events/{id}/seats", get(events::seats))
        .route("/api/v1/events/{id}/changes", get(live::changes))
        .route("/api/v1/holds", post(holds::hold))
        .route("/api/v1/holds/{id}", get(orders::one_hold).delete(holds::release))
        .route("/api/v1/waiting-list", post(holds::wait))
        .route("/api/v1/orders", get(orders::mine).post(orders::check_out))
        .route("/api/v1/orders/{id}", get(orders::one))
        .route("/api/v1/orders/{id}/tickets", get(tickets::of_order))
        .route("/api/v1/orders/{id}/payments", post(orders::pay))
        .route("/api/v1/campaigns/{id}/coupons", post(goods::coupon))
        .route("/api/v1/polls/{id}", get(goods::poll))
        .route("/api/v1/polls/{id}/votes", post(goods::vote))
        .route("/api/v1/points", get(goods::points))
        .route("/events/", get(events::list))
        .route("/booking", post(short::booking))
        .route("/pay", post(short::pay))
        .route("/bookings", post(bookings::book))
        .route("/leave", post(bookings::leave))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(site.clone(), entry::guard))
}

/// For the organiser; the pages ask for the token themselves.
fn for_organisers(site: &Site) -> Router<Site> {
    let organisers = Router::new()
        .route("/events", post(organiser::event))
        .route("/campaigns", post(organiser::campaign))
        .route("/codes", post(organiser::code))
        .route("/polls", post(organiser::poll))
        .route("/points", post(organiser::grant))
        .route("/refunds", post(organiser::refund))
        .route("/deliveries", get(deliveries::list))
        .route("/sales", get(office::sales))
        .route("/replays", post(deliveries::replay))
        .route("/differences", get(differences::list))
        .route("/reconciliations", post(differences::compare))
        .layer(axum::middleware::from_fn_with_state(site.clone(), keeper::guard));
    let doors = Router::new()
        .route("/api/v1/check-ins", post(tickets::check_in))
        .layer(axum::middleware::from_fn_with_state(site.clone(), keeper::guard_door));
    Router::new()
        .route("/organiser", get(office::page))
        .route("/organiser/enter", post(office::enter))
        .route("/organiser/leave", post(office::leave))
        .route("/organiser/replays", post(office::replay))
        .route("/organiser/refunds", post(office::refund))
        .nest("/api/v1/organiser", organisers)
        .merge(doors)
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 from the one process that takes bookings, 503 from those that stand by: what an edge asks before it sends writes.
async fn active(State(site): State<Site>) -> (StatusCode, &'static str) {
    match site.0.writer.is_leading() {
        true => (StatusCode::OK, "active\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "standby\n"),
    }
}
