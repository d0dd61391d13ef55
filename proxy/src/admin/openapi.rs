//! `/api/v1/openapi.json`: the description of this API, made from the handlers' own types.

use axum::Json;
use serde::Deserialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::problem::Problem;
use super::{document, health, pages, rooms, scrape};

/// What can be changed of a room, live. A member left out stays as it is; null is "as configured" or "none".
#[derive(Deserialize, ToSchema)]
#[schema(examples(json!({"capacity": 800, "rate": "500/min"}), json!({"paused": {"reason": "Back at ten."}}), json!({"paused": null})))]
#[allow(dead_code)] // the shape alone; patch.rs reads the bytes, to name every fault at once
#[serde(deny_unknown_fields)]
pub struct RoomChange {
    /// 1 to 10,000,000.
    #[schema(minimum = 1, maximum = 10_000_000)]
    capacity: Option<u64>,
    /// COUNT/PERIOD.
    #[schema(examples("500/min", "100/10s"))]
    rate: Option<String>,
    paused: Option<Pause>,
    closed: Option<bool>,
    /// At most 500 bytes.
    #[schema(max_length = 500)]
    message: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[allow(dead_code)] // as RoomChange
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// What visitors are told. At most 500 bytes.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Stanchion admin API", description = "Look at the rooms of this edge and change how they admit, live."),
    paths(
        health::live, health::ready, scrape::metrics, rooms::list, rooms::show, rooms::change, describe, pages::index, pages::room
    ),
    components(schemas(document::Room, Problem)),
    modifiers(&BearerToken),
    security(("token" = [])),
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("the admin token"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "description", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value),
    (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong tokens from this network", body = Problem, content_type = "application/problem+json"),
))]
pub async fn describe() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
