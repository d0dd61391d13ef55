//! `/api/v1/rooms`: look at the rooms, change their live settings.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::store::StoreError;

use super::document::{Room, RoomList};
use super::etag::{self, Match};
use super::listener::Peer;
use super::patch::{Patch, Refused};
use super::port::{RoomFacts, Unchanged};
use super::problem::{Fault, Problem};
use super::state::Admin;

/// Longest body of a change.
pub const MAX_BODY: usize = 64 * 1024;

/// Every room of this edge.
#[utoipa::path(
    get,
    path = "/api/v1/rooms",
    tag = "rooms",
    responses(
        (status = 200, description = "Every configured room", body = RoomList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong tokens from this network", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(admin): State<Arc<Admin>>) -> Json<RoomList> {
    let rooms = admin.observe().iter().map(|room| admin.document(room)).collect();
    Json(RoomList { rooms })
}

/// One room. The ETag is that of its live settings.
#[utoipa::path(
    get,
    path = "/api/v1/rooms/{room}",
    tag = "rooms",
    params(("room" = String, Path, description = "The room's name")),
    responses(
        (status = 200, description = "The room", body = Room, headers(("ETag" = String, description = "Version of the live settings"))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong tokens from this network", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(State(admin): State<Arc<Admin>>, Path(room): Path<String>) -> Result<Response, Problem> {
    let facts = find(&admin, &room)?;
    Ok(answer(&admin, &facts))
}

/// Change a room's live settings: a JSON merge patch. Needs `If-Match` with the ETag that was read.
#[utoipa::path(
    patch,
    path = "/api/v1/rooms/{room}",
    tag = "rooms",
    params(
        ("room" = String, Path, description = "The room's name"),
        ("If-Match" = String, Header, description = "The ETag of the settings that are to change"),
    ),
    request_body(content = super::openapi::RoomChange, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "Changed: the room with its new settings", body = Room, headers(("ETag" = String, description = "Version of the live settings"))),
        (status = 400, description = "Not JSON, or a broken If-Match", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The settings changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON by its Content-Type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a change: every fault is named", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong tokens from this network", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The change cannot be written down; nothing was changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn change(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let facts = find(&admin, &room)?;
    let patch = read_patch(&headers, body)?;
    let current = current_settings(&facts)?;
    require_match(&headers, current.version)?;
    let (name, names, version) = (facts.policy.name.clone(), patch.names(), current.version);
    let new = patch.apply(current.clone());
    if new == current {
        return Ok(answer(&admin, &facts));
    }
    let put = admin
        .rooms
        .put_settings(&name, version, new)
        .await
        .map_err(|error| refused(&error))?;
    tracing::info!(room = %name, changed = ?names, version = put.version, peer = %peer.ip(), "admin: settings changed");
    Ok(answer(&admin, &with_settings(find(&admin, &room)?, put)))
}

/// The store took the change: the answer shows it even where this edge has not had a snapshot since.
fn with_settings(mut facts: RoomFacts, put: LiveSettings) -> RoomFacts {
    if let Some(line) = facts
        .line
        .as_mut()
        .filter(|line| line.snapshot.settings.version < put.version)
    {
        let mut snapshot = (*line.snapshot).clone();
        snapshot.capacity = put.capacity.unwrap_or(facts.policy.capacity);
        snapshot.rate = put.rate.unwrap_or(facts.policy.rate);
        snapshot.settings = put;
        line.snapshot = Arc::new(snapshot);
    }
    facts
}

fn find(admin: &Admin, room: &str) -> Result<RoomFacts, Problem> {
    let name = RoomName::new(room).ok_or_else(Problem::no_such_room)?;
    admin
        .observe()
        .into_iter()
        .find(|facts| facts.policy.name == name)
        .ok_or_else(Problem::no_such_room)
}

fn answer(admin: &Admin, facts: &RoomFacts) -> Response {
    let mut response = Json(admin.document(facts)).into_response();
    if let Some(line) = &facts.line {
        let tag = etag::of(line.snapshot.settings.version);
        if let Ok(value) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, value);
        }
    }
    response
}

fn read_patch(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Patch, Problem> {
    require_json(headers)?;
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("a change is at most {MAX_BODY} bytes long");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "Body too long", detail);
        }
        Problem::new(
            StatusCode::BAD_REQUEST,
            "unreadable-body",
            "Body could not be read",
            "send it again",
        )
    })?;
    Patch::read(&body).map_err(|refused| match refused {
        Refused::Malformed(detail) => Problem::new(StatusCode::BAD_REQUEST, "not-json", "Not JSON", detail),
        Refused::Faulty(faults) => faulty(faults),
    })
}

fn faulty(faults: Vec<Fault>) -> Problem {
    let detail = format!(
        "{} of the body's parts cannot be taken; nothing was changed",
        faults.len()
    );
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "faulty-change",
        "Not a change of a room",
        detail,
    )
    .with_faults(faults)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let field = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = field.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/merge-patch+json" || essence == "application/json" {
        return Ok(());
    }
    let detail = "send application/merge-patch+json or application/json";
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not-json",
        "Not JSON by its Content-Type",
        detail,
    ))
}

fn current_settings(facts: &RoomFacts) -> Result<LiveSettings, Problem> {
    let line = facts.line.as_ref();
    line.map(|line| line.snapshot.settings.clone()).ok_or_else(|| {
        let detail = "the store has not answered yet, so the settings in force are not known";
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-away",
            "The store does not answer",
            detail,
        )
        .retry_after(Duration::from_secs(2))
    })
}

fn require_match(headers: &HeaderMap, version: u64) -> Result<(), Problem> {
    let mut fields = headers.get_all(header::IF_MATCH).iter();
    let field = match (fields.next(), fields.next()) {
        (None, _) => None,
        // Not text, or several fields: one broken one.
        (Some(field), None) => Some(field.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => Some(""),
    };
    match etag::check(field, version) {
        Match::Yes => Ok(()),
        Match::No => Err(stale(version)),
        Match::Missing => {
            let detail = "read the room first and send its ETag back in If-Match";
            Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "no-if-match",
                "If-Match is missing",
                detail,
            ))
        }
        Match::Broken => {
            let detail = "If-Match must be the ETag that was read, with its quotes, or *";
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "broken-if-match",
                "If-Match cannot be read",
                detail,
            ))
        }
    }
}

fn stale(version: u64) -> Problem {
    let detail = format!("the settings are at version {version} now: read the room again and decide anew");
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "stale-etag",
        "The settings changed meanwhile",
        detail,
    )
}

fn refused(unchanged: &Unchanged) -> Problem {
    match unchanged {
        Unchanged::Store(error) => refused_by_store(error),
        Unchanged::NotDurable => Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "not-durable",
            "The change cannot be written down",
            "this edge cannot write to the folder of its keys, and a restart would forget the change; nothing was \
             changed (see the edge's log)",
        ),
    }
}

fn refused_by_store(error: &StoreError) -> Problem {
    let away = |detail: &str| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-away",
            "The store does not answer",
            detail,
        )
        .retry_after(Duration::from_secs(2))
    };
    match error {
        StoreError::Conflict(version) => stale(*version),
        StoreError::Away(_) => away("it is not known whether the change took effect: read the room again"),
        StoreError::Busy => away("too much is under way; nothing was changed"),
        StoreError::Refused(_) => away("the store refused the change; nothing was changed (see the edge's log)"),
        StoreError::Nonsense(_) => away("the store's answer makes no sense (see the edge's log)"),
    }
}
