//! What becomes of a request without a pass: newcomers and ticket holders whose turn may have come. Decisions of the
//! core; the agent carries them out.

use std::time::Duration;

use super::answers::{Arrival, Refusal, Rejoin, Step};
use super::core::EdgeRoom;
use super::seen::Seen;
use super::view::Look;
use crate::ids::{Place, VisitorId};
use crate::policy::Mode;
use crate::store::{Claim, Enter, RoomState, Session};
use crate::wait;

impl EdgeRoom {
    /// Somebody without ticket or pass; `visitor` is who they are from now on.
    pub fn newcomer(&mut self, now: Duration, visitor: VisitorId) -> Step {
        let view = self.view().clone();
        if view.policy.mode == Mode::Passthrough {
            let place = self.mint(now, visitor);
            return Step::Done(Arrival::Inside(self.uncounted(place, now)));
        }
        let closed = view.state(view.store_time(now)) == RoomState::Closed;
        if closed || view.line_is_full() {
            return Step::Done(Arrival::Refused {
                why: if closed { Refusal::Closed } else { Refusal::LineFull },
                retry_after: wait::jittered(view.policy.max_poll, visitor, 0),
            });
        }
        let place = self.mint(now, visitor);
        if self.may_enter(now) {
            return Step::AskEnter(place);
        }
        Step::Done(self.hand_out(place, now))
    }

    /// The store answered an `enter`; `None`: it did not. Should a lost answer have let them in, their ticket will tell.
    pub fn entered(&mut self, place: Place, answer: Option<Enter>, now: Duration) -> Arrival {
        match answer {
            Some(Enter::Entered(session)) => self.inside(session, now),
            Some(Enter::Queue) | None => self.hand_out(place, now),
        }
    }

    /// A ticket holder's request. `newcomer` is who they are if their place is no more.
    pub fn returning(&mut self, place: Place, seen: Option<Seen>, now: Duration, newcomer: VisitorId) -> Step {
        if self.view().policy.mode == Mode::Passthrough {
            return Step::Done(Arrival::Inside(self.uncounted(place, now)));
        }
        if self.has_ended(place.visitor) {
            return Step::Done(self.rejoin(Rejoin::SessionEnded, now, newcomer));
        }
        match self.view().look(place, seen, now) {
            Look::Waiting { facts, report } => {
                let facts = self.reported(place, facts, report);
                Step::Done(waiting(place, facts))
            }
            // Nothing can be claimed; the next tick will find out.
            Look::AskClaim if self.view().away => Step::Done(self.still_waiting(place, seen, now)),
            Look::AskClaim => Step::AskClaim(place),
        }
    }

    /// The store answered a `claim`; `None`: it did not.
    pub fn claimed(
        &mut self,
        place: Place,
        seen: Option<Seen>,
        answer: Option<Claim>,
        now: Duration,
        newcomer: VisitorId,
    ) -> Arrival {
        match answer {
            Some(Claim::Inside(session)) => self.inside(session, now),
            Some(Claim::Gone) => self.rejoin(Rejoin::Lapsed, now, newcomer),
            Some(Claim::Revoked) => self.rejoin(Rejoin::Revoked, now, newcomer),
            Some(Claim::Waiting) | None => self.still_waiting(place, seen, now),
        }
    }

    /// A session of a room that counts none.
    #[must_use]
    pub fn uncounted(&self, place: Place, now: Duration) -> Session {
        let view = self.view();
        Session {
            place,
            claimed_at: place.stamp,
            expires_at: view.store_time(now).plus(view.policy.session_ttl),
        }
    }

    fn inside(&mut self, session: Session, now: Duration) -> Arrival {
        self.note_session(session, now);
        Arrival::Inside(session)
    }

    fn still_waiting(&self, place: Place, seen: Option<Seen>, now: Duration) -> Arrival {
        waiting(place, self.view().facts(place, seen, now))
    }

    fn hand_out(&mut self, place: Place, now: Duration) -> Arrival {
        self.ticket_given(now);
        Arrival::Waiting {
            place,
            fresh: true,
            facts: self.view().fresh(place, now),
        }
    }

    fn rejoin(&mut self, why: Rejoin, now: Duration, newcomer: VisitorId) -> Arrival {
        let place = self.mint(now, newcomer);
        self.ticket_given(now);
        Arrival::Rejoined {
            place,
            why,
            facts: self.view().fresh(place, now),
        }
    }
}

fn waiting(place: Place, facts: super::view::WaitFacts) -> Arrival {
    Arrival::Waiting {
        place,
        fresh: false,
        facts,
    }
}
