//! The waiting list of an event. Whoever waits has an order without places; when places come free, the first for whom
//! there are enough is offered them as a hold. A large party may be passed over by a small one for whom there is room.

use super::command::Hold;
use super::fact::{Fact, OrderFact};
use super::holds::{told, waits};
use super::ids::EventId;
use super::order::{HOLD_MS, Order, Stage};
use super::refusal::Refusal;
use super::stock::{Offer, Want};
use super::{Decision, Sale};

/// Most orders that wait for one event.
pub const MAX_WAITING: usize = 10_000;
/// So many are asked whether the free places suit them; those behind wait for the next.
const LOOK_AT: usize = 64;

impl Sale {
    pub(super) fn wait(&self, hold: &Hold, now_ms: u64) -> Decision {
        let offer = self.room_for(hold)?;
        let Want::Best(_) = &hold.want else {
            return Err(Refusal::NoSuchSeat);
        };
        match offer.find(&hold.want) {
            Ok(_) => return Err(Refusal::NothingToWaitFor),
            Err(Refusal::SoldOut { .. } | Refusal::NoneTogether { .. }) => {}
            Err(never) => return Err(never),
        }
        if hold.want.count() > offer.capacity() {
            return Err(Refusal::SoldOut { left: offer.left() });
        }
        let mut theirs = self.orders.of(hold.person.as_str());
        if theirs.any(|order| order.event == hold.event && order.stage == Stage::Created) {
            return Err(Refusal::WaitsAlready);
        }
        if offer.waiting.len() >= MAX_WAITING {
            return Err(Refusal::Crowded);
        }
        let order = waits(hold, now_ms);
        Ok(told(OrderFact::Opened(Box::new(order.clone())), order))
    }

    /// The next offer of free places, where there is somebody for them.
    pub(super) fn next_offer(&self, event: &EventId, now_ms: u64) -> Option<Fact> {
        let offer = self.offers.get(event)?;
        if offer.left() == 0 {
            return None;
        }
        offer.waiting.iter().take(LOOK_AT).find_map(|id| {
            let places = offer.find(self.orders.get(id.as_str())?.want.as_ref()?).ok()?;
            Some(Fact::Order(OrderFact::Offered {
                id: id.clone(),
                places,
                until_ms: now_ms.saturating_add(HOLD_MS),
            }))
        })
    }
}

impl Offer {
    /// Keeps the list true to the order as it is now.
    pub(super) fn note_waiting(&mut self, order: &Order) {
        if order.stage == Stage::Created {
            self.waiting.push_back(order.id.clone());
        } else if order.want.is_some()
            && let Some(at) = self.waiting.iter().position(|id| *id == order.id)
        {
            self.waiting.remove(at);
        }
    }

    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// How many are before this order, where it waits.
    #[must_use]
    pub fn place_in_line(&self, order: &Order) -> Option<usize> {
        self.waiting.iter().position(|id| *id == order.id)
    }
}
