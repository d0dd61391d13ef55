//! What can be asked. Whatever is random or comes from outside is in here already; time comes beside it.

use std::sync::Arc;

use super::catalogue::Event;
use super::codes::Code;
use super::coupons::Campaign;
use super::doors::TicketKey;
use super::ids::{CampaignId, CodeId, EventId, OrderId, PersonId, PollId};
use super::order::{Attempt, Contact, Method};
use super::outbox::{Replay, Report, Target};
use super::polls::Poll;
use super::stock::Want;

#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// Where given, the answer is remembered with whatever it did.
    pub key: Option<Key>,
    pub ask: Ask,
}

impl From<Ask> for Command {
    fn from(ask: Ask) -> Command {
        Command { key: None, ask }
    }
}

/// A client's `Idempotency-Key`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// Whose key it is: the same text of another person is another key.
    pub person: PersonId,
    pub key: Arc<str>,
    /// Of the request that it came with.
    pub fingerprint: Arc<str>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    // The organiser's.
    List(Event),
    Campaign(Campaign),
    Code(Code),
    Poll(Poll),
    /// Puts points on somebody's account.
    Grant {
        person: PersonId,
        points: u64,
    },
    /// Lets somebody in.
    CheckIn(CheckIn),
    /// Brings back deliveries that were put aside.
    Replay(Replay),
    // A person's.
    Hold(Hold),
    /// Sells at once, to be paid at the door.
    Book(Hold),
    /// Waits for places that are not there.
    Wait(Hold),
    CheckOut(CheckOut),
    Release {
        person: PersonId,
        order: OrderId,
    },
    Pay {
        person: PersonId,
        order: OrderId,
        method: Method,
    },
    Coupon(TakeCoupon),
    Vote {
        person: PersonId,
        poll: PollId,
        option: u32,
    },
    // The service's own.
    /// The provider was heard.
    Payment(Heard),
    /// The provider told of something by itself: taken in once, by the event's id.
    Event {
        id: Arc<str>,
        heard: Heard,
    },
    /// An order is given back. Where a provider took the money, it is asked for it from then on.
    Refund {
        order: OrderId,
    },
    /// The key that tickets are signed with, where there is none yet.
    Seal(TicketKey),
    /// Who is told what happens to orders.
    Address(Vec<Target>),
    /// What became of a delivery.
    Report(Report),
    /// Time has passed.
    Tick,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    pub person: PersonId,
    /// Random; the order's reference from now on.
    pub order: OrderId,
    pub event: EventId,
    pub want: Want,
    pub name: Option<String>,
    pub contact: Contact,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckOut {
    pub person: PersonId,
    pub order: OrderId,
    pub name: String,
    pub code: Option<CodeId>,
    /// What is not said leaves what is known.
    pub contact: Contact,
}

/// A ticket at a door; its signature is good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckIn {
    pub order: OrderId,
    /// Counts from 1.
    pub number: u32,
    /// The only one that is let in at this door.
    pub event: Option<EventId>,
    pub gate: Arc<str>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakeCoupon {
    pub person: PersonId,
    pub campaign: CampaignId,
    /// Random.
    pub code: Arc<str>,
}

/// What a payment provider said of one attempt. May come late, twice, or in another order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    pub payment: Attempt,
    pub news: News,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// It has a name at the provider; no money was asked for yet.
    Opened,
    /// The money is set aside.
    Authorised,
    Declined,
    /// What was or might have been set aside is free again.
    LetGo,
    /// The money is taken.
    Captured,
    /// It cannot be taken any more.
    CaptureFailed,
    Refunded,
    /// It is not given back, or not after all.
    RefundFailed,
}
