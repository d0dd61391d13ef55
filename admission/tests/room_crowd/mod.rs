//! A crowd before one room: visitors who come, poll as an edge would tell them, enter, stay, go or give up. Steps of a
//! second on a fake clock; no store, no process.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used)] // helpers of tests, outside of the test functions

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::room::Room;
use stanchion_admission::store::{Claim, EdgeMemory, End, Session, Snapshot, Tick};

pub const START: Stamp = Stamp(1_795_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

pub fn policy(capacity: u64, per_minute: u64) -> RoomPolicy {
    RoomPolicy {
        name: RoomName::new("sale").unwrap(),
        mode: Mode::Fifo,
        capacity,
        rate: Rate::per_minute(per_minute).unwrap(),
        session_ttl: Duration::from_secs(120),
        claim_window: Duration::from_secs(60),
        return_grace: Duration::from_secs(180),
        near_poll: Duration::from_secs(2),
        max_poll: Duration::from_secs(60),
        max_waiting: 1_000_000,
        opens_at: None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Waiting,
    Inside(Session),
    Done,
}

#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub place: Place,
    /// Never polls again from then on.
    pub gone_at: Stamp,
    pub stage: Stage,
    /// The epoch this ticket was last indexed in.
    indexed_in: u64,
    /// Asks for pages while inside, so that the session is touched and put back after a loss.
    pub busy: bool,
}

pub struct Crowd {
    pub room: Room,
    pub policy: RoomPolicy,
    pub now: Stamp,
    pub seen: Snapshot,
    pub memory: EdgeMemory,
    /// In order of arrival.
    pub people: Vec<Visitor>,
    /// Who entered when.
    pub entries: Vec<(Stamp, usize)>,
    pub stay: Duration,
    /// While false neither ticks nor polls reach the store.
    pub store_is_up: bool,
    polls: BinaryHeap<Reverse<(Stamp, usize)>>,
    inside: Vec<usize>,
    epochs: u64,
}

impl Crowd {
    pub fn new(policy: RoomPolicy) -> Crowd {
        let mut room = Room::new();
        let memory = EdgeMemory::default();
        let seen = room.tick(
            &Tick {
                policy: &policy,
                memory: &memory,
                new_epoch_id: 1,
                newborn: true,
            },
            START,
        );
        Crowd {
            room,
            policy,
            now: START,
            seen,
            memory,
            people: Vec::new(),
            entries: Vec::new(),
            stay: Duration::from_secs(30),
            store_is_up: true,
            polls: BinaryHeap::new(),
            inside: Vec::new(),
            epochs: 1,
        }
    }

    /// So many visitors over a span from now; `gone` says who never comes back after joining.
    pub fn arrive(&mut self, count: u64, over: Duration, gone: impl Fn(u64) -> bool) {
        for n in 0..count {
            let offset = Duration::from_micros(over.as_micros() as u64 * n / count + n);
            let stamp = self.now.plus(offset);
            let first_poll = stamp.plus(SECOND);
            let mut id = [3; 16];
            id[..8].copy_from_slice(
                &(self.people.len() as u64)
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .to_be_bytes(),
            );
            let gone_at = if gone(n) { first_poll.next() } else { Stamp::MAX };
            self.polls.push(Reverse((first_poll, self.people.len())));
            self.people.push(Visitor {
                place: Place {
                    stamp,
                    visitor: VisitorId(id),
                },
                gone_at,
                stage: Stage::Waiting,
                indexed_in: 0,
                busy: true,
            });
        }
    }

    pub fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(SECOND);
            self.polls_due();
            if self.store_is_up {
                self.sessions_go_on();
                self.tick();
            }
        }
    }

    pub fn entered_since(&self, from: Stamp) -> u64 {
        self.entries.iter().filter(|(at, _)| *at > from).count() as u64
    }

    /// Passes that an origin would accept now, whatever the store knows.
    pub fn really_inside(&self) -> u64 {
        let valid = |i: &&usize| matches!(self.people[**i].stage, Stage::Inside(s) if s.expires_at > self.now);
        self.inside.iter().filter(valid).count() as u64
    }

    pub fn tick(&mut self) {
        self.epochs += 1;
        let call = Tick {
            policy: &self.policy,
            memory: &self.memory,
            new_epoch_id: self.epochs,
            newborn: false,
        };
        let seen = self.room.tick(&call, self.now);
        self.memory = EdgeMemory {
            epoch: seen.epoch,
            seq: seen.seq,
            frontier: self.memory.frontier.max(seen.frontier),
            grace_frontier: self.memory.grace_frontier.max(seen.grace_frontier),
            active: seen.active + seen.ghosts,
            admitted: seen.admitted,
            as_of: seen.now,
            settings: seen.settings.clone(),
        };
        self.seen = seen;
    }

    fn polls_due(&mut self) {
        while let Some(Reverse((at, who))) = self.polls.peek().copied() {
            if at > self.now {
                break;
            }
            self.polls.pop();
            if at < self.people[who].gone_at && self.people[who].stage == Stage::Waiting {
                self.poll(who, at);
            }
        }
    }

    fn poll(&mut self, who: usize, at: Stamp) {
        if self.store_is_up {
            self.reach_store(who, at);
        }
        if self.people[who].stage == Stage::Waiting {
            let next = at.plus(self.interval(who));
            self.polls.push(Reverse((next, who)));
        }
    }

    fn reach_store(&mut self, who: usize, at: Stamp) {
        let place = self.people[who].place;
        if self.people[who].indexed_in != self.seen.epoch.ordinal {
            self.room.join(&self.policy, &[place], at);
            self.people[who].indexed_in = self.seen.epoch.ordinal;
        }
        if place.stamp > self.seen.frontier {
            if place.stamp <= self.seen.horizon {
                self.room.present(&self.policy, &[place], at);
            }
            return;
        }
        match self.room.claim(&self.policy, place, at) {
            Claim::Inside(session) => {
                self.people[who].stage = Stage::Inside(session);
                self.entries.push((at, who));
                self.inside.push(who);
            }
            Claim::Waiting => {}
            Claim::Gone | Claim::Revoked => self.people[who].stage = Stage::Done,
        }
    }

    /// As docs/ADMISSION.md directs polls, with jitter by visitor and time.
    fn interval(&self, who: usize) -> Duration {
        let near = self.policy.near_poll;
        let stamp = self.people[who].place.stamp;
        let base = if stamp <= self.seen.horizon {
            near
        } else {
            let up_to_horizon = self.people.partition_point(|v| v.place.stamp <= self.seen.horizon);
            let left = self.seen.left_total as f64 / (self.seen.left_total + self.seen.admitted_total).max(1) as f64;
            let stayers = 1.0 - (left + 0.2).min(0.9);
            let low = (who - up_to_horizon) as f64 * stayers / self.seen.rate.per_second();
            Duration::from_secs_f64(0.4 * low).clamp(near, self.policy.max_poll)
        };
        let noise = (who as u64)
            .wrapping_mul(31)
            .wrapping_add(self.now.0 / 1_000_000)
            .wrapping_mul(0x9E37_79B9)
            % 400;
        base.mul_f64(0.8 + noise as f64 / 1_000.0)
    }

    /// The busy are touched every five seconds, and leave when they have stayed.
    fn sessions_go_on(&mut self) {
        let second = self.now.0 / 1_000_000;
        for who in std::mem::take(&mut self.inside) {
            let Stage::Inside(mut session) = self.people[who].stage else {
                continue;
            };
            let place = self.people[who].place;
            if self.now.since(session.claimed_at) >= self.stay && self.people[who].busy {
                self.room.end(&self.policy, place, End::Released, self.now);
                self.people[who].stage = Stage::Done;
                continue;
            }
            if self.people[who].busy && (second + who as u64).is_multiple_of(5) {
                let ended = self.room.touch(&self.policy, &[session], self.now);
                assert_eq!(ended, vec![], "visitor {who} was put out");
                session.expires_at = self.now.plus(self.policy.session_ttl);
                self.people[who].stage = Stage::Inside(session);
            }
            if session.expires_at > self.now {
                self.inside.push(who);
            } else {
                self.people[who].stage = Stage::Done;
            }
        }
    }

    /// The longest that anybody entered after somebody who came later (I7), among those who stayed.
    pub fn worst_overtaking(&self) -> Duration {
        let mut entered = vec![None; self.people.len()];
        for (at, who) in &self.entries {
            entered[*who] = Some(*at);
        }
        let mut earliest_behind = Stamp::MAX;
        let mut worst = Duration::ZERO;
        for at in entered.into_iter().rev().flatten() {
            worst = worst.max(at.since(earliest_behind));
            earliest_behind = earliest_behind.min(at);
        }
        worst
    }

    /// Those who stayed and were passed: waiting although somebody who came later got in that long ago.
    pub fn forgotten(&self, patience: Duration) -> Vec<usize> {
        let passed = |stamp: Stamp| {
            let later = self
                .entries
                .iter()
                .filter(|(_, who)| self.people[*who].place.stamp > stamp);
            later
                .map(|(at, _)| *at)
                .min()
                .is_some_and(|at| self.now.since(at) > patience)
        };
        let waits = |i: &usize| self.people[*i].stage == Stage::Waiting && self.people[*i].gone_at == Stamp::MAX;
        let last_in = self.entries.iter().map(|(_, who)| *who).max().unwrap_or(0);
        (0..last_in)
            .filter(waits)
            .filter(|i| passed(self.people[*i].place.stamp))
            .collect()
    }
}
