//! The sale itself: what is on offer, who has bought what. Pure: a command and a moment in, events out; the same
//! events in the same order always make the same sale. Whatever must not race is decided here, by one caller at a time.

mod catalogue;
mod memory;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use catalogue::{Event, Price, sample};
use memory::Memory;

/// Most seats one visitor may hold for one event.
pub const MAX_SEATS: u32 = 8;
/// Longest name on a booking, in characters.
pub const MAX_NAME: usize = 100;
/// Most events of one sale.
pub const MAX_EVENTS: usize = 1_000;

/// What a visitor asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    pub event: String,
    pub seats: u32,
    /// The name on the booking.
    pub name: String,
}

/// A sold order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Booking {
    pub reference: String,
    #[serde(flatten)]
    pub order: Order,
    /// Milliseconds since the Unix epoch.
    pub booked_at_ms: u64,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// Put an event on offer; one that is known keeps its stock.
    List(Event),
    Book(Book),
}

#[derive(Clone, Debug)]
pub struct Book {
    /// The pass's subject.
    pub visitor: String,
    /// The client's `Idempotency-Key`, scoped to the visitor.
    pub key: Option<String>,
    pub order: Order,
    /// Random, made by the caller; used if the order is sold.
    pub reference: String,
}

/// What happened. The journal keeps these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum Fact {
    Listed {
        event: Event,
    },
    Booked {
        visitor: String,
        key: Option<String>,
        booking: Booking,
    },
    /// Kept only where a key promises the same answer to a retry.
    Refused {
        visitor: String,
        key: String,
        order: Order,
        refusal: Refusal,
        at_ms: u64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    UnknownEvent,
    /// Fewer seats are left than were asked for.
    SoldOut {
        left: u32,
    },
    /// With these, the visitor would hold more than [`MAX_SEATS`].
    TooManySeats {
        held: u32,
    },
    /// The key was used for another order.
    KeyReused,
    /// This visitor has used too many keys.
    TooManyKeys,
    /// The sale remembers as many keys as it may; try later.
    Crowded,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Listed,
    Booked(Booking),
    Refused(Refusal),
}

/// The answer to a command, and the facts to keep before anybody hears it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    pub facts: Vec<Fact>,
    pub outcome: Outcome,
    /// The same answer was given before.
    pub replayed: bool,
}

/// An event and what is left of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    #[serde(flatten)]
    pub event: Event,
    pub sold: u32,
}

impl Offer {
    #[must_use]
    pub fn left(&self) -> u32 {
        self.event.seats.saturating_sub(self.sold)
    }
}

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Sale {
    /// In the order in which they were listed.
    offers: Vec<Offer>,
    /// Visitor → event → seats. Bounded by the stock: an entry is at least one seat.
    held: BTreeMap<String, BTreeMap<String, u32>>,
    memory: Memory,
}

impl Sale {
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    #[must_use]
    pub fn sold_seats(&self) -> u64 {
        self.offers.iter().map(|offer| u64::from(offer.sold)).sum()
    }

    /// Decides a command and changes the sale accordingly.
    pub fn apply(&mut self, command: &Command, now_ms: u64) -> Applied {
        let applied = match command {
            Command::List(event) => self.list(event),
            Command::Book(book) => self.book(book, now_ms),
        };
        applied.facts.iter().for_each(|fact| self.absorb(fact));
        applied
    }

    /// Changes the sale by what happened. Decides nothing.
    pub fn absorb(&mut self, fact: &Fact) {
        match fact {
            Fact::Listed { event } => self.offers.push(Offer {
                event: event.clone(),
                sold: 0,
            }),
            Fact::Booked { visitor, key, booking } => {
                let order = &booking.order;
                if let Some(offer) = self.offers.iter_mut().find(|offer| offer.event.id == order.event) {
                    offer.sold = offer.sold.saturating_add(order.seats);
                }
                let held = self
                    .held
                    .entry(visitor.clone())
                    .or_default()
                    .entry(order.event.clone())
                    .or_default();
                *held = held.saturating_add(order.seats);
                if let Some(key) = key {
                    let outcome = memory::Kept::Booked(booking.reference.clone());
                    self.memory.keep(visitor, key, order, outcome, booking.booked_at_ms);
                }
            }
            Fact::Refused {
                visitor,
                key,
                order,
                refusal,
                at_ms,
            } => {
                self.memory
                    .keep(visitor, key, order, memory::Kept::Refused(*refusal), *at_ms);
            }
        }
    }

    fn list(&self, event: &Event) -> Applied {
        let known = self.offers.iter().any(|offer| offer.event.id == event.id);
        let facts = match known || self.offers.len() >= MAX_EVENTS {
            true => Vec::new(),
            false => vec![Fact::Listed { event: event.clone() }],
        };
        Applied {
            facts,
            outcome: Outcome::Listed,
            replayed: known,
        }
    }

    fn book(&self, book: &Book, now_ms: u64) -> Applied {
        if let Some(answered) = self.answered_before(book, now_ms) {
            return answered;
        }
        match self.refusal(book) {
            None => {
                let booking = Booking {
                    reference: book.reference.clone(),
                    order: book.order.clone(),
                    booked_at_ms: now_ms,
                };
                let (visitor, key) = (book.visitor.clone(), book.key.clone());
                let fact = Fact::Booked {
                    visitor,
                    key,
                    booking: booking.clone(),
                };
                Applied {
                    facts: vec![fact],
                    outcome: Outcome::Booked(booking),
                    replayed: false,
                }
            }
            Some(refusal) => {
                let kept = book.key.clone().map(|key| Fact::Refused {
                    visitor: book.visitor.clone(),
                    key,
                    order: book.order.clone(),
                    refusal,
                    at_ms: now_ms,
                });
                let facts = kept.into_iter().collect();
                Applied {
                    facts,
                    outcome: Outcome::Refused(refusal),
                    replayed: false,
                }
            }
        }
    }

    /// The stock, and what one visitor may hold.
    fn refusal(&self, book: &Book) -> Option<Refusal> {
        let order = &book.order;
        let Some(offer) = self.offers.iter().find(|offer| offer.event.id == order.event) else {
            return Some(Refusal::UnknownEvent);
        };
        let held = self
            .held
            .get(&book.visitor)
            .and_then(|events| events.get(&order.event))
            .copied()
            .unwrap_or(0);
        if held.saturating_add(order.seats) > MAX_SEATS {
            return Some(Refusal::TooManySeats { held });
        }
        (order.seats > offer.left()).then(|| Refusal::SoldOut { left: offer.left() })
    }

    /// One key, one outcome: the answer that was given, or that the key cannot be used for this.
    fn answered_before(&self, book: &Book, now_ms: u64) -> Option<Applied> {
        let key = book.key.as_deref()?;
        let plainly = |refusal| Applied {
            facts: Vec::new(),
            outcome: Outcome::Refused(refusal),
            replayed: false,
        };
        let Some(known) = self.memory.get(&book.visitor, key) else {
            return self.memory.full_for(&book.visitor, now_ms).map(plainly);
        };
        if known.order != book.order {
            return Some(plainly(Refusal::KeyReused));
        }
        let outcome = match &known.kept {
            memory::Kept::Refused(refusal) => Outcome::Refused(*refusal),
            memory::Kept::Booked(reference) => Outcome::Booked(Booking {
                reference: reference.clone(),
                order: known.order.clone(),
                booked_at_ms: known.at_ms,
            }),
        };
        Some(Applied {
            facts: Vec::new(),
            outcome,
            replayed: true,
        })
    }
}

#[cfg(test)]
mod tests;
