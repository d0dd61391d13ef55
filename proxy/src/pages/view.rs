//! What there is to say to a visitor: the one value behind the page, the JSON and the headers.

use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;

/// A visitor's situation. Shapes and units are those of the status document (docs/STATUS.md).
#[derive(Clone, Debug, PartialEq)]
pub struct WaitView {
    pub room: String,
    pub state: RoomState,
    /// 1 = next. `None` where it is not known yet.
    pub position: Option<u64>,
    /// How many wait in all.
    pub waiting: Option<u64>,
    /// Seconds, low and high. `None` where nothing honest can be said.
    pub wait_seconds: Option<(u64, u64)>,
    /// Come again after so many milliseconds.
    pub refresh_ms: u64,
    /// Arrival, microseconds since the Unix epoch.
    pub arrived_at: Option<Stamp>,
    /// The edge's clock when this was said.
    pub now: Stamp,
    /// The store has been away: these are the last known figures.
    pub stale: bool,
    /// Where the doors open later.
    pub opens_at: Option<Stamp>,
    /// Why the operator paused, in the operator's words.
    pub paused_reason: Option<String>,
    /// The operator's words to everybody.
    pub message: Option<String>,
    /// A friendly word of the edge about this visitor, e.g. that a broken ticket was replaced.
    pub notice: Option<Notice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The ticket could not be read: a new place was given.
    TicketReplaced,
    /// They were away when their turn came, for longer than the grace: a new place was given.
    PlaceLapsed,
    /// Their session ended; they are in line again.
    SessionEnded,
    /// The line is full; no place could be given.
    LineFull,
}
