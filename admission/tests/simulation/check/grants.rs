//! What a tick did: who was granted, who lapsed, how much was given.

use std::time::Duration;

use stanchion_admission::ids::{Place, Stamp};
use stanchion_admission::rate::Rate;
use stanchion_admission::room::{Census, bounds};
use stanchion_admission::store::{EdgeMemory, RoomState, Snapshot};

use super::Checker;
use crate::plan::SECOND;
use crate::store::SimStore;

/// How much the order may err for the clocks' and the batches' sake.
const EPSILON: Duration = Duration::from_millis(150);

impl Checker {
    pub(super) fn ticked(&mut self, memory: &EdgeMemory, snapshot: &Snapshot, store: &SimStore, before: Census) {
        if snapshot.frontier < memory.frontier {
            let (from, to) = (memory.frontier, snapshot.frontier);
            self.fail("I9", || format!("told of frontier {from:?}, the store answers {to:?}"));
        }
        if snapshot.settings.version < memory.settings.version {
            let (from, to) = (memory.settings.version, snapshot.settings.version);
            self.fail("I20", || format!("settings fell from version {from} to {to}"));
        }
        self.service += (self.at - self.last_tick).min(3 * SECOND);
        self.last_tick = self.at;
        let highest = self.frontiers.last().map_or(Stamp::ZERO, |(_, frontier)| *frontier);
        if snapshot.frontier > highest {
            self.frontiers.push((self.at, snapshot.frontier));
        }
        let after = store.room.census();
        self.lapses(&before, &after);
        let granted: Vec<Place> = after
            .admitted
            .iter()
            .filter(|p| !before.admitted.contains(p))
            .copied()
            .collect();
        self.granted(&granted, snapshot);
        self.slots_are_tickets(store, snapshot, &after);
        self.no_stall(&granted, snapshot, &after);
        if let Err(wrong) = store.room.audit() {
            self.fail("audit", || wrong.to_owned());
        }
    }

    /// F12.
    fn lapses(&mut self, before: &Census, after: &Census) {
        let window = self.policy.claim_window.as_micros() as u64;
        let service = self.service;
        for place in before.admitted.iter().filter(|p| !after.admitted.contains(p)) {
            let Some(ticket) = self.ticket(*place) else { continue };
            let had = ticket.granted.take().map_or(window, |(granted, _)| service - granted);
            if had + 4 * SECOND < window {
                let place = *place;
                self.fail("F12", || {
                    format!("the grant of {place:?} lapsed after {had} us of service")
                });
            }
        }
    }

    fn granted(&mut self, granted: &[Place], snapshot: &Snapshot) {
        let Some(youngest) = granted.iter().max().copied() else {
            return;
        };
        self.spend(granted.len() as u64);
        let used = snapshot.active + snapshot.admitted + snapshot.ghosts;
        if used > snapshot.capacity {
            let capacity = snapshot.capacity;
            self.fail("I2", || format!("granted up to {used} slots in use of {capacity}"));
        }
        self.prefix(granted, youngest, snapshot);
        self.nobody_overtaken(youngest, granted, "granted");
        let (at, service) = (self.at, self.service);
        for place in granted {
            if let Some(ticket) = self.ticket(*place) {
                (ticket.granted, ticket.reported) = (Some((service, at)), None);
            }
        }
    }

    /// I1.
    fn prefix(&mut self, granted: &[Place], youngest: Place, snapshot: &Snapshot) {
        let presence = bounds::presence_window(&self.policy).as_micros() as u64;
        let at = self.at;
        let settled = snapshot.now.minus(Duration::from_micros(bounds::SETTLE_US));
        if youngest.stamp > settled {
            self.fail("I7", || {
                format!("{youngest:?} was granted before older ones could come in ({settled:?})")
            });
        }
        let waits = |place: &Place| !granted.contains(place) && *place < youngest && place.stamp <= settled;
        let left_out = self.tickets.iter().find(|ticket| {
            let there = ticket
                .reported
                .is_some_and(|reported| at < reported + presence - SECOND);
            there
                && !ticket.used
                && ticket.granted.is_none()
                && ticket.place.stamp > snapshot.grace_frontier
                && waits(&ticket.place)
        });
        if let Some(ticket) = left_out.cloned() {
            self.fail("I1", || format!("{youngest:?} was granted before {ticket:?}"));
        }
        if self.calm() < 20 * SECOND {
            return;
        }
        for place in granted {
            let Some(ticket) = self.ticket(*place) else { continue };
            if ticket
                .reported
                .is_none_or(|reported| at > reported + presence + 2 * SECOND)
            {
                let ticket = ticket.clone();
                self.fail("I1", || format!("granted to somebody who is not there: {ticket:?}"));
            }
        }
    }

    /// I7: those who do as told and came clearly earlier have had their turn.
    pub(super) fn nobody_overtaken(&mut self, youngest: Place, with: &[Place], how: &str) {
        if self.calm() < 30 * SECOND {
            return;
        }
        let at = self.at;
        let overtaken = self.tickets.iter().find(|ticket| {
            let earlier = ticket.place.stamp.plus(EPSILON) < youngest.stamp;
            let waits = !ticket.used && !ticket.gone && ticket.granted.is_none() && !with.contains(&ticket.place);
            let as_told = self.diligent[ticket.owner] && ticket.comes_at + SECOND > at;
            earlier && waits && as_told
        });
        if let Some(ticket) = overtaken.cloned() {
            self.fail("I7", || format!("{youngest:?} was {how} before {ticket:?}"));
        }
    }

    /// I3: a bucket that leaks at the pace in force.
    pub(super) fn spend(&mut self, visitors: u64) {
        self.admissions += visitors;
        self.leak();
        self.bucket += visitors as f64;
        // Ticks come a network delay apart from when their pace was earned.
        let most = batch(self.rate) + 0.1 * self.rate.per_second() + 0.01;
        if self.bucket > most {
            let bucket = self.bucket;
            self.fail("I3", || format!("{bucket:.2} beyond the pace, of {most:.2} at most"));
        }
    }

    fn leak(&mut self) {
        let elapsed_s = (self.at - self.bucket_at) as f64 / SECOND as f64;
        self.bucket = (self.bucket - elapsed_s * self.rate.per_second()).max(0.0);
        self.bucket_at = self.at;
    }

    /// A clock that jumps ahead earns as if the time had passed: up to one batch, once.
    pub(super) fn clock_jumps(&mut self) {
        self.leak();
        self.bucket = (self.bucket - batch(self.rate)).max(0.0);
    }

    /// What was saved up is kept, at most a batch of the new pace; the time since the last tick earns at it too.
    pub(super) fn pace_is(&mut self, rate: Rate) {
        if rate == self.rate {
            return;
        }
        self.leak();
        let saved = batch(self.rate) - self.bucket;
        let raised = (rate.per_second() - self.rate.per_second()).max(0.0) * 1.2;
        self.bucket = (batch(rate) - saved - raised).max(0.0);
        self.rate = rate;
    }

    /// I10.
    fn no_stall(&mut self, granted: &[Place], snapshot: &Snapshot, after: &Census) {
        let at = self.at;
        let used = snapshot.active + snapshot.admitted + snapshot.ghosts;
        let open = matches!(snapshot.state, RoomState::Queueing | RoomState::Open);
        let somebody = self.tickets.iter().any(|ticket| {
            let told = self.diligent[ticket.owner] && !ticket.gone && !ticket.used && ticket.contacts > 0;
            told && ticket.granted.is_none()
        });
        let waits = somebody && !after.queue.is_empty();
        if !granted.is_empty() || used >= snapshot.capacity || !open || !waits || self.active_faults > 0 {
            self.stalled_since = at;
        }
        let polls = 3 * self.policy.max_poll + 4 * self.policy.near_poll + self.policy.claim_window;
        let pace_s = 2.0 / snapshot.rate.per_second();
        let most = polls.as_micros() as u64 + ((12.0 + pace_s) * SECOND as f64) as u64;
        if at - self.stalled_since > most {
            let waiting = after.queue.len();
            self.fail("I10", || {
                format!("nobody granted for {most} us; {waiting} wait, {used} slots are used")
            });
        }
    }
}

fn batch(rate: Rate) -> f64 {
    1.0 + 2.0 * rate.per_second()
}
