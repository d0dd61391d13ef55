//! One room's line, as pure data: who waits, who is present, who was let in, who is inside. Every operation takes
//! the time and gives an answer; docs/ADMISSION.md says what each means. Knows no store, no edge, no clock.
//!
//! This file holds the data, the room's two clocks and the checks that several operations share; each family of
//! operations has a file of its own.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::ids::{Epoch, Place, Stamp, VisitorId};
use crate::policy::{LiveSettings, Mode, RoomPolicy};
use crate::rate::Rate;
use crate::store::Session;

mod audit;
pub mod bounds;
mod claim;
mod grant;
mod pace;
mod paid;
mod presence;
mod ranked;
mod recovery;
mod session;
mod settings;
mod sketch;
mod tick;

pub use audit::Census;
pub use settings::{SettingsError, check_texts};
pub use sketch::sketch_ranks;

use pace::Pace;
use ranked::Ranked;

/// A room's index of live tickets. `Clone` is a replica's copy.
#[derive(Clone, Default, Debug)]
pub struct Room {
    /// Not yet admitted, by place.
    queue: Ranked,
    /// Those of `queue` who polled near the head lately, by place.
    present: Ranked,
    /// The same visitors, by the service time of that poll.
    seen: Ranked,
    /// Let in, not yet come: by claim deadline (service time).
    admitted: Ranked,
    /// Inside: by the end of their session (service time).
    active: Ranked,
    /// The same visitors, by when they claimed (store time).
    claimed: Ranked,
    /// Those of them who entered at once and have not yet shown that they keep what they get.
    unproven: HashSet<VisitorId>,
    /// The stamps of everybody in `admitted` and `active`.
    stamps: HashMap<VisitorId, Stamp>,
    /// Places used up, by place; those up to the grace frontier are forgotten.
    spent: Ranked,
    /// Ids released or revoked, by when (service time).
    ended: Ranked,
    /// Those of them that are barred, by when (service time).
    revoked: Ranked,

    /// Answers to challenges that were used, by when they are forgotten (store time).
    paid: Ranked,

    /// `None`: never made, or lost.
    epoch: Option<Epoch>,
    seq: u64,
    frontier: Stamp,
    grace_frontier: Stamp,
    pace: Pace,
    /// The last working tick (store time).
    ticked_at: Stamp,
    /// Store time minus service time, at the last working tick.
    paused_total: u64,
    line_until: Stamp,
    /// Service time.
    recovering_until: Stamp,
    /// Until then (service time) edges may put back sessions that the store does not know.
    readopt_until: Stamp,
    ghosts: Ghosts,
    horizon: Horizon,
    /// Frontiers of the past, oldest first, with their service time.
    marks: VecDeque<(Stamp, Stamp)>,
    admitted_total: u64,
    left_total: u64,
    settings: LiveSettings,
}

/// Slots kept for sessions that a lost store no longer knows.
#[derive(Clone, Copy, Default, Debug)]
struct Ghosts {
    active: u64,
    admitted: u64,
    /// Store time of the counts they come from.
    as_of: Stamp,
    /// Service time.
    active_until: Stamp,
    /// Service time.
    admitted_until: Stamp,
}

/// How far from the frontier polls are reported.
#[derive(Clone, Copy, Debug)]
struct Horizon {
    stamp: Stamp,
    factor: u64,
    /// Service time.
    changed_at: Stamp,
}

impl Default for Horizon {
    fn default() -> Self {
        Horizon {
            stamp: Stamp::MAX,
            factor: 1,
            changed_at: Stamp::ZERO,
        }
    }
}

/// The two clocks of one operation.
#[derive(Clone, Copy, Debug)]
struct Now {
    store: Stamp,
    /// Stands still while no tick works: claim windows, presence, grace and sessions run on it.
    service: Stamp,
}

impl Now {
    /// A moment of service time as the outside reads it.
    fn outside(self, service: Stamp) -> Stamp {
        Stamp(
            service
                .0
                .saturating_add(self.store.0 - self.service.0)
                .min(Stamp::MAX.0),
        )
    }
}

/// What holds now: configured, unless changed live.
#[derive(Clone, Copy, Debug)]
struct InForce {
    capacity: u64,
    rate: Rate,
}

impl Room {
    #[must_use]
    pub fn new() -> Room {
        Room::default()
    }

    /// `now` never runs behind the last working tick; service time runs at most 3 s beyond it.
    fn clocks(&self, now: Stamp) -> Now {
        let store = now.max(self.ticked_at).min(Stamp::MAX);
        if self.ticked_at == Stamp::ZERO {
            return Now { store, service: store };
        }
        let ran = (store.0 - self.ticked_at.0).min(bounds::SERVICE_RUN_US);
        Now {
            store,
            service: Stamp(self.ticked_at.0 - self.paused_total + ran),
        }
    }

    fn in_force(&self, policy: &RoomPolicy) -> InForce {
        InForce {
            capacity: self.settings.capacity.unwrap_or(policy.capacity),
            rate: self.settings.rate.unwrap_or(policy.rate),
        }
    }

    /// Lost, never made, or being put back together: nobody is admitted.
    fn recovering(&self, now: Now) -> bool {
        self.epoch.is_none() || now.service < self.recovering_until
    }

    /// Whether places may be given at all, the line apart.
    fn admits(&self, policy: &RoomPolicy, now: Now) -> bool {
        policy.mode == Mode::Fifo
            && !self.settings.closed
            && self.settings.paused.is_none()
            && !self.recovering(now)
            && policy.opens_at.is_none_or(|opens| now.store >= opens)
    }

    fn ghosts(&self) -> u64 {
        self.ghosts.active + self.ghosts.admitted
    }

    fn slots_used(&self) -> u64 {
        self.active.len() + self.admitted.len() + self.ghosts()
    }

    /// The capacity rule: checked before any slot is given.
    fn free_slots(&self, force: InForce) -> u64 {
        force.capacity.saturating_sub(self.slots_used())
    }

    fn beyond_frontier(&self) -> u64 {
        self.queue.len() - self.queue.count_up_to(self.frontier)
    }

    /// There is a line: newcomers join it until it has been gone for a while.
    fn see_line(&mut self, now: Now) {
        self.line_until = self.line_until.max(Stamp(now.store.0 + bounds::LINE_US));
    }

    /// Takes a visitor out of the line; says which stamp it had.
    fn unqueue(&mut self, visitor: VisitorId) -> Option<Stamp> {
        self.present.remove(visitor);
        self.seen.remove(visitor);
        self.queue.remove(visitor)
    }

    /// Gives a session; the slot was checked, or the visitor was inside already.
    fn admit_inside(&mut self, policy: &RoomPolicy, place: Place, claimed_at: Stamp, now: Now) {
        self.unqueue(place.visitor);
        self.admitted.remove(place.visitor);
        self.unproven.remove(&place.visitor);
        self.active.put(place.visitor, now.service.plus(policy.session_ttl));
        self.claimed.put(place.visitor, claimed_at);
        self.stamps.insert(place.visitor, place.stamp);
    }

    /// Somebody inside came back with a pass or a ticket.
    fn extend(&mut self, policy: &RoomPolicy, visitor: VisitorId, now: Now) {
        self.unproven.remove(&visitor);
        if let Some(end) = self.active.get(visitor) {
            self.active.put(visitor, end.max(now.service.plus(policy.session_ttl)));
        }
    }

    /// Takes a session or an admission away; says which place had it.
    fn vacate(&mut self, visitor: VisitorId) -> Option<Place> {
        self.admitted.remove(visitor);
        self.active.remove(visitor);
        self.claimed.remove(visitor);
        self.unproven.remove(&visitor);
        let stamp = self.stamps.remove(&visitor)?;
        Some(Place { stamp, visitor })
    }

    /// The session of somebody inside.
    fn session(&self, visitor: VisitorId, now: Now) -> Option<Session> {
        let expires_at = now.outside(self.active.get(visitor)?);
        let claimed_at = self.claimed.get(visitor)?;
        let stamp = *self.stamps.get(&visitor)?;
        Some(Session {
            place: Place { stamp, visitor },
            claimed_at,
            expires_at,
        })
    }
}
