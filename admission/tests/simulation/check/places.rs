//! Births, claims, entries and what visitors are shown.

use std::time::Duration;

use stanchion_admission::edge::view::{View, WaitFacts};
use stanchion_admission::ids::{Place, Stamp};
use stanchion_admission::store::{Claim, Enter, RoomState, Session};

use super::Checker;
use crate::edge::SimEdge;
use crate::plan::SECOND;
use crate::store::SimStore;

impl Checker {
    /// I8.
    pub fn minted(&mut self, at: u64, place: Place, owner: usize, edge: &SimEdge) {
        self.at = at;
        if self.by_id.contains_key(&place.visitor) {
            return;
        }
        let seen = edge.core.view().frontier;
        if place.stamp <= seen {
            self.fail("I8", || format!("{place:?} is born behind the frontier {seen:?}"));
        }
        let error = if self.calm() > 30 * SECOND {
            3 * SECOND / 10
        } else {
            10 * SECOND
        };
        let settled = self.births.partition_point(|(born, _)| born + error <= at);
        let oldest = settled.checked_sub(1).map_or(Stamp::ZERO, |i| self.births[i].1);
        if place.stamp < oldest {
            self.fail("I8", || {
                format!("{place:?} is born ahead of {oldest:?}, made {error} us earlier")
            });
        }
        let highest = self.births.last().map_or(Stamp::ZERO, |(_, stamp)| *stamp);
        self.births.push((at, highest.max(place.stamp)));
        self.add_ticket(place, owner);
    }

    pub(super) fn entered(&mut self, place: Place, answer: Enter, now: Stamp) {
        let Enter::Entered(session) = answer else { return };
        let first = self
            .ticket(place)
            .is_some_and(|ticket| !ticket.used || ticket.claimed_at != session.claimed_at);
        self.session_given(place, session, now);
        if first {
            self.spend(1);
            self.nobody_overtaken(place, &[place], "entered");
        }
    }

    pub(super) fn claimed(&mut self, place: Place, answer: Claim, now: Stamp) {
        match answer {
            Claim::Inside(session) => {
                self.session_given(place, session, now);
                self.came_back(place);
            }
            Claim::Waiting => self.reported(place),
            Claim::Gone | Claim::Revoked => {}
        }
    }

    /// I4 and I5: another session for the same place only where the first is lost with the data.
    fn session_given(&mut self, place: Place, session: Session, now: Stamp) {
        let at = self.at;
        let lost = self.losses.last().map_or(0, |(lost, _)| *lost);
        let Some(ticket) = self.ticket(place) else { return };
        let same = ticket.used && ticket.claimed_at == session.claimed_at;
        let before = ticket.clone();
        let never_back = !ticket.proven && ticket.until <= now;
        let another = ticket.used && !same && ticket.claimed_when > lost && !never_back;
        let again = ticket.ended.is_some_and(|ended| ended > lost);
        if !same {
            (ticket.claimed_at, ticket.claimed_when, ticket.used) = (session.claimed_at, at, true);
        }
        ticket.reported = None;
        self.promised(place, session.expires_at.max(now));
        if again {
            self.fail("I5", || format!("an ended place is used again: {before:?}"));
        } else if another {
            self.fail("I4", || format!("a second session, {session:?}, for {before:?}"));
        }
    }

    /// I5: a pass was accepted by an edge.
    pub fn passed(&mut self, at: u64, place: Place, edge: usize) {
        self.at = at;
        let (calm, lost) = (self.calm(), self.losses.last().map_or(0, |(lost, _)| *lost));
        let Some(ticket) = self.ticket(place) else { return };
        let over = ticket
            .ended
            .is_some_and(|ended| ended + 3 * SECOND < at && lost < ended);
        if over && calm > 15 * SECOND {
            let ticket = ticket.clone();
            self.fail("I5", || {
                format!("edge {edge} accepts the pass of an ended session: {ticket:?}")
            });
        }
    }

    /// I14.
    pub(super) fn joined(&mut self, place: Place, store: &SimStore) {
        let (epoch, most) = (store.epoch(), 2 * self.edges + 4);
        let Some(ticket) = self.ticket(place) else { return };
        if ticket.joins.0 != epoch {
            ticket.joins = (epoch, 0);
        }
        ticket.joins.1 += 1;
        let count = ticket.joins.1;
        if count > most {
            self.fail("I14", || format!("{place:?} was put into the index {count} times"));
        }
    }

    /// I15: everybody who does as told and came before them is ahead of them.
    fn told_first(&mut self, place: Place, position: u64) {
        let ahead = self.tickets.iter().filter(|other| {
            let waits = !other.used && !other.gone && other.granted.is_none() && other.contacts > 0;
            other.place.stamp.plus(Duration::from_millis(150)) < place.stamp && waits && self.diligent[other.owner]
        });
        let ahead = ahead.count() as u64;
        if position + ahead / 8 <= ahead {
            self.fail("I15", || {
                format!("{place:?} is told {position} at first, but {ahead} wait before them")
            });
        }
    }

    /// I15.
    pub fn shown(&mut self, at: u64, place: Place, facts: &WaitFacts, view: &View, now: Duration) {
        self.at = at;
        let Some(position) = facts.position else { return };
        let calm = self.calm() > 30 * SECOND;
        let Some(ticket) = self.ticket(place) else { return };
        let (before, owner) = (std::mem::replace(&mut ticket.shown, position), ticket.owner);
        // A tab that shares the ticket may not have read the newest cookie yet; a retry after a lost answer neither.
        let sharing = !self.diligent.get(owner).copied().unwrap_or(false);
        if position > before && !sharing {
            self.fail("I15", || format!("{place:?} was shown {before}, then {position}"));
        }
        if let (true, Some(known)) = (calm, &view.known) {
            let age = now.saturating_sub(known.received).as_micros() as u64 + 3 * SECOND;
            let older = self.tickets.iter().filter(|other| {
                let let_in = other.granted.map_or(0, |(_, when)| when).max(other.claimed_when);
                other.place < place && (!other.used && other.granted.is_none() || let_in + age > at)
            });
            let older = older.count() as u64;
            if position > older + older / 8 + 2 && position > 2 {
                self.fail("I15", || {
                    format!("{place:?} is shown {position}, but {older} are older")
                });
            }
        }
        if calm && before == u64::MAX {
            self.told_first(place, position);
        }
        let unsure = matches!(
            facts.state,
            RoomState::Paused | RoomState::Closed | RoomState::Recovering
        );
        if (unsure && facts.wait.is_some()) || (view.away && !facts.stale) {
            self.fail("I15", || "a wait is promised where nobody can know it".to_owned());
        }
    }
}
