//! What goes wrong, when it begins and when it is over; and the operator, who changes things in the middle of it.

use std::rc::Rc;
use std::time::Duration;

use stanchion_admission::rate::Rate;

use crate::plan::{ENDS, Kind, SECOND};
use crate::store::{Answer, Call};
use crate::world::{Event, Sent, To, World};

impl World {
    pub fn begin(&mut self, fault: usize) {
        let kind = self.plan.faults[fault].kind;
        self.check.fault_begins(self.at, kind);
        match kind {
            Kind::Outage => self.store_up = false,
            Kind::Slow => self.slow = true,
            Kind::LostAnswers => self.lossy = true,
            Kind::Twice => self.twice = true,
            Kind::Wipe => self.store.wipe(),
            Kind::Failover { step_us, .. } => {
                self.store.room = self.replicas[fault].take().unwrap_or_default();
                self.store.step_us += step_us;
            }
            Kind::StoreClock { step_us } => self.store.step_us += step_us,
            Kind::EdgeClock { edge, step_us } => self.edges[edge].step(step_us),
            Kind::Crash { edge, .. } => self.edges[edge].crash(),
            Kind::Partition { edge } => self.edges[edge].cut_off = true,
            Kind::Capacity { to } => self.wanted.capacity = Some(to),
            Kind::Pace { per_minute } => self.wanted.rate = Rate::per_minute(per_minute),
            Kind::Pause => self.wanted.paused = Some("a moment".to_owned()),
        }
        if matches!(kind, Kind::Wipe | Kind::Failover { .. }) {
            self.check.data_lost(&self.store);
        }
        if matches!(kind, Kind::Capacity { .. } | Kind::Pace { .. } | Kind::Pause) {
            self.operate();
        }
    }

    pub fn over(&mut self, fault: usize) {
        let kind = self.plan.faults[fault].kind;
        match kind {
            Kind::Outage => self.store_up = true,
            Kind::Slow => self.slow = false,
            Kind::LostAnswers => self.lossy = false,
            Kind::Twice => self.twice = false,
            Kind::Crash { edge, keeps } if !self.edges[edge].up => {
                let error = self.plan.wall_errors_us[edge];
                self.edges[edge].restart(self.at, error, keeps);
                let life = self.edges[edge].life;
                self.schedule(self.at, Event::Loop { edge, life });
            }
            Kind::Partition { edge } => self.edges[edge].cut_off = false,
            Kind::Pause => {
                self.wanted.paused = None;
                self.operate();
            }
            _ => {}
        }
        self.check.fault_over(self.at, kind);
    }

    /// The operator changes the settings through some edge, until it is done.
    fn operate(&mut self) {
        let edge = self.rng.range(0, self.edges.len() as u64) as usize;
        let version = self.edges[edge].core.settings().version;
        self.call(edge, Call::Put(version, self.wanted.clone()), To::Operator);
    }

    pub fn operator_answered(&mut self, answer: Option<Answer>) {
        match answer {
            Some(Answer::Put(Ok(_))) => {}
            _ if self.at < ENDS + 30 * SECOND => {
                self.retry_operator();
            }
            _ => {}
        }
    }

    /// Through some edge, a second later.
    fn retry_operator(&mut self) {
        let edge = self.rng.range(0, self.edges.len() as u64) as usize;
        let life = self.edges[edge].life;
        let sent = Sent {
            edge,
            life,
            call: Rc::new(Call::Put(self.edges[edge].core.settings().version, self.wanted.clone())),
            to: To::Operator,
            at: self.at + SECOND,
            clock: Duration::ZERO,
        };
        self.schedule(self.at + SECOND, Event::AtStore(sent));
    }
}
