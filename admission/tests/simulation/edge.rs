//! An edge of the simulation: the real core, a clock that can be wrong, and the loop of the agent as events.

use std::sync::Arc;
use std::time::Duration;

use stanchion_admission::edge::batches::Batches;
use stanchion_admission::edge::core::EdgeRoom;
use stanchion_admission::ids::Epoch;
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::EdgeMemory;

use crate::store::{Call, SimStore};

pub struct SimEdge {
    pub core: EdgeRoom,
    pub up: bool,
    /// Counts restarts: what was meant for an earlier life is dropped.
    pub life: u32,
    pub cut_off: bool,
    /// The round being delivered.
    pub round: Batches,
    pub next_tick: u64,
    pub written_down: EdgeMemory,
    /// Highest epoch and frontier seen by this process (I9).
    pub seen: (Epoch, u64),
    phase_us: u64,
    skew_us: i64,
    last_us: u64,
}

impl SimEdge {
    pub fn new(policy: &RoomPolicy, at: u64, wall_error_us: i64, phase_us: u64) -> SimEdge {
        let wall = SimStore::wall(at, wall_error_us);
        SimEdge {
            core: EdgeRoom::new(
                Arc::new(policy.clone()),
                wall,
                Duration::from_micros(at + phase_us),
                None,
            ),
            up: true,
            life: 0,
            cut_off: false,
            round: Batches::default(),
            next_tick: at,
            written_down: EdgeMemory::default(),
            seen: (Epoch::default(), 0),
            phase_us,
            skew_us: 0,
            last_us: 0,
        }
    }

    /// The monotonic clock: may run ahead or stand still, never back.
    pub fn now(&mut self, at: u64) -> Duration {
        let us = (at + self.phase_us).saturating_add_signed(self.skew_us);
        self.last_us = self.last_us.max(us);
        Duration::from_micros(self.last_us)
    }

    pub fn step(&mut self, step_us: i64) {
        self.skew_us += step_us;
    }

    pub fn crash(&mut self) {
        self.up = false;
        self.life += 1;
        self.round = Batches::default();
        self.written_down = self.core.memory().clone();
    }

    pub fn restart(&mut self, at: u64, wall_error_us: i64, keeps: bool) {
        let policy = Arc::clone(&self.core.view().policy);
        let memory = keeps.then(|| self.written_down.clone());
        let wall = SimStore::wall(at, wall_error_us);
        let now = self.now(at);
        self.core = EdgeRoom::new(policy, wall, now, memory);
        self.up = true;
        self.next_tick = at;
        self.seen = (Epoch::default(), 0);
    }

    /// The next call of the round, in the agent's order; takes up a new round where the old one is done.
    pub fn next_report(&mut self) -> Option<Call> {
        if self.round.is_empty() {
            self.round = self.core.take_batches();
        }
        let round = &self.round;
        if let Some((place, how)) = round.ends.first() {
            Some(Call::End(*place, *how))
        } else if !round.touches.is_empty() {
            Some(Call::Touch(round.touches.clone()))
        } else if !round.spent.is_empty() {
            Some(Call::Spent(round.spent.clone()))
        } else if !round.joins.is_empty() {
            Some(Call::Join(round.joins.clone()))
        } else if !round.present.is_empty() {
            Some(Call::Present(round.present.clone()))
        } else {
            None
        }
    }

    /// The store took this call.
    pub fn delivered(&mut self, call: &Call) {
        match call {
            Call::End(..) => {
                self.round.ends.remove(0);
            }
            Call::Touch(_) => self.round.touches.clear(),
            Call::Spent(_) => self.round.spent.clear(),
            Call::Join(_) => self.round.joins.clear(),
            Call::Present(_) => self.round.present.clear(),
            _ => {}
        }
    }

    pub fn undelivered(&mut self) {
        let round = std::mem::take(&mut self.round);
        self.core.give_back(round);
    }
}
