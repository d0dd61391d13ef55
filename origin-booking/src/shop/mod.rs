//! The order processor: what is on offer, who holds, buys, waits, votes. Pure: a command and a moment in, facts out; the
//! same facts in the same order always make the same sale. Whatever must not race is decided here, by one caller at a
//! time. Refuses to know disks, threads, clocks and randomness.

mod answers;
pub mod catalogue;
pub mod codes;
pub mod command;
pub mod coupons;
pub mod doors;
pub mod fact;
pub(crate) mod guard;
pub mod hall;
mod holds;
pub mod ids;
mod inbox;
pub mod order;
pub mod outbox;
mod payments;
pub mod points;
pub mod polls;
pub mod refusal;
pub mod stock;
pub mod takings;
pub mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use answers::Answers;
use catalogue::Event;
use codes::Codes;
use command::{Ask, Command};
use coupons::Coupons;
use doors::Doors;
use fact::{Fact, GoodsFact, OrderFact};
use ids::EventId;
use inbox::Inbox;
use order::{Attempt, Order, Orders, Stage};
use outbox::Outbox;
use points::Points;
use polls::Polls;
use refusal::Refusal;
use stock::Offer;
use takings::Takings;

/// Most events of one sale.
pub const MAX_EVENTS: usize = 1_000;
/// Most holds that end in one step; the others end in the next.
const MAX_ENDS: usize = 4_096;
/// Most payments that nobody can explain; beyond that they are only in the log.
const MAX_ODD: usize = 10_000;

/// What was done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// Nothing that anybody must be told.
    Noted,
    /// The order as it is now.
    Order(Box<Order>),
    /// A payment is to be made through the provider: this order, this attempt.
    Charge(Box<Order>),
    /// The places are sold: the money may be taken.
    Capture(Box<Order>),
    /// The order wants no money (any more): whatever was set aside is to be let go.
    LetGo,
    Coupon {
        number: u32,
        code: std::sync::Arc<str>,
    },
    Balance {
        points: u64,
    },
    /// So many deliveries wait again.
    Replayed {
        count: usize,
    },
}

pub type Reply = Result<Done, Refusal>;

/// A decision: what happens, and what the asker hears.
type Decision = Result<(Vec<Fact>, Done), Refusal>;

/// The answer to a command, and the facts to keep before anybody hears it.
#[derive(Clone, PartialEq, Debug)]
pub struct Applied {
    pub facts: Vec<Fact>,
    pub reply: Reply,
    /// The key had been answered before: this is that answer.
    pub replayed: bool,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sale {
    offers: BTreeMap<EventId, Offer>,
    orders: Orders,
    codes: Codes,
    coupons: Coupons,
    points: Points,
    polls: Polls,
    answers: Answers,
    odd: Vec<OrderFact>,
    /// Payments that were set aside and that no order wants. At most [`MAX_ODD`].
    #[serde(default)]
    unwanted: BTreeSet<Attempt>,
    #[serde(default)]
    inbox: Inbox,
    #[serde(default)]
    outbox: Outbox,
    #[serde(default)]
    doors: Doors,
    #[serde(default)]
    takings: BTreeMap<EventId, Takings>,
}

impl Sale {
    /// Decides a command and changes the sale accordingly. Holds whose time is over end first.
    pub fn apply(&mut self, command: &Command, now_ms: u64) -> Applied {
        let mut facts = self.end_overdue(now_ms);
        if let Some(known) = self.answers.known(command.key.as_ref()) {
            return Applied {
                facts,
                replayed: known != Err(Refusal::KeyReused),
                reply: known,
            };
        }
        let decided = match self.answers.full_for(command.key.as_ref(), now_ms) {
            Some(refusal) => Err(refusal),
            None => self.decide(&command.ask, now_ms),
        };
        let reply = match decided {
            Ok((done, outcome)) => {
                self.happen(done, now_ms, &mut facts);
                Ok(outcome)
            }
            Err(refusal) => Err(refusal),
        };
        let answered = answers::to_keep(command.key.as_ref(), &reply, now_ms);
        self.happen(answered.into_iter().collect(), now_ms, &mut facts);
        Applied {
            facts,
            reply,
            replayed: false,
        }
    }

    /// What a command would do. Changes nothing.
    fn decide(&self, ask: &Ask, now_ms: u64) -> Decision {
        match ask {
            Ask::List(event) => self.list(event),
            Ask::Campaign(campaign) => self.coupons.open(campaign),
            Ask::Code(code) => self.codes.open(code),
            Ask::Poll(poll) => self.polls.open(poll),
            Ask::Grant { person, points } => self.points.grant(person, *points),
            Ask::Hold(hold) => self.hold(hold, now_ms),
            Ask::Book(hold) => self.book(hold, now_ms),
            Ask::Wait(hold) => self.wait(hold, now_ms),
            Ask::CheckOut(check_out) => self.check_out(check_out, now_ms),
            Ask::Release { person, order } => self.release(person, order, now_ms),
            Ask::Pay { person, order, method } => self.pay(person, order, *method, now_ms),
            Ask::Coupon(take) => self.coupons.issue(take, now_ms),
            Ask::Vote { person, poll, option } => self.polls.vote(person, poll, *option, now_ms),
            Ask::Payment(heard) => self.payment(heard, now_ms),
            Ask::Event { id, heard } => self.event(id, heard, now_ms),
            Ask::Refund { order } => self.refund(order, now_ms),
            Ask::CheckIn(check_in) => self.check_in(check_in, now_ms),
            Ask::Seal(key) => self.doors.seal(key),
            Ask::Address(targets) => self.outbox.address(targets, now_ms),
            Ask::Report(report) => self.outbox.report(report, now_ms),
            Ask::Replay(replay) => self.outbox.replay(replay, now_ms),
            Ask::Tick => Ok((Vec::new(), Done::Noted)),
        }
    }

    /// Changes the sale by what happened. Decides nothing.
    pub fn evolve(&mut self, fact: &Fact) {
        match fact {
            Fact::Listed(event) => {
                self.offers.insert(event.id.clone(), Offer::new(event.as_ref().clone()));
            }
            Fact::Order(fact) => self.evolve_order(fact),
            Fact::Goods(fact) => self.evolve_goods(fact),
            Fact::Post(fact) => self.outbox.evolve(fact),
            Fact::Door(fact) => self.doors.evolve(fact),
            Fact::Received { event, at_ms } => self.inbox.keep(event, *at_ms),
            Fact::Answered(answered) => self.answers.keep(answered),
        }
    }

    fn evolve_goods(&mut self, fact: &GoodsFact) {
        match fact {
            GoodsFact::Campaign(_) | GoodsFact::Coupon { .. } => self.coupons.evolve(fact),
            GoodsFact::Code(code) => self.codes.add(code),
            GoodsFact::Poll(_) | GoodsFact::Vote { .. } => self.polls.evolve(fact),
            GoodsFact::Points { from, to, points, .. } => self.points.transfer(from, to, *points),
        }
    }

    /// Lets facts happen, and what follows from them: free places are offered to those who wait.
    fn happen(&mut self, new: Vec<Fact>, now_ms: u64, facts: &mut Vec<Fact>) {
        let mut freed = Vec::new();
        for fact in new {
            freed.extend(self.frees(&fact));
            self.occur(fact, now_ms, facts);
        }
        for event in freed {
            while let Some(fact) = self.next_offer(&event, now_ms) {
                self.occur(fact, now_ms, facts);
            }
        }
    }

    /// Lets one fact happen, and puts what others are to be told of it beside it.
    fn occur(&mut self, fact: Fact, now_ms: u64, facts: &mut Vec<Fact>) {
        let before = self.stage_in(&fact);
        self.evolve(&fact);
        let news = match &fact {
            Fact::Order(about) if !about.is_aside() => {
                (self.orders.get(about.id().as_str())).and_then(|order| self.outbox.news(before, order, now_ms))
            }
            _ => None,
        };
        facts.push(fact);
        if let Some(news) = news {
            self.evolve(&news);
            facts.push(news);
        }
    }

    fn stage_in(&self, fact: &Fact) -> Option<Stage> {
        let Fact::Order(about) = fact else { return None };
        self.orders.get(about.id().as_str()).map(|order| order.stage)
    }

    fn list(&self, event: &Event) -> Decision {
        let hall_is_bad = event.hall.as_ref().is_some_and(|plan| plan.hall().is_err());
        if event.flaw().is_some() || hall_is_bad {
            return Err(Refusal::BadListing);
        }
        if self.offers.contains_key(&event.id) {
            return Ok((Vec::new(), Done::Noted));
        }
        match self.offers.len() >= MAX_EVENTS {
            true => Err(Refusal::Crowded),
            false => Ok((vec![Fact::Listed(Box::new(event.clone()))], Done::Noted)),
        }
    }
}

/// Questions.
impl Sale {
    /// In the order of their ids.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.values()
    }

    #[must_use]
    pub fn offer(&self, event: &str) -> Option<&Offer> {
        self.offers.get(event)
    }

    /// Any order; whose it is must be looked at.
    #[must_use]
    pub fn order(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    /// A person's orders that are not closed.
    pub fn orders_of(&self, person: &str) -> impl Iterator<Item = &Order> {
        self.orders.of(person)
    }

    #[must_use]
    pub fn sold_seats(&self) -> u64 {
        self.offers.values().map(|offer| u64::from(offer.sold())).sum()
    }

    /// Whose places are held and whose time runs, the first to end first.
    pub fn holds(&self) -> impl Iterator<Item = &Order> {
        self.orders.ending()
    }

    /// What an event has brought in.
    #[must_use]
    pub fn takings(&self, event: &str) -> Takings {
        self.takings.get(event).copied().unwrap_or_default()
    }

    /// What a code would take off an order, in the currency's smallest unit.
    ///
    /// # Errors
    /// Why it would not.
    pub fn discount_minor(&self, code: &ids::CodeId, order: &Order, now_ms: u64) -> Result<u64, Refusal> {
        self.codes.discount_for(code, order, now_ms)
    }

    /// When the next hold ends.
    #[must_use]
    pub fn next_end_ms(&self) -> Option<u64> {
        self.orders.next_end_ms()
    }

    /// Whose time is over while a payment is under way: the provider is to be asked.
    pub fn doubted(&self) -> impl Iterator<Item = &Order> {
        self.orders.doubted()
    }

    /// Authorised and not taken yet.
    pub fn uncaptured(&self) -> impl Iterator<Item = &Order> {
        self.orders.uncaptured()
    }

    /// Whose payment through the provider is under way.
    pub fn paying(&self) -> impl Iterator<Item = &Order> {
        self.orders.paying()
    }

    /// Whose money the provider is to give back; also those of whom it refused.
    pub fn refunding(&self) -> impl Iterator<Item = &Order> {
        self.orders.refunding()
    }

    /// All orders that are remembered, by their ids.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.all()
    }

    /// Money that is to be let go.
    pub fn unwanted(&self) -> impl Iterator<Item = &Attempt> {
        self.unwanted.iter()
    }

    /// Payments that fit no order.
    #[must_use]
    pub fn odd(&self) -> &[OrderFact] {
        &self.odd
    }

    #[must_use]
    pub fn points(&self) -> &Points {
        &self.points
    }

    #[must_use]
    pub fn coupons(&self) -> &Coupons {
        &self.coupons
    }

    #[must_use]
    pub fn polls(&self) -> &Polls {
        &self.polls
    }

    #[must_use]
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    #[must_use]
    pub fn codes(&self) -> &Codes {
        &self.codes
    }
}

#[cfg(test)]
mod tests;
