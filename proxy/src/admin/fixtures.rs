//! Values for the tests of the admin plane, those in `proxy/tests/admin` included.

use std::time::Duration;

use stanchion_admission::ids::{Epoch, RoomName, Stamp};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{RoomState, Snapshot};

pub fn snapshot() -> Snapshot {
    Snapshot {
        epoch: Epoch { ordinal: 1, id: 77 },
        seq: 10,
        now: Stamp(1_000_000),
        ticked_at: Stamp(1_000_000),
        state: RoomState::Queueing,
        frontier: Stamp::ZERO,
        grace_frontier: Stamp::ZERO,
        horizon: Stamp::MAX,
        waiting: 120,
        present: 30,
        admitted: 3,
        active: 96,
        ghosts: 0,
        admitted_total: 500,
        left_total: 20,
        capacity: 100,
        rate: Rate::per_minute(60).expect("a rate"),
        settings: LiveSettings::default(),
        sketch: vec![],
        ended: vec![],
    }
}

/// A hundred inside, one a second.
pub fn policy(room: &str) -> RoomPolicy {
    RoomPolicy {
        name: RoomName::new(room).expect("a name"),
        mode: Mode::Fifo,
        capacity: 100,
        rate: Rate::per_minute(60).expect("a rate"),
        session_ttl: Duration::from_secs(600),
        claim_window: Duration::from_secs(60),
        return_grace: Duration::from_secs(300),
        near_poll: Duration::from_secs(2),
        max_poll: Duration::from_secs(60),
        max_waiting: 10_000,
        opens_at: None,
    }
}
