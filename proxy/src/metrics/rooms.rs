//! What the store says of every room, written anew at each scrape.

use std::time::Duration;

use prometheus::{GaugeVec, IntGaugeVec, Registry};
use stanchion_admission::store::{RoomState, Snapshot};

use super::build::{gauges, int_gauges};

/// A room's figures at the moment of asking.
pub struct RoomGauges<'a> {
    pub room: &'a str,
    pub snapshot: &'a Snapshot,
    pub age: Duration,
}

/// What the store says of every room, written anew at each scrape.
pub(super) struct Rooms {
    people: IntGaugeVec,
    pub(super) capacity: IntGaugeVec,
    pub(super) rate: GaugeVec,
    pub(super) state: IntGaugeVec,
    pub(super) admitted: IntGaugeVec,
    pub(super) left: IntGaugeVec,
    pub(super) snapshot_age: GaugeVec,
    pub(super) epoch: IntGaugeVec,
}

impl Rooms {
    pub(super) fn new(at: &Registry) -> prometheus::Result<Rooms> {
        let people = "Visitors of a room by where they are: waiting, present, admitted, inside, ghost.";
        Ok(Rooms {
            people: int_gauges(at, "stanchion_room_visitors", people, &["room", "where"])?,
            capacity: int_gauges(at, "stanchion_room_capacity_visitors", "Capacity in force.", &["room"])?,
            rate: gauges(
                at,
                "stanchion_room_rate_visitors_per_second",
                "Pace in force.",
                &["room"],
            )?,
            state: int_gauges(
                at,
                "stanchion_room_state",
                "1 for the state that the room is in.",
                &["room", "state"],
            )?,
            admitted: int_gauges(
                at,
                "stanchion_room_admitted_total",
                "Admissions of all edges since the epoch began.",
                &["room"],
            )?,
            left: int_gauges(
                at,
                "stanchion_room_left_total",
                "Places dropped since the epoch began.",
                &["room"],
            )?,
            snapshot_age: gauges(
                at,
                "stanchion_room_snapshot_age_seconds",
                "Age of what this edge knows.",
                &["room"],
            )?,
            epoch: int_gauges(
                at,
                "stanchion_room_epoch",
                "The store's generation; rises when the store lost its data.",
                &["room"],
            )?,
        })
    }

    pub(super) fn clear(&self) {
        for vector in [
            &self.people,
            &self.capacity,
            &self.state,
            &self.admitted,
            &self.left,
            &self.epoch,
        ] {
            vector.reset();
        }
        self.rate.reset();
        self.snapshot_age.reset();
    }

    pub(super) fn set(&self, gauges: &RoomGauges<'_>) {
        let (room, now) = (gauges.room, gauges.snapshot);
        for (place, count) in [
            ("waiting", now.waiting),
            ("present", now.present),
            ("admitted", now.admitted),
            ("inside", now.active),
            ("ghost", now.ghosts),
        ] {
            self.people.with_label_values(&[room, place]).set(signed(count));
        }
        for (state, name) in STATES {
            self.state
                .with_label_values(&[room, name])
                .set(i64::from(now.state == state));
        }
        self.capacity.with_label_values(&[room]).set(signed(now.capacity));
        self.rate.with_label_values(&[room]).set(now.rate.per_second());
        self.admitted.with_label_values(&[room]).set(signed(now.admitted_total));
        self.left.with_label_values(&[room]).set(signed(now.left_total));
        self.snapshot_age
            .with_label_values(&[room])
            .set(gauges.age.as_secs_f64());
        self.epoch.with_label_values(&[room]).set(signed(now.epoch.ordinal));
    }
}

const STATES: [(RoomState, &str); 7] = [
    (RoomState::Open, "open"),
    (RoomState::Queueing, "queueing"),
    (RoomState::Paused, "paused"),
    (RoomState::Prequeue, "prequeue"),
    (RoomState::Full, "full"),
    (RoomState::Closed, "closed"),
    (RoomState::Recovering, "recovering"),
];

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
