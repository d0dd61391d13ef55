//! What happened. The journal keeps these, one a line; the same facts in the same order always make the same sale.
//! Fields may be added with a default; nothing is ever renamed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Reply;
use super::catalogue::Event;
use super::codes::Code;
use super::coupons::Campaign;
use super::doors::TicketKey;
use super::ids::{CampaignId, CodeId, EventId, MessageId, OrderId, PersonId, PollId, TargetId};
use super::order::{Contact, Method, Order, Reference, Stage};
use super::outbox::{Message, Target};
use super::points::Account;
use super::polls::Poll;
use super::stock::Places;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    Listed(Box<Event>),
    Order(OrderFact),
    Goods(GoodsFact),
    Post(PostFact),
    Door(DoorFact),
    /// An event of the payment provider was taken in: its id, so that it is not taken in twice.
    Received {
        event: Arc<str>,
        at_ms: u64,
    },
    /// A key and the answer it got.
    Answered(Box<Answered>),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderFact {
    /// Held, booked, or waiting: as its stage says.
    Opened(Box<Order>),
    /// Somebody who waited is offered places.
    Offered {
        id: OrderId,
        places: Places,
        until_ms: u64,
    },
    CheckedOut {
        id: OrderId,
        name: String,
        code: Option<CodeId>,
        discount_minor: u64,
        #[serde(default, skip_serializing_if = "Contact::is_empty")]
        contact: Contact,
    },
    PayStarted {
        id: OrderId,
        method: Method,
        attempt: u32,
        until_ms: u64,
        extended: bool,
    },
    /// What the provider calls the payment that has begun. Kept before anything is asked that moves money.
    Referenced {
        id: OrderId,
        reference: Reference,
    },
    /// The attempt came to nothing; the hold goes on.
    PayFailed {
        id: OrderId,
    },
    /// The hold's time is over and nobody knows what became of the payment.
    Doubted {
        id: OrderId,
    },
    Paid {
        id: OrderId,
    },
    Confirmed {
        id: OrderId,
        at_ms: u64,
    },
    /// The places are free; the provider is to give the money back.
    Refunding {
        id: OrderId,
        tries: u32,
    },
    /// The provider does not give it back.
    RefundRefused {
        id: OrderId,
    },
    /// Cancelled, expired or refunded: the places are free.
    Closed {
        id: OrderId,
        stage: Stage,
        at_ms: u64,
    },
    /// Money was set aside that no order wants: the provider is to let it go, until it says that it did.
    Unwanted {
        id: OrderId,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
    },
    LetGone {
        id: OrderId,
        attempt: u32,
    },
    /// Money moved for an order that is not owed any: for the organiser to look at.
    Odd {
        id: OrderId,
        attempt: u32,
        what: String,
        at_ms: u64,
    },
}

impl OrderFact {
    /// Whether it is about a payment alone, and the order stays as it is.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        matches!(
            self,
            OrderFact::Unwanted { .. } | OrderFact::LetGone { .. } | OrderFact::Odd { .. }
        )
    }

    #[must_use]
    pub fn id(&self) -> &OrderId {
        match self {
            OrderFact::Opened(order) => &order.id,
            OrderFact::Offered { id, .. }
            | OrderFact::CheckedOut { id, .. }
            | OrderFact::PayStarted { id, .. }
            | OrderFact::Referenced { id, .. }
            | OrderFact::Refunding { id, .. }
            | OrderFact::RefundRefused { id }
            | OrderFact::PayFailed { id }
            | OrderFact::Doubted { id }
            | OrderFact::Paid { id }
            | OrderFact::Confirmed { id, .. }
            | OrderFact::Closed { id, .. }
            | OrderFact::Unwanted { id, .. }
            | OrderFact::LetGone { id, .. }
            | OrderFact::Odd { id, .. } => id,
        }
    }
}

/// Goods that are not places.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoodsFact {
    Campaign(Campaign),
    Coupon {
        campaign: CampaignId,
        person: PersonId,
        number: u32,
        code: Arc<str>,
        at_ms: u64,
    },
    Code(Code),
    Poll(Poll),
    Vote {
        poll: PollId,
        person: PersonId,
        option: u32,
    },
    /// Double entry: what one account loses, another gains.
    Points {
        from: Account,
        to: Account,
        points: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
    },
}

/// What others are told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PostFact {
    /// Who is told from now on.
    Addressed(Vec<Target>),
    Queued(Box<Message>),
    /// There was no room for a message.
    Missed,
    Delivered {
        message: MessageId,
        target: TargetId,
    },
    Failed {
        message: MessageId,
        target: TargetId,
        why: Arc<str>,
        due_ms: u64,
    },
    /// It failed too often, or for good.
    Parked {
        message: MessageId,
        target: TargetId,
        why: Arc<str>,
        at_ms: u64,
    },
    /// The organiser brought it back.
    Replayed {
        message: MessageId,
        target: TargetId,
        due_ms: u64,
    },
}

/// At the doors.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoorFact {
    /// The key that tickets are signed with; once.
    Sealed(TicketKey),
    Arrived {
        order: OrderId,
        event: EventId,
        number: u32,
        at_ms: u64,
        gate: Arc<str>,
    },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answered {
    pub person: PersonId,
    pub key: Arc<str>,
    pub fingerprint: Arc<str>,
    pub reply: Reply,
    pub at_ms: u64,
}
