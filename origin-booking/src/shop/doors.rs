//! The doors: each ticket of a confirmed order lets somebody in once. Also keeps the key that tickets are signed with, so
//! that every process on the same journal signs and knows the same. Refuses to know how a ticket looks.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::CheckIn;
use super::fact::{DoorFact, Fact};
use super::guard::Guard;
use super::ids::{EventId, OrderId};
use super::order::{Order, Stage};
use super::refusal::Refusal;
use super::{Decision, Done, Sale};

/// Most arrivals that are listed, the latest first.
const MAX_RECENT: usize = 50;

/// Of 256 bits. Never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketKey([u8; 32]);

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(…)")
    }
}

impl From<[u8; 32]> for TicketKey {
    fn from(bytes: [u8; 32]) -> TicketKey {
        TicketKey(bytes)
    }
}

impl TicketKey {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Somebody came in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrival {
    pub at_ms: u64,
    /// Where, in the organiser's words; may be empty.
    pub gate: Arc<str>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Doors {
    key: Option<TicketKey>,
    /// Order → number of the ticket, counted from 1 → when and where. At most one for each place sold.
    arrived: BTreeMap<OrderId, BTreeMap<u32, Arrival>>,
    counts: BTreeMap<EventId, u32>,
    /// The latest last.
    recent: VecDeque<(OrderId, u32)>,
}

impl Doors {
    #[must_use]
    pub fn key(&self) -> Option<&TicketKey> {
        self.key.as_ref()
    }

    #[must_use]
    pub fn arrival(&self, order: &str, number: u32) -> Option<&Arrival> {
        self.arrived.get(order)?.get(&number)
    }

    /// How many came in.
    #[must_use]
    pub fn count(&self, event: &str) -> u32 {
        self.counts.get(event).copied().unwrap_or(0)
    }

    /// The latest first.
    pub fn recent(&self) -> impl Iterator<Item = (&OrderId, u32, &Arrival)> {
        let arrival = |(order, number): &(OrderId, u32)| self.arrived.get(order)?.get(number);
        let recent = self.recent.iter().rev();
        recent.filter_map(move |one| Some((&one.0, one.1, arrival(one)?)))
    }

    /// The first key stays.
    pub(super) fn seal(&self, key: &TicketKey) -> Decision {
        let new = self.key.is_none();
        let sealed = new.then(|| Fact::Door(DoorFact::Sealed(key.clone())));
        Ok((sealed.into_iter().collect(), Done::Noted))
    }

    pub(super) fn evolve(&mut self, fact: &DoorFact) {
        match fact {
            DoorFact::Sealed(key) => self.key = Some(key.clone()),
            DoorFact::Arrived {
                order,
                event,
                number,
                at_ms,
                gate,
            } => {
                let arrival = Arrival {
                    at_ms: *at_ms,
                    gate: Arc::clone(gate),
                };
                self.arrived.entry(order.clone()).or_default().insert(*number, arrival);
                *self.counts.entry(event.clone()).or_default() += 1;
                self.recent.push_back((order.clone(), *number));
                if self.recent.len() > MAX_RECENT {
                    self.recent.pop_front();
                }
            }
        }
    }

    /// The order is over: its tickets let nobody in, whoever came.
    pub(super) fn forget(&mut self, order: &Order) {
        let gone = self
            .arrived
            .remove(order.id.as_str())
            .map_or(0, |arrived| arrived.len());
        if let Some(count) = self.counts.get_mut(order.event.as_str()) {
            *count = count.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
        }
    }
}

impl Sale {
    /// The ticket's signature was checked by whoever asks.
    pub(super) fn check_in(&self, check_in: &CheckIn, now_ms: u64) -> Decision {
        // A closed order is forgotten after a while: then its tickets are as good as cancelled.
        let order = self
            .orders
            .get(check_in.order.as_str())
            .ok_or(Refusal::TicketCancelled)?;
        if check_in.event.as_ref().is_some_and(|event| *event != order.event) {
            return Err(Refusal::WrongEvent);
        }
        if Guard::Stage.forbids(order.stage != Stage::Confirmed) || check_in.number > order.places.count {
            return Err(Refusal::TicketCancelled);
        }
        let first = self.doors.arrival(order.id.as_str(), check_in.number);
        if let Some(first) = first
            && Guard::TicketOnce.forbids(true)
        {
            return Err(Refusal::TicketUsed { at_ms: first.at_ms });
        }
        let arrived = DoorFact::Arrived {
            order: order.id.clone(),
            event: order.event.clone(),
            number: check_in.number,
            at_ms: now_ms,
            gate: Arc::clone(&check_in.gate),
        };
        Ok((vec![Fact::Door(arrived)], Done::Order(Box::new(order.clone()))))
    }
}
