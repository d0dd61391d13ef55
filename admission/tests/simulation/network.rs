//! The agent's loop as events (report what has gathered, then tick if it is time), and the network under it: calls are
//! delayed, lost, repeated, and answers too.

use std::rc::Rc;

use crate::plan::SECOND;
use crate::store::{Answer, Call};
use crate::world::{Event, Sent, To, World};

const LOOP_US: u64 = SECOND / 10;
const DEADLINE_US: u64 = SECOND / 10;

impl World {
    pub fn report(&mut self, edge: usize) {
        match self.edges[edge].next_report() {
            Some(call) => self.call(edge, call, To::Loop),
            None => self.tick_if_due(edge),
        }
    }

    fn tick_if_due(&mut self, edge: usize) {
        if self.at < self.edges[edge].next_tick {
            return self.loop_later(edge);
        }
        let call = Call::Tick {
            memory: self.edges[edge].core.memory().clone(),
            id: self.rng.next() >> 11,
            newborn: self.edges[edge].life == 0,
        };
        self.call(edge, call, To::Loop);
    }

    fn loop_later(&mut self, edge: usize) {
        let life = self.edges[edge].life;
        self.schedule(self.at + LOOP_US, Event::Loop { edge, life });
    }

    fn loop_answered(&mut self, sent: &Sent, answer: Option<Answer>) {
        let edge = &mut self.edges[sent.edge];
        let now = edge.now(self.at);
        match (&*sent.call, answer) {
            (Call::Tick { .. }, answer) => {
                match answer {
                    Some(Answer::Snapshot(snapshot)) => {
                        edge.core.on_snapshot(*snapshot, sent.clock, now);
                    }
                    _ => edge.core.on_store_failure(),
                }
                edge.next_tick = self.at + SECOND - self.rng.range(0, SECOND / 10);
                self.loop_later(sent.edge);
            }
            (call, Some(answer)) => {
                if let (Call::Touch(sessions), Answer::Ended(ended)) = (call, answer) {
                    edge.core.touched(sessions, &ended, sent.clock);
                }
                edge.delivered(call);
                self.report(sent.edge);
            }
            (_, None) => {
                edge.undelivered();
                self.tick_if_due(sent.edge);
            }
        }
    }

    pub fn call(&mut self, edge: usize, call: Call, to: To) {
        let sent = Sent {
            edge,
            life: self.edges[edge].life,
            call: Rc::new(call),
            to,
            at: self.at,
            clock: self.edges[edge].now(self.at),
        };
        if !self.reaches(edge) || self.rng.ppm(self.plan.loss_ppm) {
            self.check.call_failed(self.at);
            let gives_up = if self.rng.percent(50) {
                DEADLINE_US
            } else {
                SECOND / 1_000
            };
            return self.schedule(self.at + gives_up, Event::Back(sent, None));
        }
        let arrives = self.at + self.delay();
        if self.twice && self.rng.percent(30) {
            let again = Sent {
                to: To::Nobody,
                ..sent.clone()
            };
            let later = arrives + self.rng.range(0, 3 * SECOND / 10);
            self.schedule(later, Event::AtStore(again));
        }
        self.schedule(arrives, Event::AtStore(sent));
    }

    fn reaches(&self, edge: usize) -> bool {
        self.store_up && !self.edges[edge].cut_off
    }

    fn delay(&mut self) -> u64 {
        match self.slow {
            true => self.rng.range(10_000, 70_000),
            false => self.rng.range(100, 2_000),
        }
    }

    pub fn at_store(&mut self, sent: Sent) {
        if !self.reaches(sent.edge) {
            return self.schedule(sent.at + DEADLINE_US, Event::Back(sent, None));
        }
        let before = self.check.before(&sent.call, &self.store);
        let answer = self.store.execute(&sent.call, self.at);
        self.check.executed(self.at, &sent, &answer, &self.store, before);
        let back = self.at + self.delay();
        let lost = (self.lossy && self.rng.percent(30)) || self.rng.ppm(self.plan.loss_ppm);
        if lost || back - sent.at > DEADLINE_US {
            self.check.call_failed(self.at);
            return self.schedule(self.at.max(sent.at + DEADLINE_US), Event::Back(sent, None));
        }
        self.schedule(back, Event::Back(sent, Some(answer)));
    }

    pub fn back(&mut self, sent: Sent, answer: Option<Answer>) {
        let answer = answer.filter(|_| !self.edges[sent.edge].cut_off);
        let alive = self.edges[sent.edge].life == sent.life && self.edges[sent.edge].up;
        match sent.to {
            To::Visitor { visitor, tab } if alive => self.store_answered(&sent, answer, visitor, tab),
            // The edge died over it: the browser tries again.
            To::Visitor { visitor, tab } => self.schedule(self.at + SECOND, Event::Act { visitor, tab }),
            To::Loop if alive => self.loop_answered(&sent, answer),
            To::Ending if alive && answer.is_none() => {
                if let Call::End(place, how) = *sent.call {
                    self.edges[sent.edge].core.end_later(place, how);
                }
            }
            To::Operator => self.operator_answered(answer),
            To::Loop | To::Ending | To::Nobody => {}
        }
    }
}
