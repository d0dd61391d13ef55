//! Taking places and giving them back: hold, book at once, check out, release, end. All or nothing; only the holder.

use super::command::{CheckOut, Hold};
use super::fact::{Fact, OrderFact};
use super::guard::Guard;
use super::ids::{EventId, OrderId, PersonId};
use super::order::{Attempt, HOLD_MS, MAX_NAME, Method, Order, Refund, Share, Stage};
use super::refusal::Refusal;
use super::stock::{Offer, Places};
use super::{Decision, Done, MAX_ENDS, MAX_ODD, Sale};

impl Sale {
    pub(super) fn hold(&self, hold: &Hold, now_ms: u64) -> Decision {
        let offer = self.room_for(hold)?;
        let places = offer.find(&hold.want)?;
        let order = Order {
            until_ms: now_ms.saturating_add(HOLD_MS),
            ..opened(hold, Stage::Held, places, now_ms)
        };
        Ok(told(OrderFact::Opened(Box::new(order.clone())), order))
    }

    pub(super) fn book(&self, hold: &Hold, now_ms: u64) -> Decision {
        let offer = self.room_for(hold)?;
        if hold.name.as_deref().is_none_or(str::is_empty) {
            return Err(Refusal::NoName);
        }
        let places = offer.find(&hold.want)?;
        let order = Order {
            method: Some(Method::Door),
            settled_at_ms: now_ms,
            ..opened(hold, Stage::Confirmed, places, now_ms)
        };
        Ok(told(OrderFact::Opened(Box::new(order.clone())), order))
    }

    /// The event, where this person may have so many more places of it.
    pub(super) fn room_for(&self, hold: &Hold) -> Result<&Offer, Refusal> {
        let offer = self.offers.get(&hold.event).ok_or(Refusal::UnknownEvent)?;
        if self.orders.get(hold.order.as_str()).is_some() {
            return Err(Refusal::Again);
        }
        if self.orders.is_full() {
            return Err(Refusal::Crowded);
        }
        let (cap, held) = (offer.event().cap, self.places_of(&hold.person, &hold.event));
        if Guard::Cap.forbids(held.saturating_add(hold.want.count()) > cap) {
            return Err(Refusal::TooManySeats { cap, held });
        }
        Ok(offer)
    }

    /// Held, bought and waited for: what counts against the cap.
    pub(super) fn places_of(&self, person: &PersonId, event: &EventId) -> u32 {
        let theirs = self.orders.of(person.as_str()).filter(|order| order.event == *event);
        theirs
            .map(|order| match &order.want {
                Some(want) if order.stage == Stage::Created => want.count(),
                _ if order.stage.is_over() => 0,
                _ => order.places.count,
            })
            .sum()
    }

    pub(super) fn check_out(&self, check_out: &CheckOut, now_ms: u64) -> Decision {
        let order = self.held_by(&check_out.person, &check_out.order, now_ms)?;
        let characters = check_out.name.chars().count();
        if characters == 0 || characters > MAX_NAME {
            return Err(Refusal::NoName);
        }
        let discount_minor = match &check_out.code {
            None => 0,
            Some(code) => self.codes.discount_for(code, order, now_ms)?,
        };
        let mut changed = order.clone();
        (changed.name, changed.code) = (Some(check_out.name.clone()), check_out.code.clone());
        changed.discount_minor = discount_minor;
        changed.contact = check_out.contact.or(&order.contact);
        let fact = OrderFact::CheckedOut {
            id: order.id.clone(),
            name: check_out.name.clone(),
            code: check_out.code.clone(),
            discount_minor,
            contact: changed.contact.clone(),
        };
        Ok(told(fact, changed))
    }

    /// Also leaves the waiting list. A payment under way is cancelled at the provider first, not here.
    pub(super) fn release(&self, person: &PersonId, id: &OrderId, now_ms: u64) -> Decision {
        let order = self.own(person, id)?;
        if order.stage == Stage::Paying || Guard::Stage.forbids(!order.stage.may_become(Stage::Cancelled)) {
            return Err(Refusal::WrongStage { stage: order.stage });
        }
        if order.stage == Stage::Paid {
            return Err(Refusal::WrongStage { stage: order.stage });
        }
        Ok(closed(order, Stage::Cancelled, now_ms))
    }

    /// An order of this person's. Somebody else's is as good as none.
    pub(super) fn own(&self, person: &PersonId, id: &OrderId) -> Result<&Order, Refusal> {
        let order = self.orders.get(id.as_str()).ok_or(Refusal::UnknownOrder)?;
        match Guard::Holder.forbids(order.person != *person) {
            true => Err(Refusal::UnknownOrder),
            false => Ok(order),
        }
    }

    /// An order of this person's whose hold is running.
    pub(super) fn held_by(&self, person: &PersonId, id: &OrderId, now_ms: u64) -> Result<&Order, Refusal> {
        let order = self.own(person, id)?;
        if order.stage == Stage::Expired {
            return Err(Refusal::HoldOver);
        }
        if Guard::Stage.forbids(order.stage != Stage::Held) {
            return Err(Refusal::WrongStage { stage: order.stage });
        }
        match order.until_ms <= now_ms {
            true => Err(Refusal::HoldOver),
            false => Ok(order),
        }
    }

    /// Ends the holds whose time is over. A payment under way is doubted instead: the provider must be asked.
    pub(super) fn end_overdue(&mut self, now_ms: u64) -> Vec<Fact> {
        let mut facts = Vec::new();
        for _ in 0..MAX_ENDS {
            let Some(order) = self.orders.overdue(now_ms) else {
                break;
            };
            let id = order.id.clone();
            let fact = match order.stage {
                Stage::Paying if Guard::Doubt.forbids(true) => OrderFact::Doubted { id },
                _ => OrderFact::Closed {
                    id,
                    stage: Stage::Expired,
                    at_ms: now_ms,
                },
            };
            self.happen(vec![Fact::Order(fact)], now_ms, &mut facts);
        }
        facts
    }

    /// The event of which this fact frees places.
    pub(super) fn frees(&self, fact: &Fact) -> Option<EventId> {
        let Fact::Order(OrderFact::Closed { id, .. } | OrderFact::Refunding { id, .. }) = fact else {
            return None;
        };
        let order = self.orders.get(id.as_str())?;
        (order.stage.share() != Share::None).then(|| order.event.clone())
    }

    pub(super) fn evolve_order(&mut self, fact: &OrderFact) {
        if fact.is_aside() {
            return self.evolve_aside(fact);
        }
        let before = self.orders.get(fact.id().as_str());
        let Some(after) = changed(before, fact) else { return };
        let shares = (
            before.map_or(Share::None, |order| order.stage.share()),
            after.stage.share(),
        );
        let stage_before = before.map(|order| order.stage);
        let code_before = before.and_then(|order| order.code.clone());
        if let Some(offer) = self.offers.get_mut(&after.event) {
            move_places(offer, &after.places, shares);
            offer.note_waiting(&after);
        }
        self.codes.evolve(code_before.as_ref(), &after);
        let takings = self.takings.entry(after.event.clone()).or_default();
        takings.follow(stage_before, &after);
        if after.stage.is_over() {
            self.doors.forget(&after);
        }
        self.orders.put(after);
    }
}

impl Sale {
    fn evolve_aside(&mut self, fact: &OrderFact) {
        match fact {
            OrderFact::Unwanted { id, attempt, reference } => {
                self.unwanted.insert(Attempt {
                    order: id.clone(),
                    attempt: *attempt,
                    reference: reference.clone(),
                });
            }
            OrderFact::LetGone { id, attempt } => {
                (self.unwanted).retain(|known| known.order != *id || known.attempt != *attempt);
            }
            _ if self.odd.len() < MAX_ODD => self.odd.push(fact.clone()),
            _ => {}
        }
    }
}

fn move_places(offer: &mut Offer, places: &Places, shares: (Share, Share)) {
    match shares {
        (Share::None, Share::Held) => offer.hold(places),
        (Share::None, Share::Sold) => {
            offer.hold(places);
            offer.sell_held(places);
        }
        (Share::Held, Share::Sold) => offer.sell_held(places),
        (Share::Held, Share::None) => offer.free_held(places),
        (Share::Sold, Share::None) => offer.free_sold(places),
        (Share::None, Share::None) | (Share::Held, Share::Held) | (Share::Sold, Share::Sold | Share::Held) => {}
    }
}

/// The order after the fact. `None`: a fact of an order that is not there.
fn changed(before: Option<&Order>, fact: &OrderFact) -> Option<Order> {
    if let OrderFact::Opened(order) = fact {
        return Some(order.as_ref().clone());
    }
    let mut order = before?.clone();
    match fact {
        OrderFact::Opened(_) | OrderFact::Unwanted { .. } | OrderFact::LetGone { .. } | OrderFact::Odd { .. } => {
            return None;
        }
        OrderFact::Offered { places, until_ms, .. } => {
            (order.stage, order.places, order.until_ms) = (Stage::Held, places.clone(), *until_ms);
        }
        OrderFact::CheckedOut {
            name,
            code,
            discount_minor,
            contact,
            ..
        } => {
            (order.name, order.code, order.discount_minor) = (Some(name.clone()), code.clone(), *discount_minor);
            order.contact = contact.clone();
        }
        OrderFact::PayStarted {
            method,
            attempt,
            until_ms,
            extended,
            ..
        } => {
            (order.stage, order.method, order.attempt) = (Stage::Paying, Some(*method), *attempt);
            (order.until_ms, order.extended) = (*until_ms, *extended);
            order.reference = None;
        }
        OrderFact::Referenced { reference, .. } => order.reference = Some(reference.clone()),
        OrderFact::PayFailed { .. } => order.stage = Stage::Held,
        OrderFact::Doubted { .. } => order.doubted = true,
        OrderFact::Paid { .. } => (order.stage, order.doubted, order.until_ms) = (Stage::Paid, false, 0),
        OrderFact::Confirmed { at_ms, .. } => (order.stage, order.settled_at_ms) = (Stage::Confirmed, *at_ms),
        OrderFact::Refunding { tries, .. } => {
            (order.stage, order.refund) = (Stage::Refunding, Some(refund(*tries, false)));
        }
        OrderFact::RefundRefused { .. } => {
            order.refund = order.refund.map(|asked| refund(asked.tries, true));
        }
        OrderFact::Closed { stage, at_ms, .. } => {
            (order.stage, order.settled_at_ms) = (*stage, *at_ms);
            (order.doubted, order.until_ms) = (false, 0);
        }
    }
    Some(order)
}

fn refund(tries: u32, refused: bool) -> Refund {
    Refund { tries, refused }
}

fn opened(hold: &Hold, stage: Stage, places: Places, now_ms: u64) -> Order {
    Order {
        id: hold.order.clone(),
        person: hold.person.clone(),
        event: hold.event.clone(),
        stage,
        places,
        want: None,
        name: hold.name.clone(),
        code: None,
        contact: hold.contact.clone(),
        discount_minor: 0,
        method: None,
        attempt: 0,
        reference: None,
        refund: None,
        extended: false,
        doubted: false,
        created_at_ms: now_ms,
        until_ms: 0,
        settled_at_ms: 0,
    }
}

/// Somebody who waits: nothing is held yet.
pub(super) fn waits(hold: &Hold, now_ms: u64) -> Order {
    let none = Places {
        count: 0,
        seats: Vec::new(),
        price_minor: 0,
    };
    Order {
        want: Some(hold.want.clone()),
        ..opened(hold, Stage::Created, none, now_ms)
    }
}

/// One fact, and the order as it is then.
pub(super) fn told(fact: OrderFact, order: Order) -> (Vec<Fact>, Done) {
    (vec![Fact::Order(fact)], Done::Order(Box::new(order)))
}

pub(super) fn closed(order: &Order, stage: Stage, now_ms: u64) -> (Vec<Fact>, Done) {
    let mut after = order.clone();
    (after.stage, after.settled_at_ms) = (stage, now_ms);
    (after.doubted, after.until_ms) = (false, 0);
    let fact = OrderFact::Closed {
        id: order.id.clone(),
        stage,
        at_ms: now_ms,
    };
    told(fact, after)
}
