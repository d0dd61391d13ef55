//! What the agent answers. Values only.

use std::time::Duration;

use crate::edge::view::WaitFacts;
use crate::ids::{Place, RoomName};
use crate::store::Session;

/// The decision about a request without a pass.
#[derive(Clone, PartialEq, Debug)]
pub enum Arrival {
    /// Give them a pass.
    Inside(Session),
    /// Give them this place as a ticket (`fresh`: it is new to them), and tell them.
    Waiting {
        place: Place,
        fresh: bool,
        facts: WaitFacts,
    },
    /// Their old place is no more; this is their new one.
    Rejoined {
        place: Place,
        why: Rejoin,
        facts: WaitFacts,
    },
    Refused {
        why: Refusal,
        retry_after: Duration,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejoin {
    /// They were away when their turn came, for longer than the grace.
    Lapsed,
    /// The place was used: its session ended.
    SessionEnded,
    /// The origin barred that session.
    Revoked,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    Closed,
    LineFull,
    UnknownRoom,
}

/// The answer to a poll that may not cost a store command.
#[derive(Clone, PartialEq, Debug)]
pub enum Status {
    Waiting(WaitFacts),
    /// It may be their turn: call [`super::Agent::arrive`].
    MayClaim,
    UnknownRoom,
}

#[derive(Clone, PartialEq, Debug)]
pub struct AgentHealth {
    /// Every room's last tick was answered.
    pub store_reachable: bool,
    /// The worst of the rooms'. `None` before any answer.
    pub clock_uncertainty: Option<Duration>,
    /// How far this machine's wall clock was from the store's at the start.
    pub wall_error: Option<Duration>,
    pub rooms: Vec<RoomHealth>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct RoomHealth {
    pub room: RoomName,
    pub store_reachable: bool,
    /// `None` where no tick was ever answered.
    pub last_tick_age: Option<Duration>,
    pub stale: bool,
    pub clock_uncertainty: Option<Duration>,
    pub wall_error: Option<Duration>,
}
