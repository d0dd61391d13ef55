//! What an edge answers. Values only.

use std::time::Duration;

use super::view::WaitFacts;
use crate::ids::Place;
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
    /// It may be their turn: call [`super::agent::Agent::arrive`].
    MayClaim,
    UnknownRoom,
}

/// What a request without a pass leads to, as far as an edge can tell alone.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    Done(Arrival),
    /// Ask the store to let this new place in, then [`super::core::EdgeRoom::entered`]. `instead_of`: why its owner's
    /// old place is no more.
    AskEnter {
        place: Place,
        instead_of: Option<Rejoin>,
    },
    /// Ask the store whether it is this place's turn, then [`super::core::EdgeRoom::claimed`].
    AskClaim(Place),
}
