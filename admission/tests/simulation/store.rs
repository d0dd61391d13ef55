//! The store of the simulation: the real room, told a time that can be wrong, and distorted where a flaw is on.

use std::collections::HashSet;
use std::time::Duration;

use stanchion_admission::ids::{Epoch, Place, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::room::bounds::SETTLE_US;
use stanchion_admission::room::{Room, SettingsError};
use stanchion_admission::store::{Claim, EdgeMemory, End, Enter, RoomState, Session, Snapshot, Tick};

use crate::flaws::Flaw;

const BASE: u64 = 1_700_000_000_000_000;

#[derive(Clone, Debug)]
pub enum Call {
    Enter(Place),
    Claim(Place),
    Join(Vec<Place>),
    Present(Vec<Place>),
    Touch(Vec<Session>),
    Spent(Vec<Place>),
    End(Place, End),
    Tick { memory: EdgeMemory, id: u64, newborn: bool },
    Put(u64, LiveSettings),
}

#[derive(Clone, Debug)]
pub enum Answer {
    Enter(Enter),
    Claim(Claim),
    Ended(Vec<VisitorId>),
    Done,
    Snapshot(Box<Snapshot>),
    Put(Result<LiveSettings, SettingsError>),
}

pub struct SimStore {
    pub room: Room,
    pub policy: RoomPolicy,
    pub step_us: i64,
    pub flaw: Option<Flaw>,
    ticks: u64,
    last_tick: Stamp,
    last_epoch: Epoch,
    saved_us: u64,
    aliases: HashSet<VisitorId>,
    in_force: (u64, Rate),
}

impl SimStore {
    pub fn new(policy: RoomPolicy, flaw: Option<Flaw>) -> SimStore {
        SimStore {
            room: Room::new(),
            in_force: (policy.capacity, policy.rate),
            policy,
            step_us: 0,
            flaw,
            ticks: 0,
            last_tick: Stamp::ZERO,
            last_epoch: Epoch::default(),
            saved_us: 0,
            aliases: HashSet::new(),
        }
    }

    /// What its clock says at a true moment.
    pub fn time(&self, at: u64) -> Stamp {
        let ahead = if self.has(Flaw::SettleIgnored) { SETTLE_US } else { 0 };
        Stamp((BASE + at + ahead).saturating_add_signed(self.step_us))
    }

    pub fn wall(at: u64, error_us: i64) -> Stamp {
        Stamp((BASE + at).saturating_add_signed(error_us))
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub fn execute(&mut self, call: &Call, at: u64) -> Answer {
        let now = self.time(at);
        if self.has(Flaw::WindowsDoNotPause) {
            self.run_on(now);
        }
        let policy = self.policy.clone();
        match call {
            Call::Enter(place) => Answer::Enter(self.room.enter(&policy, *place, now)),
            Call::Claim(place) => Answer::Claim(self.claim(&policy, *place, now)),
            Call::Join(places) => {
                self.room.join(&policy, &self.known_as(places), now);
                Answer::Done
            }
            Call::Present(places) => {
                self.room.present(&policy, &self.known_as(places), now);
                Answer::Done
            }
            Call::Touch(sessions) => Answer::Ended(self.touch(&policy, sessions, now)),
            Call::Spent(places) => {
                self.room.spent(&policy, &self.believed(places), now);
                Answer::Done
            }
            Call::End(place, how) => {
                self.room.end(&policy, *place, *how, now);
                Answer::Done
            }
            Call::Tick { memory, id, newborn } => {
                Answer::Snapshot(Box::new(self.tick(&policy, memory.clone(), *id, *newborn, now)))
            }
            Call::Put(expected, new) => Answer::Put(self.put(*expected, new, now)),
        }
    }

    fn put(&mut self, expected: u64, new: &LiveSettings, now: Stamp) -> Result<LiveSettings, SettingsError> {
        let put = self.room.settings_put(&self.policy, expected, new.clone(), now);
        if let Ok(settings) = &put {
            let (capacity, rate) = (settings.capacity, settings.rate);
            self.in_force = (
                capacity.unwrap_or(self.policy.capacity),
                rate.unwrap_or(self.policy.rate),
            );
        }
        put
    }

    fn claim(&mut self, policy: &RoomPolicy, place: Place, now: Stamp) -> Claim {
        let known = self.known_as(&[place])[0];
        let before = self.room.slots();
        let answer = self.room.claim(policy, known, now);
        if self.has(Flaw::DoubleSlot) && matches!(answer, Claim::Inside(_)) && self.room.slots() == before {
            let phantom = Session {
                place: alias(place),
                claimed_at: now,
                expires_at: now.plus(policy.session_ttl),
            };
            self.room.touch(policy, &[phantom], now);
        }
        if self.has(Flaw::SpentForgotten) && answer == Claim::Gone && self.aliases.insert(place.visitor) {
            return self.claim(policy, place, now);
        }
        match answer {
            Claim::Inside(session) => Claim::Inside(Session { place, ..session }),
            other => other,
        }
    }

    /// Under `SpentForgotten` a used place passes for another one.
    fn known_as(&self, places: &[Place]) -> Vec<Place> {
        let known = |place: &Place| match self.aliases.contains(&place.visitor) {
            true => alias(*place),
            false => *place,
        };
        places.iter().map(known).collect()
    }

    /// Under `EndOverruled` whoever is inside stays inside.
    fn believed(&self, places: &[Place]) -> Vec<Place> {
        if !self.has(Flaw::EndOverruled) {
            return places.to_vec();
        }
        let active = self.room.census().active;
        let over = |place: &&Place| !active.iter().any(|other| other.visitor == place.visitor);
        places.iter().filter(over).copied().collect()
    }

    fn touch(&mut self, policy: &RoomPolicy, sessions: &[Session], now: Stamp) -> Vec<VisitorId> {
        if self.has(Flaw::TouchResurrects) {
            self.room.touch(policy, sessions, now);
            return Vec::new();
        }
        if self.has(Flaw::NoReReport) {
            let active = self.room.census().active;
            let inside = |session: &&Session| active.contains(&session.place);
            let known: Vec<Session> = sessions.iter().filter(inside).copied().collect();
            return self.room.touch(policy, &known, now);
        }
        self.room.touch(policy, sessions, now)
    }

    fn tick(&mut self, policy: &RoomPolicy, memory: EdgeMemory, id: u64, newborn: bool, now: Stamp) -> Snapshot {
        let before = self.room.census();
        let mut memory = memory;
        let mut policy = policy.clone();
        let mut newborn = newborn;
        match self.flaw {
            Some(Flaw::NoEpoch) => (memory, newborn) = (EdgeMemory::default(), true),
            Some(Flaw::NoGhosts | Flaw::NoReReport) => (memory.active, memory.admitted) = (0, 0),
            Some(Flaw::FrontierForgotten) => (memory.frontier, memory.grace_frontier) = (Stamp::ZERO, Stamp::ZERO),
            Some(Flaw::SettingsLost) => memory.settings = LiveSettings::default(),
            Some(Flaw::PresenceIgnored) => self.room.present(&policy, &before.queue, now),
            Some(Flaw::AbsentBlocks) if before.queue.first() != before.present.first() => {
                policy.opens_at = Some(Stamp::MAX);
            }
            Some(Flaw::UnboundedCredit) => policy.rate = self.saved_up(now),
            _ => {}
        }
        let call = Tick {
            policy: &policy,
            memory: &memory,
            new_epoch_id: id,
            newborn,
        };
        let mut snapshot = self.room.tick(&call, now);
        self.last_tick = now;
        self.last_epoch = snapshot.epoch;
        self.in_force = (snapshot.capacity, snapshot.settings.rate.unwrap_or(self.policy.rate));
        self.distort(&mut snapshot, &before.admitted, now);
        snapshot
    }

    fn distort(&mut self, snapshot: &mut Snapshot, admitted: &[Place], now: Stamp) {
        self.ticks += 1;
        match self.flaw {
            Some(Flaw::NoEpoch) => {
                snapshot.epoch = Epoch { ordinal: 1, id: 1 };
                snapshot.seq = self.ticks;
            }
            Some(Flaw::SettleIgnored) => {
                snapshot.now = snapshot.now.minus(Duration::from_micros(SETTLE_US));
                snapshot.ticked_at = snapshot.ticked_at.minus(Duration::from_micros(SETTLE_US));
            }
            Some(Flaw::AbsentBlocks) if snapshot.state == RoomState::Prequeue => snapshot.state = RoomState::Queueing,
            Some(Flaw::TouchResurrects) => snapshot.ended.clear(),
            Some(Flaw::LapsedToBack) => {
                let queue = self.room.census().queue;
                let lapsed: Vec<Place> = admitted.iter().filter(|p| queue.contains(p)).copied().collect();
                let policy = self.policy.clone();
                self.room.spent(&policy, &lapsed, now);
            }
            _ => {}
        }
    }

    /// Under `UnboundedCredit`: the pace of a second after an idle time, as if nothing had been cut off.
    fn saved_up(&mut self, now: Stamp) -> Rate {
        let idle = self.room.census().present.is_empty();
        self.saved_us += now.since(self.last_tick).as_micros() as u64;
        let earned = self.saved_us as f64 / 1e6 * self.policy.rate.per_second();
        if idle || earned < 2.0 {
            return self.policy.rate;
        }
        self.saved_us = 0;
        Rate::per_minute((earned as u64 * 60).clamp(1, Rate::MAX_COUNT)).unwrap()
    }

    /// Under `WindowsDoNotPause`: the room works on its own while nobody ticks, and grants nothing meanwhile.
    fn run_on(&mut self, now: Stamp) {
        let policy = RoomPolicy {
            opens_at: Some(Stamp::MAX),
            ..self.policy.clone()
        };
        let memory = EdgeMemory {
            epoch: self.last_epoch,
            ..EdgeMemory::default()
        };
        while self.last_tick != Stamp::ZERO && now.since(self.last_tick) > Duration::from_millis(2_500) {
            self.last_tick = self.last_tick.plus(Duration::from_secs(1));
            let call = Tick {
                policy: &policy,
                memory: &memory,
                new_epoch_id: 1,
                newborn: false,
            };
            self.room.tick(&call, self.last_tick);
        }
    }

    /// In force.
    pub fn room_capacity(&self) -> u64 {
        self.in_force.0
    }

    pub fn room_rate(&self) -> Rate {
        self.in_force.1
    }

    pub fn epoch(&self) -> u64 {
        self.last_epoch.ordinal
    }

    pub fn wipe(&mut self) {
        self.room = Room::new();
    }
}

fn alias(place: Place) -> Place {
    let mut id = place.visitor.0;
    id.iter_mut().for_each(|byte| *byte = !*byte);
    Place {
        stamp: place.stamp,
        visitor: VisitorId(id),
    }
}
