//! `/api/v1/openapi.json`: the description of this API, made from the handlers' own types. Which refusals a call may hear
//! stands beside its handler (`x-problems`); `problems.rs` turns that into answers.

mod problems;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi};

use super::problem::ProblemShape;
use super::{deliveries, differences, events, goods, holds, live, office, orders, organiser, provider, tickets};

/// A new one for each thing that is wanted; a retry with it hears the first answer.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // the shape alone; asked.rs reads the header
pub(super) struct Keyed {
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]{1,255}$"
    )]
    idempotency_key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code)] // the shape alone
pub(super) struct EventPath {
    #[param(pattern = "^[a-z0-9-]{1,40}$", example = "harbour-lights")]
    id: String,
}

/// A hold and the order that it becomes have the same reference; the last part of its link stands for it too.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code)] // the shape alone
pub(super) struct OrderPath {
    #[param(pattern = "^[2-9A-HJ-NP-Z]{1,40}(-[2-9A-HJ-NP-Z]{32})?$")]
    id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stanchion booking API",
        description = "Sells exactly what there is, to whoever holds a pass. Money is in the currency's smallest unit \
                       (`…_minor`), times in milliseconds since the Unix epoch (`…_ms`); whole numbers are written \
                       without a fraction. A browser, which asks for \
                       `text/html`, hears refusals as pages. Bodies may be forms too (`application/x-www-form-urlencoded`)."
    ),
    paths(
        describe, events::list, events::one, events::seats, live::changes, holds::hold, holds::release, holds::wait,
        orders::one_hold, orders::check_out, orders::mine, orders::one, orders::pay, tickets::of_order, goods::coupon,
        goods::poll, goods::vote, goods::points, tickets::check_in, organiser::event, organiser::campaign, organiser::code,
        organiser::poll, organiser::grant, organiser::refund, differences::list, differences::compare, provider::stripe, office::sales, deliveries::list,
        deliveries::replay
    ),
    components(schemas(ProblemShape)),
    modifiers(&Keys),
)]
struct Description;

/// Who may call.
struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let pass = ApiKeyValue::with_description("Stanchion-Pass", "the pass of whoever's turn it is");
        components.add_security_scheme("pass", SecurityScheme::ApiKey(ApiKey::Header(pass)));
        let token = |whose: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            SecurityScheme::Http(scheme.description(Some(whose)).build())
        };
        components.add_security_scheme("organiser", token("the organiser's token"));
        components.add_security_scheme("door", token("a token that is good for check-ins alone"));
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Description::openapi()).unwrap_or_default();
    problems::complete(&mut document);
    close_choices(&mut document);
    document
});

/// A choice whose name is its one member has no other.
fn close_choices(document: &mut Value) {
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    let choices = schemas.into_iter().flat_map(|schemas| schemas.values_mut());
    for choice in choices
        .filter_map(|schema| schema.get_mut("oneOf")?.as_array_mut())
        .flatten()
    {
        if choice.get("properties").is_some() {
            choice["additionalProperties"] = Value::Bool(false);
        }
    }
}

/// The OpenAPI document of the service, as `GET /api/v1/openapi.json` answers it.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "description", security(()), responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object),
))]
pub(super) async fn describe() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document().to_string())
}
