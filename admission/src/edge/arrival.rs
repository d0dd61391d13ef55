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
        self.begin(now, visitor, None)
    }

    /// A new place: in at once where there is no line, else a ticket.
    fn begin(&mut self, now: Duration, visitor: VisitorId, instead_of: Option<Rejoin>) -> Step {
        let place = self.mint(now, visitor);
        if self.asks_to_enter(now) {
            return Step::AskEnter { place, instead_of };
        }
        Step::Done(self.hand_out(place, instead_of, now))
    }

    /// The store answered an `enter`; `None`: it did not. Should a lost answer have let them in, their ticket will tell.
    pub fn entered(
        &mut self,
        place: Place,
        instead_of: Option<Rejoin>,
        answer: Option<Enter>,
        now: Duration,
    ) -> Arrival {
        match answer {
            Some(Enter::Entered(session)) => {
                self.note_entry(session, now);
                Arrival::Inside(session)
            }
            Some(Enter::Queue) => {
                self.note_line(now);
                self.hand_out(place, instead_of, now)
            }
            None => self.hand_out(place, instead_of, now),
        }
    }

    /// A ticket holder's request. `newcomer` is who they are if their place is no more.
    pub fn returning(&mut self, place: Place, seen: Option<Seen>, now: Duration, newcomer: VisitorId) -> Step {
        if self.view().policy.mode == Mode::Passthrough {
            return Step::Done(Arrival::Inside(self.uncounted(place, now)));
        }
        if self.has_ended(place.visitor) {
            return self.begin(now, newcomer, Some(Rejoin::SessionEnded));
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
    ) -> Step {
        match answer {
            Some(Claim::Inside(session)) => {
                self.note_session(session, now);
                Step::Done(Arrival::Inside(session))
            }
            Some(Claim::Gone) if self.lapsed.contains(&place.visitor) => {
                self.note_ended(place);
                self.begin(now, newcomer, Some(Rejoin::SessionEnded))
            }
            Some(Claim::Gone) => self.begin(now, newcomer, Some(Rejoin::Lapsed)),
            Some(Claim::Revoked) => self.begin(now, newcomer, Some(Rejoin::Revoked)),
            Some(Claim::Waiting) | None => Step::Done(self.still_waiting(place, seen, now)),
        }
    }

    /// What this ticket led to a moment ago, told again: the same pass, the same new place.
    #[must_use]
    pub fn told_again(&self, told: Arrival, place: Place, seen: Option<Seen>, now: Duration) -> Arrival {
        match told {
            Arrival::Waiting { .. } => self.still_waiting(place, seen, now),
            Arrival::Rejoined { place, why, .. } => self.hand_out(place, Some(why), now),
            Arrival::Inside(_) | Arrival::Refused { .. } => told,
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

    fn still_waiting(&self, place: Place, seen: Option<Seen>, now: Duration) -> Arrival {
        waiting(place, self.view().facts(place, seen, now))
    }

    fn hand_out(&self, place: Place, instead_of: Option<Rejoin>, now: Duration) -> Arrival {
        let facts = self.view().fresh(place, now);
        match instead_of {
            None => Arrival::Waiting {
                place,
                fresh: true,
                facts,
            },
            Some(why) => Arrival::Rejoined { place, why, facts },
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
