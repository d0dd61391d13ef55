//! An order and its life: created → held → paying → paid → confirmed → (cancelled | expired | refunding → refunded). The
//! table of what may follow what is here; who may ask for it is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{CodeId, EventId, OrderId, PersonId};
use super::stock::{Places, Want};

/// How long places are held.
pub const HOLD_MS: u64 = 5 * 60_000;
/// What a payment that begins is given, where the hold has less left. Once an order.
pub const PAY_MS: u64 = 2 * 60_000;
/// How long an order that came to nothing can still be looked at.
pub const KEPT_CLOSED_MS: u64 = 72 * 3_600_000;
/// Most orders at one time; the next one is told to come later.
pub const MAX_ORDERS: usize = 1_000_000;
/// Longest name on an order, in characters.
pub const MAX_NAME: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Waits for places.
    Created,
    /// Places are held for a time.
    Held,
    /// A payment is under way.
    Paying,
    /// Authorised: the places are sold; the money is still to be taken.
    Paid,
    Confirmed,
    Cancelled,
    Expired,
    /// The places are free; the provider is to give the money back.
    Refunding,
    Refunded,
}

impl Stage {
    pub const ALL: [Stage; 9] = [
        Stage::Created,
        Stage::Held,
        Stage::Paying,
        Stage::Paid,
        Stage::Confirmed,
        Stage::Cancelled,
        Stage::Expired,
        Stage::Refunding,
        Stage::Refunded,
    ];

    /// The whole table.
    #[must_use]
    pub fn may_become(self, next: Stage) -> bool {
        use Stage::{Cancelled, Confirmed, Created, Expired, Held, Paid, Paying, Refunded, Refunding};
        match self {
            Created => matches!(next, Held | Cancelled),
            Held => matches!(next, Paying | Cancelled | Expired),
            // Back to held: declined. Cancelled: by the holder, once the provider has let go.
            Paying => matches!(next, Held | Paid | Cancelled | Expired),
            Paid => matches!(next, Confirmed | Cancelled),
            Confirmed => matches!(next, Refunding | Refunded),
            Refunding => matches!(next, Refunded),
            Cancelled | Expired | Refunded => false,
        }
    }

    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Stage::Cancelled | Stage::Expired | Stage::Refunded)
    }

    /// Whether its places are gone for good; money may still be on its way back.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.is_closed() || self == Stage::Refunding
    }

    /// Whether the order's places are counted as held, as sold, or not at all.
    #[must_use]
    pub fn share(self) -> Share {
        match self {
            Stage::Held | Stage::Paying => Share::Held,
            Stage::Paid | Stage::Confirmed => Share::Sold,
            _ => Share::None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    None,
    Held,
    Sold,
}

/// How an order is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Through the payment provider.
    Card,
    /// From the person's account of points, one for one of the currency's smallest unit.
    Points,
    /// Nothing is owed.
    Free,
    /// On the evening: the short form that books at once.
    Door,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    pub id: OrderId,
    pub person: PersonId,
    pub event: EventId,
    pub stage: Stage,
    pub places: Places,
    /// What somebody who waits wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub want: Option<Want>,
    /// The name on the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeId>,
    #[serde(default, skip_serializing_if = "Contact::is_empty")]
    pub contact: Contact,
    #[serde(default)]
    pub discount_minor: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Of the latest payment; counts from 1.
    #[serde(default)]
    pub attempt: u32,
    /// What the provider calls the latest payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Where the money is to be given back by the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
    /// Whether a payment has used the extension.
    #[serde(default)]
    pub extended: bool,
    /// The time is over and a payment is under way: the provider is to be asked before anything is freed.
    #[serde(default)]
    pub doubted: bool,
    pub created_at_ms: u64,
    /// When the hold ends; 0 where nothing is held.
    #[serde(default)]
    pub until_ms: u64,
    /// When it was confirmed or closed; 0 before.
    #[serde(default)]
    pub settled_at_ms: u64,
}

/// A provider's own name of a payment.
pub type Reference = Arc<str>;

/// One attempt to pay one order. With the provider's own name of it, where it has one: until that is known here, nothing
/// was asked of the provider that moves money.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub order: OrderId,
    pub attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

impl Attempt {
    /// The latest of this order.
    #[must_use]
    pub fn of(order: &Order) -> Attempt {
        Attempt {
            order: order.id.clone(),
            attempt: order.attempt,
            reference: order.reference.clone(),
        }
    }

    #[must_use]
    pub fn is_same(&self, other: &Attempt) -> bool {
        self.order == other.order && self.attempt == other.attempt
    }
}

/// Money on its way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// How often the organiser asked: the provider is told a new one each time.
    pub tries: u32,
    /// The provider refused the latest; the organiser may ask again.
    #[serde(default)]
    pub refused: bool,
}

/// How somebody is written to. Checked by whoever asks.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// An e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Contact {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Contact::default()
    }

    /// With what is known for what is not said.
    #[must_use]
    pub fn or(&self, known: &Contact) -> Contact {
        Contact {
            email: self.email.clone().or_else(|| known.email.clone()),
            language: self.language.clone().or_else(|| known.language.clone()),
        }
    }
}

impl Order {
    #[must_use]
    pub fn total_minor(&self) -> u64 {
        self.places.price_minor.saturating_sub(self.discount_minor)
    }
}

/// All orders, with what must be found quickly among them. Changed by [`Orders::put`] alone.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    by_id: BTreeMap<OrderId, Order>,
    /// Person → their orders that are not closed.
    of_person: BTreeMap<PersonId, BTreeSet<OrderId>>,
    /// When holds end. Those of whom a provider must be asked first are in `doubted`.
    ends: BTreeSet<(u64, OrderId)>,
    doubted: BTreeSet<OrderId>,
    /// Paid and not confirmed.
    uncaptured: BTreeSet<OrderId>,
    /// A payment through the provider is under way, and the time is not over.
    #[serde(default)]
    paying: BTreeSet<OrderId>,
    /// Whose money is to be given back, also where the provider refused.
    #[serde(default)]
    refunding: BTreeSet<OrderId>,
    /// Closed orders, oldest first: what is to be forgotten next.
    closed: VecDeque<(u64, OrderId)>,
}

impl Orders {
    pub(super) fn get(&self, id: &str) -> Option<&Order> {
        self.by_id.get(id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.by_id.len() >= MAX_ORDERS
    }

    pub(super) fn uncaptured(&self) -> impl Iterator<Item = &Order> {
        self.uncaptured.iter().filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Order> {
        self.by_id.values()
    }

    pub(super) fn paying(&self) -> impl Iterator<Item = &Order> {
        self.paying.iter().filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn refunding(&self) -> impl Iterator<Item = &Order> {
        self.refunding.iter().filter_map(|id| self.by_id.get(id))
    }

    /// Not the closed ones.
    pub(super) fn of(&self, person: &str) -> impl Iterator<Item = &Order> {
        let ids = self.of_person.get(person);
        ids.into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// Whose hold ended first, at or before this moment.
    pub(super) fn overdue(&self, now_ms: u64) -> Option<&Order> {
        let (until_ms, id) = self.ends.first()?;
        (*until_ms <= now_ms).then(|| self.by_id.get(id))?
    }

    pub(super) fn ending(&self) -> impl Iterator<Item = &Order> {
        self.ends.iter().filter_map(|(_, id)| self.by_id.get(id))
    }

    pub(super) fn next_end_ms(&self) -> Option<u64> {
        self.ends.first().map(|(until_ms, _)| *until_ms)
    }

    pub(super) fn doubted(&self) -> impl Iterator<Item = &Order> {
        self.doubted.iter().filter_map(|id| self.by_id.get(id))
    }

    /// Puts the order as it is now in the place of what it was.
    pub(super) fn put(&mut self, order: Order) {
        if let Some(old) = self.by_id.get(&order.id) {
            self.ends.remove(&(old.until_ms, old.id.clone()));
            self.doubted.remove(&old.id);
            self.uncaptured.remove(&old.id);
            self.refunding.remove(&old.id);
            self.paying.remove(&old.id);
        }
        let id = order.id.clone();
        if order.stage == Stage::Refunding {
            self.refunding.insert(id.clone());
        }
        if order.stage == Stage::Paying && order.method == Some(Method::Card) && !order.doubted {
            self.paying.insert(id.clone());
        }
        if order.stage == Stage::Paid {
            self.uncaptured.insert(id.clone());
        }
        if order.stage.share() == Share::Held {
            match order.doubted {
                true => self.doubted.insert(id.clone()),
                false => self.ends.insert((order.until_ms, id.clone())),
            };
        }
        if order.stage.is_closed() {
            if let Some(theirs) = self.of_person.get_mut(&order.person) {
                theirs.remove(&id);
                if theirs.is_empty() {
                    self.of_person.remove(&order.person);
                }
            }
            self.closed.push_back((order.settled_at_ms, id.clone()));
            self.forget_closed(order.settled_at_ms.saturating_sub(KEPT_CLOSED_MS));
        } else {
            self.of_person
                .entry(order.person.clone())
                .or_default()
                .insert(id.clone());
        }
        self.by_id.insert(id, order);
    }

    fn forget_closed(&mut self, before_ms: u64) {
        while let Some((_, id)) = self.closed.pop_front_if(|(at_ms, _)| *at_ms < before_ms) {
            self.by_id.remove(&id);
        }
    }
}
