//! What an edge can tell a visitor without asking anybody: an immutable value, replaced whole at each snapshot, so
//! that a hundred thousand polls read it and none waits. Pure; the clock is an argument.

use std::sync::Arc;
use std::time::Duration;

use super::clock_offset::stamp_at;
use super::position::{self, Before};
use super::seen::Seen;
use crate::ids::{Place, Stamp};
use crate::policy::{Mode, RoomPolicy};
use crate::store::{RoomState, Snapshot};
use crate::wait::{self, Pace, PollRule, WaitRange};

/// Figures older than this are called stale.
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// A room as an edge knows it at one time.
#[derive(Clone, Debug)]
pub struct View {
    pub policy: Arc<RoomPolicy>,
    /// `None` until the store first answered.
    pub known: Option<Known>,
    /// Highest frontier seen, in any epoch: up to here it is the store that decides.
    pub frontier: Stamp,
    /// The last call of the store failed.
    pub away: bool,
    /// Store clock = monotonic + this.
    pub offset_us: i64,
}

/// The newest snapshot and what was derived from it once.
#[derive(Clone, Debug)]
pub struct Known {
    pub snapshot: Arc<Snapshot>,
    /// Monotonic.
    pub received: Duration,
    /// Monotonic. Until then the index is filling up again after a loss; zero where nothing was lost.
    pub refilled_at: Duration,
    pub before: Option<Before>,
    pub pace: Pace,
    pub horizon_factor: f64,
    pub paused_reason: Option<Arc<str>>,
    pub message: Option<Arc<str>>,
}

/// All there is to say to somebody who waits.
#[derive(Clone, PartialEq, Debug)]
pub struct WaitFacts {
    pub state: RoomState,
    /// 1 = next. `None` where it is not known yet: said only when everybody ahead had time to come in.
    pub position: Option<u64>,
    pub waiting: Option<u64>,
    /// `None` where nothing honest can be said.
    pub wait: Option<WaitRange>,
    /// When to come again, jitter included.
    pub refresh: Duration,
    /// The figures are older than five seconds, or the store is away.
    pub stale: bool,
    pub paused_reason: Option<Arc<str>>,
    pub message: Option<Arc<str>>,
    pub opens_at: Option<Stamp>,
    /// The store's clock, as this edge reckons it.
    pub now: Stamp,
    /// To be kept beside the ticket.
    pub seen: Seen,
}

/// What the store is to be told of a poll, in the next batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    Nothing,
    /// First poll of this place in this epoch, far from the head.
    Join,
    /// Near the head. `first`: also the first poll in this epoch.
    Present {
        first: bool,
    },
}

/// The answer to a poll.
#[derive(Clone, PartialEq, Debug)]
pub enum Look {
    Waiting {
        facts: WaitFacts,
        report: Report,
    },
    /// The frontier has passed this place: only the store can say whether it has a slot.
    AskClaim,
}

impl View {
    #[must_use]
    pub fn store_time(&self, now: Duration) -> Stamp {
        stamp_at(self.offset_us, now)
    }

    /// What a ticket's poll is told.
    #[must_use]
    pub fn look(&self, place: Place, seen: Option<Seen>, now: Duration) -> Look {
        if place.stamp <= self.frontier {
            return Look::AskClaim;
        }
        let report = self.report(place, seen);
        let mut facts = self.facts(place, seen, now);
        if report == Report::Nothing || self.away {
            return Look::Waiting { facts, report };
        }
        if let Some(known) = &self.known {
            facts.seen.epoch_id = known.snapshot.epoch.id;
        }
        Look::Waiting { facts, report }
    }

    /// What somebody is told who has just been given this ticket.
    #[must_use]
    pub fn fresh(&self, place: Place, now: Duration) -> WaitFacts {
        let mut facts = self.facts(place, None, now);
        facts.refresh = self.spread(wait::FRESH_POLL.min(self.policy.max_poll), place, now);
        facts
    }

    /// What somebody is told whose claim is to wait: they are next, or the store is away. `seen` is kept as it is.
    #[must_use]
    pub fn facts(&self, place: Place, seen: Option<Seen>, now: Duration) -> WaitFacts {
        let at = self.store_time(now);
        let told = seen.and_then(|seen| seen.position);
        let reckoned = match (self.reckoned(place.stamp, now), told) {
            (Some(reckoned), Some(told)) => Some(reckoned.min(told)),
            (reckoned, told) => reckoned.or(told),
        };
        let position = if self.is_settled(place.stamp, now) {
            reckoned
        } else {
            told
        };
        let opens_at = self.policy.opens_at.filter(|opens_at| at < *opens_at);
        let opens_in = opens_at.map_or(Duration::ZERO, |opens_at| opens_at.since(at));
        let snapshot = self.known.as_ref().map(|known| &known.snapshot);
        WaitFacts {
            state: self.state(at),
            position,
            waiting: snapshot.map(|snapshot| snapshot.waiting.max(position.unwrap_or(1))),
            wait: self.wait(position, at, opens_in),
            refresh: self.refresh(place, position, reckoned, now, opens_in),
            stale: self.stale(now),
            paused_reason: self.known.as_ref().and_then(|known| known.paused_reason.clone()),
            message: self.known.as_ref().and_then(|known| known.message.clone()),
            opens_at,
            now: at,
            seen: Seen {
                position,
                epoch_id: seen.map_or(0, |seen| seen.epoch_id),
            },
        }
    }

    /// The room's state as it is told, also where the store has never answered.
    #[must_use]
    pub fn state(&self, at: Stamp) -> RoomState {
        let opens_later = self.policy.opens_at.is_some_and(|opens_at| at < opens_at);
        match &self.known {
            _ if self.policy.mode == Mode::Closed => RoomState::Closed,
            Some(known) => known.snapshot.state,
            None if opens_later => RoomState::Prequeue,
            None => RoomState::Recovering,
        }
    }

    #[must_use]
    pub fn stale(&self, now: Duration) -> bool {
        let old = |known: &Known| now.saturating_sub(known.received) > STALE_AFTER;
        self.away || self.known.as_ref().is_none_or(old)
    }

    /// More places are indexed than the room allows.
    #[must_use]
    pub fn line_is_full(&self) -> bool {
        let waiting = self.known.as_ref().map_or(0, |known| known.snapshot.waiting);
        waiting >= self.policy.max_waiting
    }

    /// Whether the place of this stamp can be told: older ones may still be on their way into the index.
    fn is_settled(&self, stamp: Stamp, now: Duration) -> bool {
        match &self.known {
            _ if stamp <= self.frontier => true,
            Some(known) if now < known.refilled_at => {
                known.before.as_ref().is_some_and(|before| before.is_settled(stamp))
            }
            Some(known) => position::is_settled(stamp, known.snapshot.now),
            None => false,
        }
    }

    /// The place by what is known now, even if it cannot be told yet.
    fn reckoned(&self, stamp: Stamp, now: Duration) -> Option<u64> {
        if stamp <= self.frontier {
            return Some(1);
        }
        let known = self.known.as_ref()?;
        let snapshot = &known.snapshot;
        let indexed = position::ahead(&snapshot.sketch, snapshot.waiting, stamp);
        let before = known
            .before
            .as_ref()
            .and_then(|before| before.ahead(stamp, snapshot.admitted_total, now));
        Some(indexed.max(before.unwrap_or(0)).saturating_add(1))
    }

    fn wait(&self, position: Option<u64>, at: Stamp, opens_in: Duration) -> Option<WaitRange> {
        let told = matches!(
            self.state(at),
            RoomState::Open | RoomState::Queueing | RoomState::Full | RoomState::Prequeue
        );
        let known = self.known.as_ref().filter(|_| told)?;
        let range = wait::range(position?.saturating_sub(1), &known.pace, self.policy.near_poll)?;
        let opens_in_s = opens_in.as_secs_f64().ceil() as u64;
        Some(WaitRange {
            low_s: range.low_s.saturating_add(opens_in_s),
            high_s: range.high_s.saturating_add(opens_in_s),
        })
    }

    fn refresh(
        &self,
        place: Place,
        position: Option<u64>,
        reckoned: Option<u64>,
        now: Duration,
        opens_in: Duration,
    ) -> Duration {
        let rule = PollRule {
            near_poll: self.policy.near_poll,
            max_poll: self.policy.max_poll,
            horizon_factor: self.known.as_ref().map_or(1.0, |known| known.horizon_factor),
        };
        let poll = match (&self.known, reckoned) {
            _ if self.state(self.store_time(now)) == RoomState::Closed => rule.max_poll,
            (Some(known), _) if place.stamp <= known.snapshot.horizon && opens_in.is_zero() => rule.near_poll,
            (Some(known), Some(reckoned)) => wait::poll(reckoned.saturating_sub(1), &known.pace, &rule, opens_in),
            _ => rule.near_poll,
        };
        let age = self.store_time(now).since(place.stamp);
        let soon = wait::untold_poll(age).filter(|_| position.is_none());
        self.spread(soon.map_or(poll, |soon| soon.min(poll)), place, now)
    }

    fn spread(&self, poll: Duration, place: Place, now: Duration) -> Duration {
        let count = u64::try_from(now.as_millis()).unwrap_or(0);
        wait::jittered(poll, place.visitor, count)
    }

    fn report(&self, place: Place, seen: Option<Seen>) -> Report {
        let Some(Known { snapshot, .. }) = &self.known else {
            return Report::Join;
        };
        let first = seen.is_none_or(|seen| seen.epoch_id != snapshot.epoch.id);
        match (place.stamp <= snapshot.horizon, first) {
            (true, first) => Report::Present { first },
            (false, true) => Report::Join,
            (false, false) => Report::Nothing,
        }
    }
}
