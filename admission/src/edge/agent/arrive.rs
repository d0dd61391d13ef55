//! A request without a pass: the core decides, the store is asked where it must be, the core answers.

use super::Shared;
use super::room::Room;
use crate::edge::answers::{Arrival, Status, Step};
use crate::edge::seen::Seen;
use crate::ids::{Place, VisitorId};

pub(super) async fn newcomer(shared: &Shared, room: &Room) -> Arrival {
    let (now, visitor) = (shared.clock.monotonic(), new_visitor(shared));
    let step = room.with(|core| core.newcomer(now, visitor));
    carry_out(shared, room, step, None).await
}

pub(super) async fn returning(shared: &Shared, room: &Room, place: Place, seen: Option<Seen>) -> Arrival {
    let now = shared.clock.monotonic();
    if let Status::Waiting(facts) = room.status(place, seen, now) {
        return Arrival::Waiting {
            place,
            fresh: false,
            facts,
        };
    }
    let newcomer = new_visitor(shared);
    let step = room.with(|core| core.returning(place, seen, now, newcomer));
    carry_out(shared, room, step, seen).await
}

/// At most two questions: a claim, and an entry where the claim found that the place is no more.
async fn carry_out(shared: &Shared, room: &Room, step: Step, seen: Option<Seen>) -> Arrival {
    let mut step = step;
    loop {
        match step {
            Step::Done(arrival) => return arrival,
            Step::AskEnter { place, instead_of } => {
                let answer = shared.store.enter(&room.policy(), place).await.ok();
                let now = shared.clock.monotonic();
                return room.with(|core| core.entered(place, instead_of, answer, now));
            }
            Step::AskClaim(place) => {
                let answer = shared.store.claim(&room.policy(), place).await.ok();
                let (now, newcomer) = (shared.clock.monotonic(), new_visitor(shared));
                step = room.with(|core| core.claimed(place, seen, answer, now, newcomer));
            }
        }
    }
}

fn new_visitor(shared: &Shared) -> VisitorId {
    let mut id = [0; 16];
    shared.entropy.fill(&mut id);
    VisitorId(id)
}
