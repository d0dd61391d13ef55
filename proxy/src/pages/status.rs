//! The status document: what a visitor's app, and the page's own script, are told. docs/STATUS.md is its contract.

use serde::Serialize;
use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::view::{Notice, WaitView};

#[derive(Debug, Serialize)]
pub struct StatusDocument<'a> {
    pub room: &'a str,
    pub state: RoomState,
    pub status: Status,
    pub position: Option<u64>,
    pub waiting: Option<u64>,
    pub wait_seconds: Option<Seconds>,
    pub refresh_ms: u64,
    /// RFC 3339, UTC.
    pub arrived_at: Option<String>,
    pub stale: bool,
    pub message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<&'static str>,
    /// `false`: what came with this request was not passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Waiting,
    Admitted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seconds {
    pub low: u64,
    pub high: u64,
}

impl<'a> StatusDocument<'a> {
    #[must_use]
    pub fn waiting(view: &'a WaitView) -> Self {
        StatusDocument {
            room: &view.room,
            state: view.state,
            status: Status::Waiting,
            position: view.position,
            waiting: view.waiting,
            wait_seconds: view.wait_seconds.map(|(low, high)| Seconds { low, high }),
            refresh_ms: view.refresh_ms,
            arrived_at: view.arrived_at.and_then(rfc3339),
            stale: view.stale,
            message: view.message.as_deref(),
            opens_at: view.opens_at.and_then(rfc3339),
            paused_reason: view.paused_reason.as_deref(),
            notice: view.notice.map(notice_key),
            submitted: None,
        }
    }

    /// Go in: nothing is left to wait for.
    #[must_use]
    pub fn admitted(room: &'a str, state: RoomState, arrived_at: Option<Stamp>) -> Self {
        StatusDocument {
            room,
            state,
            status: Status::Admitted,
            position: None,
            waiting: None,
            wait_seconds: None,
            refresh_ms: 0,
            arrived_at: arrived_at.and_then(rfc3339),
            stale: false,
            message: None,
            opens_at: None,
            paused_reason: None,
            notice: None,
            submitted: None,
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, integers and plain enums cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The state as documents and translations name it.
#[must_use]
pub fn state_key(state: RoomState) -> &'static str {
    match state {
        RoomState::Open => "open",
        RoomState::Queueing => "queueing",
        RoomState::Paused => "paused",
        RoomState::Prequeue => "prequeue",
        RoomState::Full => "full",
        RoomState::Closed => "closed",
        RoomState::Recovering => "recovering",
    }
}

#[must_use]
pub fn notice_key(notice: Notice) -> &'static str {
    match notice {
        Notice::TicketReplaced => "ticket-replaced",
        Notice::PlaceLapsed => "place-lapsed",
        Notice::SessionEnded => "session-ended",
        Notice::LineFull => "line-full",
    }
}

fn rfc3339(stamp: Stamp) -> Option<String> {
    let nanos = i128::from(stamp.0) * 1_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    moment.format(&Rfc3339).ok()
}

/// `2026-11-21 10:00 UTC`, for those whose browser does not run the script.
#[must_use]
pub fn plain_time(stamp: Stamp) -> String {
    let text = rfc3339(Stamp(stamp.unix_seconds() * 1_000_000)).unwrap_or_default();
    text.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}
