//! What an operator decides about a room. Configuration makes a [`RoomPolicy`]; the admin API
//! overrides parts of it live, through the store, as [`LiveSettings`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{RoomName, Stamp};
use crate::rate::Rate;

/// How a room admits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// First come, first served, at the pace and up to the capacity.
    Fifo,
    /// Everybody passes; sessions are neither counted nor bounded.
    Passthrough,
    /// Nobody gets in.
    Closed,
}

/// A room as configured. Every duration is checked by the configuration before it gets here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomPolicy {
    pub name: RoomName,
    pub mode: Mode,
    /// Most visitors inside or admitted at one time.
    pub capacity: u64,
    pub rate: Rate,
    /// A session ends this long after its last request; one entered at once sooner, until its pass or ticket came back
    /// ([`crate::room::bounds::UNPROVEN_US`]).
    pub session_ttl: Duration,
    /// How long an admitted visitor may take to claim.
    pub claim_window: Duration,
    /// How long somebody absent at their turn keeps their place. At least twice the claim window.
    pub return_grace: Duration,
    /// How often somebody near the head polls.
    pub near_poll: Duration,
    /// The slowest poll of anybody.
    pub max_poll: Duration,
    /// Most places the index holds; beyond it newcomers are told that the line is full.
    pub max_waiting: u64,
    /// Before this moment nobody is admitted; the page counts down.
    pub opens_at: Option<Stamp>,
}

/// What the operator changed live. Kept in the store, carried in every snapshot, given back by the
/// edges to a store that lost it. `None` means "as configured".
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LiveSettings {
    /// Counts up with each change; 0 = never changed. The admin API's ETag.
    pub version: u64,
    pub capacity: Option<u64>,
    pub rate: Option<Rate>,
    /// Paused with the reason that visitors are shown.
    pub paused: Option<String>,
    pub closed: bool,
    /// The operator's words to everybody in the line.
    pub message: Option<String>,
}

impl LiveSettings {
    /// Longest reason or message, in bytes of UTF-8.
    pub const MAX_TEXT: usize = 500;
}
