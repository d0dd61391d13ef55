//! What is true of each ticket, and the account of sessions that a lost store cannot falsify.

use stanchion_admission::edge::answers::Rejoin;
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::room::Census;
use stanchion_admission::store::{Session, Snapshot};

use super::Checker;
use crate::flaws::Flaw;
use crate::plan::{Kind, SECOND};
use crate::store::SimStore;

#[derive(Clone, Debug)]
pub struct Ticket {
    pub place: Place,
    pub owner: usize,
    /// Polls that reached an edge.
    pub contacts: u64,
    /// When it said to come again.
    pub comes_at: u64,
    /// The last report of presence that the store took, unless it lost it.
    pub reported: Option<u64>,
    /// Service time and moment of the last grant, unless the store lost it.
    pub granted: Option<(u64, u64)>,
    /// Got in at some time.
    pub used: bool,
    /// Whether anybody holds the pass.
    pub issued: bool,
    pub claimed_at: Stamp,
    /// Until when the store promised the session; zero where there is none.
    pub confirmed: Stamp,
    /// The same, whoever still wants it: after a loss edges report sessions of those who left without a word.
    pub until: Stamp,
    pub claimed_when: u64,
    /// They came back with what they got, after they got in.
    pub proven: bool,
    /// The store was told that the session ended.
    pub ended: Option<u64>,
    /// The edge that told it so.
    pub ended_by: usize,
    /// Its owner will not come back with it.
    pub gone: bool,
    pub shown: u64,
    pub joins: (u64, u64),
}

impl Ticket {
    fn new(place: Place, owner: usize, at: u64) -> Ticket {
        Ticket {
            place,
            owner,
            contacts: 0,
            comes_at: at,
            reported: None,
            granted: None,
            used: false,
            issued: false,
            claimed_at: Stamp::ZERO,
            confirmed: Stamp::ZERO,
            until: Stamp::ZERO,
            claimed_when: 0,
            proven: false,
            ended: None,
            ended_by: 0,
            gone: false,
            shown: u64::MAX,
            joins: (0, 0),
        }
    }
}

impl Checker {
    pub(super) fn add_ticket(&mut self, place: Place, owner: usize) {
        let at = self.at;
        self.by_id.insert(place.visitor, self.tickets.len());
        self.tickets.push(Ticket::new(place, owner, at));
    }

    pub fn contact(&mut self, place: Place, _at: u64) {
        if let Some(ticket) = self.ticket(place) {
            ticket.contacts += 1;
        }
    }

    pub fn told_to_come(&mut self, place: Place, at: u64) {
        if let Some(ticket) = self.ticket(place) {
            ticket.comes_at = at;
        }
    }

    pub fn thrown_away(&mut self, place: Place) {
        if let Some(ticket) = self.ticket(place) {
            ticket.gone = true;
        }
    }

    pub fn gives_up(&mut self, owner: usize) {
        self.tickets
            .iter_mut()
            .filter(|ticket| ticket.owner == owner)
            .for_each(|ticket| ticket.gone = true);
    }

    pub fn everybody_gone(&mut self) {
        self.tickets.iter_mut().for_each(|ticket| ticket.gone = true);
    }

    /// The visitor leaves; whoever else holds the pass does not matter.
    pub fn leaves(&mut self, place: Place) {
        if let Some(ticket) = self.ticket(place) {
            (ticket.gone, ticket.confirmed) = (true, Stamp::ZERO);
        }
    }

    /// Somebody holds the pass now, whether or not the store ever gave that session.
    pub fn issued(&mut self, session: Session, store: &SimStore) {
        let (at, place) = (self.at, session.place);
        let Some(ticket) = self.ticket(place) else { return };
        ticket.issued = true;
        if !ticket.used {
            (ticket.used, ticket.claimed_at, ticket.claimed_when) = (true, session.claimed_at, at);
            self.promised(place, session.expires_at);
            self.capacity_in_truth(store, store.time(at));
        }
    }

    /// The session lives at least until then.
    pub(super) fn promised(&mut self, place: Place, until: Stamp) {
        let Some(i) = self.by_id.get(&place.visitor).copied() else {
            return;
        };
        let ticket = &mut self.tickets[i];
        ticket.until = ticket.until.max(until);
        if ticket.gone || ticket.ended.is_some() {
            return;
        }
        ticket.confirmed = ticket.confirmed.max(until);
        if !self.inside.contains(&i) {
            self.inside.push(i);
        }
    }

    pub(super) fn reported(&mut self, place: Place) {
        let at = self.at;
        if let Some(ticket) = self.ticket(place).filter(|ticket| ticket.granted.is_none()) {
            ticket.reported = Some(at);
        }
    }

    /// Sessions that nobody heard of are gone with the data; of grants and reports only what the copy holds is left.
    pub fn data_lost(&mut self, store: &SimStore) {
        let admitted = store.room.census().admitted;
        for ticket in &mut self.tickets {
            ticket.reported = None;
            ticket.granted = ticket.granted.filter(|_| admitted.contains(&ticket.place));
            if !ticket.issued {
                ticket.confirmed = Stamp::ZERO;
            }
        }
        // When those were granted is not known: at some time before.
        let at = self.at;
        for place in admitted {
            if let Some(ticket) = self.ticket(place) {
                ticket.granted.get_or_insert((0, at));
            }
        }
    }

    pub(super) fn touched(&mut self, sessions: &[Session], ended: &[VisitorId], now: Stamp) {
        let expires = now.plus(self.policy.session_ttl);
        for session in sessions {
            let over = ended.contains(&session.place.visitor);
            match self.ticket(session.place) {
                Some(ticket) if over => ticket.confirmed = Stamp::ZERO,
                _ => {
                    self.came_back(session.place);
                    self.promised(session.place, expires);
                }
            }
        }
    }

    /// With a pass, or a second time with a ticket.
    pub(super) fn came_back(&mut self, place: Place) {
        if let Some(ticket) = self.ticket(place) {
            ticket.proven = true;
        }
    }

    pub(super) fn ended(&mut self, place: Place, edge: usize) {
        let at = self.at;
        if let Some(ticket) = self.ticket(place) {
            ticket.confirmed = Stamp::ZERO;
            if ticket.ended.is_none() {
                (ticket.ended, ticket.ended_by) = (Some(at), edge);
            }
        }
    }

    /// Somebody is still there who remembers the end, noticed the last loss and had time to say so again. (A copy that
    /// lags by less than a tick may take over unnoticed.)
    fn end_is_known(&self, ticket: &Ticket) -> bool {
        let Some(ended) = ticket.ended else { return false };
        let crashed = |(at, kind): &(u64, Kind)| {
            matches!(kind, Kind::Crash { edge, .. } if *edge == ticket.ended_by) && *at >= ended
        };
        let wiped = matches!(self.losses.last(), Some((at, Kind::Wipe)) if *at >= ended);
        wiped && self.calm() > 20 * SECOND && !self.faults.iter().any(crashed)
    }

    /// I2, in truth.
    pub(super) fn capacity_in_truth(&mut self, store: &SimStore, now: Stamp) {
        self.inside.retain(|i| self.tickets[*i].confirmed > now);
        let inside = self.inside.len() as u64;
        let (_, admitted, _) = store.room.slots();
        let used = inside + admitted;
        let more = used > std::mem::replace(&mut self.truth_used, used);
        let capacity = store.room_capacity();
        if more && used > capacity + self.excess_allowed() {
            self.fail("I2", || {
                format!("{inside} inside in truth and {admitted} admitted; capacity {capacity}")
            });
        }
    }

    /// None, but where the design states a bound.
    fn excess_allowed(&self) -> u64 {
        let life = (self.policy.session_ttl + self.policy.claim_window).as_micros() as u64 + 30 * SECOND;
        let recent: Vec<_> = self.losses.iter().filter(|(at, _)| at + life > self.at).collect();
        let Some((lost_at, kind)) = recent.last() else { return 0 };
        let near =
            |(at, other): &&(u64, Kind)| other != kind && (*lost_at..lost_at + 3 * SECOND).contains(&(at + 2 * SECOND));
        if recent.len() > 1 || self.faults.iter().any(|fault| near(&fault)) {
            return u64::MAX / 2;
        }
        match kind {
            Kind::Failover { lag_us, .. } => {
                let lag_s = (*lag_us + 11 * SECOND / 10) as f64 / SECOND as f64;
                (lag_s * self.rate.per_second()).ceil() as u64 + 1
            }
            _ => 0,
        }
    }

    pub(super) fn slots_are_tickets(&mut self, store: &SimStore, snapshot: &Snapshot, census: &Census) {
        let disguised = store.flaw == Some(Flaw::SpentForgotten);
        for place in census.active.iter().chain(&census.admitted) {
            if !self.by_id.contains_key(&place.visitor) && !disguised {
                let place = *place;
                self.fail("I4", || format!("a slot belongs to no ticket: {place:?}"));
            }
        }
        self.no_slot_outlives(&census.active, snapshot);
        for place in &census.queue {
            let Some(ticket) = self.by_id.get(&place.visitor).map(|i| &self.tickets[*i]) else {
                continue;
            };
            if ticket.contacts == 0 {
                let place = *place;
                self.fail("I13", || format!("indexed without a second contact: {place:?}"));
            }
        }
    }

    fn no_slot_outlives(&mut self, active: &[Place], snapshot: &Snapshot) {
        let leeway = std::time::Duration::from_secs(60);
        for place in active {
            let at = self.at;
            let Some(ticket) = self.by_id.get(&place.visitor).map(|i| &self.tickets[*i]) else {
                continue;
            };
            let over = ticket
                .ended
                .is_some_and(|ended| at > ended + SECOND && !self.lost_since(ended));
            let forgotten = ticket.until.plus(leeway) < snapshot.now
                && ticket.claimed_when + 60 * SECOND < at
                && self.calm() > 20 * SECOND;
            if over || self.end_is_known(ticket) || (forgotten && !self.lost_since(at.saturating_sub(150 * SECOND))) {
                let ticket = ticket.clone();
                self.fail("I11", || format!("a slot outlives its session: {ticket:?}"));
            }
        }
        let life = (self.policy.session_ttl + self.policy.claim_window).as_micros() as u64 + 90 * SECOND;
        if snapshot.ghosts > 0 && !self.lost_since(self.at.saturating_sub(life)) {
            let ghosts = snapshot.ghosts;
            self.fail("I11", || {
                format!("{ghosts} ghosts outlive every session they stand for")
            });
        }
    }

    /// I6.
    pub fn rejoined(&mut self, at: u64, old: Option<Place>, why: Rejoin) {
        self.at = at;
        let Some(ticket) = old
            .and_then(|old| self.by_id.get(&old.visitor))
            .map(|i| &self.tickets[*i])
        else {
            return;
        };
        if why != Rejoin::Lapsed || ticket.used {
            return;
        }
        let stamp = ticket.place.stamp;
        let passed = self.frontiers.partition_point(|(_, frontier)| *frontier < stamp);
        let since = self.frontiers.get(passed).map_or(0, |(passed_at, _)| at - passed_at);
        let grace = self.policy.return_grace.as_micros() as u64;
        if since + SECOND < grace {
            let ticket = ticket.clone();
            self.fail("I6", || {
                format!("place lost {since} us after the frontier passed it: {ticket:?}")
            });
        }
    }
}
