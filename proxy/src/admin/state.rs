//! What every handler of the admin plane shares.

use std::sync::Arc;

use parking_lot::Mutex;
use stanchion_admission::ids::RoomName;

use super::auth::Door;
use super::document::Room;
use super::history::History;
use super::port::{RoomFacts, RoomsPort};
use crate::metrics::Metrics;

pub struct Admin {
    pub(super) rooms: Arc<dyn RoomsPort>,
    pub(super) door: Door,
    pub(super) metrics: Arc<Metrics>,
    /// `/metrics` asks for the token too.
    pub(super) metrics_need_token: bool,
    history: Mutex<History>,
}

impl Admin {
    #[must_use]
    pub fn new(rooms: Arc<dyn RoomsPort>, door: Door, metrics: Arc<Metrics>, metrics_need_token: bool) -> Arc<Admin> {
        Arc::new(Admin {
            rooms,
            door,
            metrics,
            metrics_need_token,
            history: Mutex::default(),
        })
    }

    /// Takes note of every room's figures. Called once a second, and by whoever looks.
    pub fn observe(&self) -> Vec<RoomFacts> {
        let rooms = self.rooms.rooms();
        let names: Vec<RoomName> = rooms.iter().map(|room| room.policy.name.clone()).collect();
        let mut history = self.history.lock();
        history.keep_only(&names);
        for room in &rooms {
            if let Some(line) = &room.line {
                history.observe(&room.policy.name, &line.snapshot);
            }
        }
        rooms
    }

    pub(super) fn document(&self, facts: &RoomFacts) -> Room {
        let per_second = self.history.lock().per_second(&facts.policy.name);
        Room::of(facts, per_second)
    }
}
