//! A request without a pass: newcomers and ticket holders. Each function is one decision; the store is asked at most
//! once.

use super::Shared;
use super::answers::{Arrival, Refusal, Rejoin, Status};
use super::room::Room;
use crate::edge::seen::Seen;
use crate::ids::{Place, VisitorId};
use crate::policy::Mode;
use crate::store::{Claim, Enter, RoomState, Session};
use crate::wait;

pub(super) async fn newcomer(shared: &Shared, room: &Room) -> Arrival {
    let now = shared.clock.monotonic();
    let view = room.view();
    let visitor = new_visitor(shared);
    if view.policy.mode == Mode::Passthrough {
        let place = room.with(|core| core.mint(now, visitor));
        return Arrival::Inside(room.local_session(place, now));
    }
    if let Some(why) = refusal(view.state(view.store_time(now)), view.line_is_full()) {
        let retry_after = wait::jittered(view.policy.max_poll, visitor, 0);
        return Arrival::Refused { why, retry_after };
    }
    let (place, may_enter) = room.with(|core| (core.mint(now, visitor), core.may_enter(now)));
    if may_enter {
        // Whether or not a lost answer let them in: their ticket will tell.
        if let Ok(Enter::Entered(session)) = shared.store.enter(&view.policy, place).await {
            return inside(shared, room, session);
        }
    }
    Arrival::Waiting {
        place,
        fresh: true,
        facts: hand_out(shared, room, place),
    }
}

pub(super) async fn returning(shared: &Shared, room: &Room, place: Place, seen: Option<Seen>) -> Arrival {
    let now = shared.clock.monotonic();
    let view = room.view();
    if view.policy.mode == Mode::Passthrough {
        return Arrival::Inside(room.local_session(place, now));
    }
    if room.with(|core| core.has_ended(place.visitor)) {
        return rejoin(shared, room, Rejoin::SessionEnded);
    }
    if let Status::Waiting(facts) = room.status(place, seen, now) {
        return waiting(place, facts);
    }
    if view.away {
        return waiting(place, view.facts(place, seen, now));
    }
    match shared.store.claim(&view.policy, place).await {
        Ok(Claim::Inside(session)) => inside(shared, room, session),
        Ok(Claim::Gone) => rejoin(shared, room, Rejoin::Lapsed),
        Ok(Claim::Revoked) => rejoin(shared, room, Rejoin::Revoked),
        Ok(Claim::Waiting) | Err(_) => waiting(place, room.view().facts(place, seen, shared.clock.monotonic())),
    }
}

fn refusal(state: RoomState, line_is_full: bool) -> Option<Refusal> {
    match state {
        RoomState::Closed => Some(Refusal::Closed),
        _ => line_is_full.then_some(Refusal::LineFull),
    }
}

fn waiting(place: Place, facts: crate::edge::view::WaitFacts) -> Arrival {
    Arrival::Waiting {
        place,
        fresh: false,
        facts,
    }
}

fn inside(shared: &Shared, room: &Room, session: Session) -> Arrival {
    let now = shared.clock.monotonic();
    room.with(|core| core.note_session(session, now));
    Arrival::Inside(session)
}

fn rejoin(shared: &Shared, room: &Room, why: Rejoin) -> Arrival {
    let (now, visitor) = (shared.clock.monotonic(), new_visitor(shared));
    let place = room.with(|core| core.mint(now, visitor));
    Arrival::Rejoined {
        place,
        why,
        facts: hand_out(shared, room, place),
    }
}

fn hand_out(shared: &Shared, room: &Room, place: Place) -> crate::edge::view::WaitFacts {
    let now = shared.clock.monotonic();
    room.with(|core| core.ticket_given(now));
    room.view().fresh(place, now)
}

fn new_visitor(shared: &Shared) -> VisitorId {
    let mut id = [0; 16];
    shared.entropy.fill(&mut id);
    VisitorId(id)
}
