//! Values for unit tests of the admin plane.

use stanchion_admission::ids::{Epoch, Stamp};
use stanchion_admission::policy::LiveSettings;
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
        admitted: 4,
        active: 96,
        ghosts: 0,
        admitted_total: 500,
        left_total: 20,
        capacity: 100,
        rate: Rate::per_minute(60).unwrap(),
        settings: LiveSettings::default(),
        sketch: vec![],
        ended: vec![],
    }
}
