//! A request without a pass: the core decides, the store is asked where it must be, the core answers.

use super::Shared;
use super::room::Room;
use crate::edge::answers::{Arrival, Step};
use crate::edge::seen::Seen;
use crate::ids::{Place, VisitorId};

pub(super) async fn newcomer(shared: &Shared, room: &Room) -> Arrival {
    let (now, visitor) = (shared.clock.monotonic(), new_visitor(shared));
    let step = room.with(|core| core.newcomer(now, visitor));
    carry_out(shared, room, step, None).await.0
}

pub(super) async fn returning(shared: &Shared, room: &Room, place: Place, seen: Option<Seen>) -> Arrival {
    let now = shared.clock.monotonic();
    let newcomer = new_visitor(shared);
    match room.with(|core| core.returning(place, seen, now, newcomer)) {
        Step::Done(arrival) => arrival,
        step => ask_once(shared, room, (place, seen), step).await,
    }
}

/// Asks the store, unless the same ticket was asked about a moment ago, or is being asked about now. A question whose
/// asker went away is asked by the next.
async fn ask_once(shared: &Shared, room: &Room, ticket: (Place, Option<Seen>), step: Step) -> Arrival {
    let (place, seen) = ticket;
    let told = room.asked_about(place.visitor, shared.clock.monotonic());
    let mut asked_here = false;
    let arrival = told
        .get_or_init(|| async {
            asked_here = true;
            let (arrival, answered) = carry_out(shared, room, step, seen).await;
            if !answered {
                room.forget_asked(place.visitor, &told);
            }
            arrival
        })
        .await
        .clone();
    if asked_here {
        return arrival;
    }
    let now = shared.clock.monotonic();
    room.with(|core| core.told_again(arrival, place, seen, now))
}

/// At most two questions: a claim, and an entry where the claim found that the place is no more. Also says whether all
/// of them were answered.
async fn carry_out(shared: &Shared, room: &Room, step: Step, seen: Option<Seen>) -> (Arrival, bool) {
    let mut step = step;
    let mut answered = true;
    loop {
        match step {
            Step::Done(arrival) => return (arrival, answered),
            Step::AskEnter { place, instead_of } => {
                let answer = shared.store.enter(&room.policy(), place).await.ok();
                let (now, answered) = (shared.clock.monotonic(), answer.is_some());
                let arrival = room.with(|core| core.entered(place, instead_of, answer, now));
                return (arrival, answered);
            }
            Step::AskClaim(place) => {
                let answer = shared.store.claim(&room.policy(), place).await.ok();
                let (now, newcomer) = (shared.clock.monotonic(), new_visitor(shared));
                answered = answer.is_some();
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
