//! Visitors: browsers with a cookie jar, that do as they are told, or not.

use stanchion_admission::edge::answers::{Arrival, Step};
use stanchion_admission::edge::seen::Seen;
use stanchion_admission::edge::sessions::Touch;
use stanchion_admission::edge::view::WaitFacts;
use stanchion_admission::ids::Place;
use stanchion_admission::store::{End, Session};

use crate::flaws::Flaw;
use crate::plan::{Leaves, SECOND, VisitorPlan};
use crate::store::{Answer, Call};
use crate::world::{Event, Sent, To, World};

pub struct Visitor {
    pub plan: VisitorPlan,
    pub edge: usize,
    pub ticket: Option<Place>,
    pub seen: Option<Seen>,
    pub pass: Option<Session>,
    pub leaves_at: Option<u64>,
    /// Left, and is about to try the old ticket again.
    pub left: bool,
    pub done: bool,
}

impl Visitor {
    pub fn new(plan: VisitorPlan) -> Visitor {
        Visitor {
            edge: plan.edge,
            plan,
            ticket: None,
            seen: None,
            pass: None,
            leaves_at: None,
            left: false,
            done: false,
        }
    }
}

impl World {
    /// One request of one tab.
    pub fn act(&mut self, v: usize, tab: usize) {
        let at = self.at;
        let visitor = &mut self.visitors[v];
        if visitor.done {
            return;
        }
        if visitor.plan.abandons.is_some_and(|when| when <= at) {
            visitor.done = true;
            return self.check.gives_up(v);
        }
        if let Some((_, until)) = visitor
            .plan
            .sleeps
            .filter(|(from, until)| (*from..*until).contains(&at))
        {
            return self.schedule(until, Event::Act { visitor: v, tab });
        }
        match self.an_edge(v) {
            Some(edge) => self.request(v, tab, edge),
            None => self.schedule(at + SECOND, Event::Act { visitor: v, tab }),
        }
    }

    fn an_edge(&mut self, v: usize) -> Option<usize> {
        let count = self.edges.len() as u64;
        if self.rng.percent(self.visitors[v].plan.wanders) {
            self.visitors[v].edge = self.rng.range(0, count) as usize;
        }
        let first = self.visitors[v].edge;
        let edge = (0..self.edges.len())
            .map(|i| (first + i) % self.edges.len())
            .find(|edge| self.edges[*edge].up)?;
        self.visitors[v].edge = edge;
        Some(edge)
    }

    fn request(&mut self, v: usize, tab: usize, edge: usize) {
        let now = self.edges[edge].now(self.at);
        if let Some(pass) = self.visitors[v].pass {
            let core = &mut self.edges[edge].core;
            let valid = core.view().store_time(now) < pass.expires_at;
            match valid.then(|| core.touch(pass, now)) {
                Some(Touch::Fine(session)) => return self.browse(v, tab, edge, session),
                Some(Touch::Ended) | None => self.visitors[v].pass = None,
            }
        }
        let id = self.new_id();
        let (ticket, seen) = (self.visitors[v].ticket, self.visitors[v].seen);
        let core = &mut self.edges[edge].core;
        let step = match ticket {
            Some(place) => {
                self.check.contact(place, self.at);
                core.returning(place, seen, now, id)
            }
            None => core.newcomer(now, id),
        };
        if let (Some(Flaw::EveryPollJoins), Some(place)) = (self.flaw, ticket) {
            self.call(edge, Call::Join(vec![place]), To::Nobody);
        }
        self.carry_out(v, tab, edge, ticket, step);
    }

    fn carry_out(&mut self, v: usize, tab: usize, edge: usize, asked: Option<Place>, step: Step) {
        let to = To::Visitor { visitor: v, tab };
        match step {
            Step::Done(arrival) => self.answered(v, tab, edge, asked, arrival),
            Step::AskEnter { place, instead_of } => {
                self.check.minted(self.at, place, v, &self.edges[edge]);
                if let Some(why) = instead_of {
                    self.check.rejoined(self.at, asked, why);
                }
                self.call(edge, Call::Enter(place), to);
            }
            Step::AskClaim(place) if self.flaw == Some(Flaw::NoReservation) => {
                let now = self.edges[edge].now(self.at);
                let session = self.edges[edge].core.uncounted(place, now);
                self.edges[edge].core.touch(session, now);
                self.answered(v, tab, edge, Some(place), Arrival::Inside(session));
            }
            Step::AskClaim(place) => self.call(edge, Call::Claim(place), to),
        }
    }

    /// The store's answer to an `enter` or a `claim` has come back to the edge, or has not.
    pub fn store_answered(&mut self, sent: &Sent, answer: Option<Answer>, v: usize, tab: usize) {
        let (id, at) = (self.new_id(), self.at);
        let seen = self.visitors[v].seen;
        let edge = &mut self.edges[sent.edge];
        let now = edge.now(at);
        match (&*sent.call, answer) {
            (Call::Enter(place), answer) => {
                let answer = match answer {
                    Some(Answer::Enter(answer)) => Some(answer),
                    _ => None,
                };
                let arrival = edge.core.entered(*place, None, answer, now);
                self.answered(v, tab, sent.edge, None, arrival);
            }
            (Call::Claim(place), answer) => {
                let answer = match answer {
                    Some(Answer::Claim(answer)) => Some(answer),
                    _ => None,
                };
                let step = edge.core.claimed(*place, seen, answer, now, id);
                self.carry_out(v, tab, sent.edge, Some(*place), step);
            }
            _ => {}
        }
    }

    /// The edge's answer reaches the browser, or does not.
    fn answered(&mut self, v: usize, tab: usize, edge: usize, asked: Option<Place>, arrival: Arrival) {
        let at = self.at;
        let mut arrival = arrival;
        self.distort_birth(&mut arrival);
        match &arrival {
            Arrival::Waiting { place, fresh: true, .. } => self.check.minted(at, *place, v, &self.edges[edge]),
            Arrival::Rejoined { place, why, .. } => {
                self.check.minted(at, *place, v, &self.edges[edge]);
                self.check.rejoined(at, asked, *why);
            }
            _ => {}
        }
        if self.rng.percent(self.visitors[v].plan.loses) {
            return self.schedule(at + 3 * SECOND / 2, Event::Act { visitor: v, tab });
        }
        match arrival {
            Arrival::Inside(session) => self.let_in(v, tab, edge, session),
            Arrival::Waiting { place, facts, .. } => self.wait(v, tab, edge, place, &facts),
            Arrival::Rejoined { .. } if self.visitors[v].left => self.quit(v),
            Arrival::Rejoined { place, facts, .. } => {
                self.visitors[v].seen = None;
                self.wait(v, tab, edge, place, &facts);
            }
            Arrival::Refused { retry_after, .. } => {
                let later = at + retry_after.as_micros() as u64;
                self.schedule(later, Event::Act { visitor: v, tab });
            }
        }
    }

    fn distort_birth(&mut self, arrival: &mut Arrival) {
        if self.flaw != Some(Flaw::BornAhead) {
            return;
        }
        if let Arrival::Waiting { place, fresh: true, .. } | Arrival::Rejoined { place, .. } = arrival {
            place.stamp.0 -= self.rng.range(0, 5 * SECOND);
        }
    }

    fn hold(&mut self, v: usize, place: Place) {
        let old = self.visitors[v].ticket.replace(place);
        if let Some(old) = old.filter(|old| *old != place) {
            self.check.thrown_away(old);
        }
    }

    fn wait(&mut self, v: usize, tab: usize, edge: usize, place: Place, facts: &WaitFacts) {
        self.hold(v, place);
        let now = self.edges[edge].now(self.at);
        self.check
            .shown(self.at, place, facts, self.edges[edge].core.view(), now);
        self.visitors[v].seen = Some(facts.seen);
        if self.visitors[v].left {
            return self.quit(v);
        }
        let again = self.at + facts.refresh.as_micros() as u64;
        self.check.told_to_come(place, again);
        self.schedule(again, Event::Act { visitor: v, tab });
    }

    fn let_in(&mut self, v: usize, tab: usize, edge: usize, session: Session) {
        self.hold(v, session.place);
        self.check.issued(session, &self.store);
        // A pass says `session_ttl`, however long the store keeps the slot.
        let until = session.claimed_at.plus(self.plan.policy.session_ttl);
        self.visitors[v].pass = Some(Session {
            expires_at: session.expires_at.max(until),
            ..session
        });
        let visitor = &mut self.visitors[v];
        if visitor.left {
            return self.quit(v);
        }
        let stays = visitor.plan.stays;
        visitor.leaves_at.get_or_insert(self.at + stays);
        self.visitors[v].edge = edge;
        self.browse_later(v, tab);
    }

    fn browse(&mut self, v: usize, tab: usize, edge: usize, session: Session) {
        self.visitors[v].pass = Some(session);
        self.check.passed(self.at, session.place, edge);
        if self.visitors[v].left {
            return self.quit(v);
        }
        if self.visitors[v].leaves_at.is_some_and(|when| when <= self.at) {
            return self.leave(v, tab, edge, session);
        }
        self.browse_later(v, tab);
    }

    fn browse_later(&mut self, v: usize, tab: usize) {
        let browses = self.visitors[v].plan.browses;
        let later = self.at + self.rng.range(browses / 2, browses * 3 / 2);
        let leaves = self.visitors[v].leaves_at.unwrap_or(later);
        self.schedule(later.min(leaves.max(self.at + 1)), Event::Act { visitor: v, tab });
    }

    fn leave(&mut self, v: usize, tab: usize, edge: usize, session: Session) {
        let how = match self.visitors[v].plan.leaves {
            Leaves::Released => Some(End::Released),
            Leaves::Revoked => Some(End::Revoked),
            Leaves::Silently => None,
        };
        if let Some(how) = how {
            self.check.leaves(session.place);
            if self.flaw != Some(Flaw::TouchResurrects) {
                self.edges[edge].core.note_ended(session.place);
            }
            self.call(edge, Call::End(session.place, how), To::Ending);
        }
        if !self.visitors[v].plan.reuses {
            return self.quit(v);
        }
        self.visitors[v].left = true;
        if how.is_none() || self.rng.percent(50) {
            self.visitors[v].pass = None;
        }
        let ttl = self.plan.policy.session_ttl.as_micros() as u64;
        let later = self.at + self.rng.range(SECOND, ttl + 40 * SECOND);
        self.schedule(later, Event::Act { visitor: v, tab });
    }

    fn quit(&mut self, v: usize) {
        self.visitors[v].done = true;
        self.check.gives_up(v);
    }
}
