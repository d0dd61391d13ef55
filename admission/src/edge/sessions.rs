//! Sessions at one edge: verified passes, reports of them, and places that were used up. Part of the core.

use std::time::Duration;

use super::core::EdgeRoom;
use crate::ids::{Epoch, Place, Stamp, VisitorId};
use crate::policy::Mode;
use crate::store::{End, Session};

/// A session is reported to the store at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(30);
/// With less left, a session is refreshed by the store's word only: it may be about to expire there.
const TOO_LATE: Duration = Duration::from_secs(5);
/// What a request with a pass is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// Go on, with the expiry refreshed.
    Fine(Session),
    /// Released, revoked, or run out: what their place is worth says [`EdgeRoom::returning`].
    Ended,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Verified {
    session: Session,
    reported: Duration,
    reported_in: Epoch,
    /// Somebody came back with the pass or the ticket: the store keeps the session for a whole `session_ttl`.
    proven: bool,
}

impl EdgeRoom {
    /// A store that lost its data hears again who is inside and which places were used up.
    pub(super) fn report_again(&mut self, at: Stamp) {
        self.indexed.clear();
        for (_, verified) in self.sessions.iter() {
            if verified.session.expires_at > at {
                self.pending.touch(verified.session);
            }
        }
        for (_, place) in self.ended.iter() {
            if let Some(place) = place {
                self.pending.spent(*place);
            }
        }
    }

    /// The store confirmed this session just now.
    pub fn note_session(&mut self, session: Session, now: Duration) {
        self.note_verified(session, now, true);
    }

    /// The store let in somebody who has yet to come back: the first request with their pass is reported at once.
    pub(super) fn note_entry(&mut self, session: Session, now: Duration) {
        self.note_verified(session, now, false);
    }

    fn note_verified(&mut self, session: Session, now: Duration, proven: bool) {
        let verified = Verified {
            session,
            reported: now,
            reported_in: self.memory.epoch,
            proven,
        };
        self.lapsed.remove(&session.place.visitor);
        self.sessions.put(session.place.visitor, verified);
    }

    /// The store knows this session no more.
    fn note_lapsed(&mut self, visitor: VisitorId) {
        self.sessions.remove(&visitor);
        self.pending.forget_touch(visitor);
        self.lapsed.put(visitor, ());
    }

    pub fn note_ended(&mut self, place: Place) {
        self.sessions.remove(&place.visitor);
        self.pending.forget_touch(place.visitor);
        self.ended.put(place.visitor, Some(place));
    }

    /// As [`Self::note_ended`], where only the visitor's id is known.
    pub fn note_ended_id(&mut self, visitor: VisitorId) {
        let place = self.sessions.remove(&visitor).map(|verified| verified.session.place);
        self.pending.forget_touch(visitor);
        self.ended.put(visitor, place);
    }

    #[must_use]
    pub fn has_ended(&self, visitor: VisitorId) -> bool {
        self.ended.contains(&visitor)
    }

    /// A request came with a verified pass. At most one report per session and half a minute (an eighth of the
    /// session's life, where that is less). While the store is away sessions go on by this edge's word alone.
    pub fn touch(&mut self, session: Session, now: Duration) -> Touch {
        let visitor = session.place.visitor;
        if self.ended.contains(&visitor) || self.lapsed.contains(&visitor) {
            return Touch::Ended;
        }
        if self.view.policy.mode == Mode::Passthrough {
            return Touch::Fine(self.uncounted(session.place, now));
        }
        let known = self.sessions.get(&visitor).copied();
        let freshest = known.map_or(session, |known| Session {
            expires_at: known.session.expires_at.max(session.expires_at),
            ..session
        });
        if known.is_some_and(|known| self.reported_lately(known, now)) || !self.pending.touch(freshest) {
            return Touch::Fine(freshest);
        }
        let at = self.clock.store_time(now);
        let in_time = self.view.away || freshest.expires_at > at.plus(TOO_LATE);
        let ttl = if in_time {
            self.view.policy.session_ttl
        } else {
            Duration::ZERO
        };
        let refreshed = Session {
            expires_at: freshest.expires_at.max(at.plus(ttl)),
            ..freshest
        };
        self.note_session(refreshed, now);
        Touch::Fine(refreshed)
    }

    /// The store took these reports, sent at `sent`: the sessions live at least from then on, save those that have
    /// ended.
    pub fn touched(&mut self, sessions: &[Session], ended: &[VisitorId], sent: Duration) {
        ended.iter().for_each(|visitor| self.note_lapsed(*visitor));
        let expires_at = self.clock.store_time(sent).plus(self.view.policy.session_ttl);
        for session in sessions {
            if let Some(verified) = self.sessions.get_mut(&session.place.visitor) {
                verified.session.expires_at = verified.session.expires_at.max(expires_at);
            }
        }
    }

    fn reported_lately(&self, known: Verified, now: Duration) -> bool {
        let every = TOUCH_EVERY.min(self.view.policy.session_ttl / 8);
        known.proven && known.reported_in == self.memory.epoch && now.saturating_sub(known.reported) < every
    }

    /// An origin ended this session, and the store could not be told.
    pub fn end_later(&mut self, place: Place, how: End) -> bool {
        self.pending.end(place, how)
    }

    /// A visitor gave back their place, and the store could not be told.
    pub fn leave_later(&mut self, place: Place) {
        self.pending.spent(place);
    }
}
