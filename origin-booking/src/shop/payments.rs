//! Paying: authorise → the places are sold → the money is taken. News of a provider may come late, twice, or in another
//! order; each ends where money and places agree, or on the list of what nobody can explain.

use super::command::{Heard, News};
use super::fact::{Fact, GoodsFact, OrderFact};
use super::guard::Guard;
use super::holds::{closed, told};
use super::ids::{OrderId, PersonId};
use super::order::{Attempt, Method, Order, PAY_MS, Refund, Stage};
use super::points::Account;
use super::refusal::Refusal;
use super::{Decision, Done, MAX_ODD, Sale};

impl Sale {
    pub(super) fn pay(&self, person: &PersonId, id: &OrderId, method: Method, now_ms: u64) -> Decision {
        let order = self.held_by(person, id, now_ms)?;
        if order.name.is_none() {
            return Err(Refusal::NoName);
        }
        let method = match order.total_minor() {
            0 => Method::Free,
            _ => method,
        };
        let after = paying(order, method, now_ms);
        let started = Fact::Order(OrderFact::PayStarted {
            id: id.clone(),
            method,
            attempt: after.attempt,
            until_ms: after.until_ms,
            extended: after.extended,
        });
        match method {
            Method::Card => Ok((vec![started], Done::Charge(Box::new(after)))),
            Method::Free if order.total_minor() == 0 => Ok(paid_at_once(vec![started], after, now_ms)),
            Method::Points => {
                let points = order.total_minor();
                let moved = self.points.spend(person, points, id)?;
                Ok(paid_at_once(vec![started, moved], after, now_ms))
            }
            // Only what is booked at once is paid at the door; and whoever owes something cannot say that it is nothing.
            Method::Free | Method::Door => Err(Refusal::WrongStage { stage: order.stage }),
        }
    }

    pub(super) fn payment(&self, heard: &Heard, now_ms: u64) -> Decision {
        if let Some(over) = self.let_gone(heard, now_ms) {
            return Ok(over);
        }
        let Some(order) = self.orders.get(heard.payment.order.as_str()) else {
            return Ok(self.unknown(heard, now_ms));
        };
        if heard.news == News::Opened {
            return Ok(opened(order, heard));
        }
        if Guard::Attempt.forbids(!is_current(order, &heard.payment)) {
            return Ok(self.unknown(heard, now_ms));
        }
        match order.stage {
            Stage::Paying => Ok(self.while_paying(order, heard, now_ms)),
            Stage::Paid => Ok(self.while_paid(order, heard, now_ms)),
            Stage::Confirmed | Stage::Refunding | Stage::Refunded => Ok(after_capture(order, heard, now_ms)),
            Stage::Created | Stage::Held | Stage::Cancelled | Stage::Expired => Ok(self.unknown(heard, now_ms)),
        }
    }

    fn while_paying(&self, order: &Order, heard: &Heard, now_ms: u64) -> (Vec<Fact>, Done) {
        let id = order.id.clone();
        match heard.news {
            News::Authorised => {
                let fact = Fact::Order(OrderFact::Paid { id });
                (vec![fact], Done::Capture(Box::new(paid(order))))
            }
            // Taken already, by whoever: the step before was not heard.
            News::Captured => paid_at_once(Vec::new(), order.clone(), now_ms),
            News::Declined | News::LetGo | News::CaptureFailed => failed(order, now_ms),
            News::Opened | News::Refunded | News::RefundFailed => (vec![odd(heard, now_ms)], Done::Noted),
        }
    }

    fn while_paid(&self, order: &Order, heard: &Heard, now_ms: u64) -> (Vec<Fact>, Done) {
        match heard.news {
            // Heard twice: the first time something came of it.
            News::Authorised => (Vec::new(), Done::Capture(Box::new(order.clone()))),
            News::Captured => {
                let id = order.id.clone();
                told(
                    OrderFact::Confirmed { id, at_ms: now_ms },
                    confirmed(order.clone(), now_ms),
                )
            }
            News::LetGo => closed(order, Stage::Cancelled, now_ms),
            // Some of it may still be set aside.
            News::CaptureFailed => {
                let (mut facts, done) = closed(order, Stage::Cancelled, now_ms);
                facts.extend(self.unwanted_once(heard));
                (facts, done)
            }
            News::Refunded => {
                let (mut facts, done) = closed(order, Stage::Cancelled, now_ms);
                facts.push(odd(heard, now_ms));
                (facts, done)
            }
            News::Declined | News::Opened | News::RefundFailed => (Vec::new(), Done::Noted),
        }
    }

    /// Of an attempt that no order waits for: it failed, is over, is forgotten, or never was.
    fn unknown(&self, heard: &Heard, now_ms: u64) -> (Vec<Fact>, Done) {
        match heard.news {
            News::Authorised => (self.unwanted_once(heard), Done::LetGo),
            News::Captured => (vec![odd(heard, now_ms)], Done::Noted),
            // What is not to be paid for any more must not begin.
            News::Opened => (Vec::new(), Done::LetGo),
            _ => (Vec::new(), Done::Noted),
        }
    }

    /// On the list of what is to be let go, where it is not on it. A list that is full is told to nobody but the log;
    /// whoever asks now lets it go all the same.
    fn unwanted_once(&self, heard: &Heard) -> Vec<Fact> {
        if self.is_unwanted(&heard.payment) || self.unwanted.len() >= MAX_ODD || !Guard::Unwanted.forbids(true) {
            return Vec::new();
        }
        let Attempt {
            order: id,
            attempt,
            reference,
        } = heard.payment.clone();
        vec![Fact::Order(OrderFact::Unwanted { id, attempt, reference })]
    }

    fn is_unwanted(&self, payment: &Attempt) -> bool {
        let first = Attempt {
            reference: None,
            ..payment.clone()
        };
        self.unwanted
            .range(first..)
            .next()
            .is_some_and(|next| next.is_same(payment))
    }

    /// What was to be let go is, or was taken after all.
    fn let_gone(&self, heard: &Heard, now_ms: u64) -> Option<(Vec<Fact>, Done)> {
        if !self.is_unwanted(&heard.payment) {
            return None;
        }
        let (id, attempt) = (heard.payment.order.clone(), heard.payment.attempt);
        let over = Fact::Order(OrderFact::LetGone { id, attempt });
        match heard.news {
            News::LetGo | News::Refunded => Some((vec![over], Done::Noted)),
            News::Captured => Some((vec![over, odd(heard, now_ms)], Done::Noted)),
            _ => None,
        }
    }

    /// Places and tickets are given up now. Money that a provider took is asked back from then on; asked for again only
    /// where the provider refused.
    pub(super) fn refund(&self, id: &OrderId, now_ms: u64) -> Decision {
        let order = self.orders.get(id.as_str()).ok_or(Refusal::UnknownOrder)?;
        let by_provider = order.method == Some(Method::Card) && Guard::Refund.forbids(true);
        if by_provider && order.stage == Stage::Refunding {
            return Ok(refunded_again(order));
        }
        if Guard::Stage.forbids(!order.stage.may_become(Stage::Refunded)) {
            return Err(Refusal::WrongStage { stage: order.stage });
        }
        if by_provider {
            return Ok(refunding(order, 1));
        }
        let (mut facts, done) = closed(order, Stage::Refunded, now_ms);
        if order.method == Some(Method::Points) {
            facts.push(Fact::Goods(GoodsFact::Points {
                from: Account::Takings,
                to: Account::Person(order.person.clone()),
                points: order.total_minor(),
                order: Some(order.id.clone()),
            }));
        }
        Ok((facts, done))
    }
}

fn is_current(order: &Order, payment: &Attempt) -> bool {
    let by_card = order.method == Some(Method::Card);
    by_card && order.attempt == payment.attempt && (payment.reference.is_none() || payment.reference == order.reference)
}

/// The payment's name is kept before money is asked for; not once the provider was doubted, nor under another name.
fn opened(order: &Order, heard: &Heard) -> (Vec<Fact>, Done) {
    let (payment, stage) = (&heard.payment, order.stage);
    let is_open = stage == Stage::Paying && !order.doubted && order.attempt == payment.attempt;
    let Some(reference) = payment.reference.as_ref().filter(|_| is_open) else {
        return (Vec::new(), Done::LetGo);
    };
    match &order.reference {
        None => {
            let (id, reference) = (order.id.clone(), reference.clone());
            let after = Order {
                reference: Some(reference.clone()),
                ..order.clone()
            };
            told(OrderFact::Referenced { id, reference }, after)
        }
        Some(known) if known == reference => (Vec::new(), Done::Order(Box::new(order.clone()))),
        Some(_) => (Vec::new(), Done::LetGo),
    }
}

/// Late and repeated news changes nothing; money that moves by itself is followed or listed.
fn after_capture(order: &Order, heard: &Heard, now_ms: u64) -> (Vec<Fact>, Done) {
    match (order.stage, heard.news) {
        (Stage::Confirmed | Stage::Refunding, News::Refunded) => closed(order, Stage::Refunded, now_ms),
        (Stage::Refunding, News::RefundFailed) => {
            let after = Order {
                refund: order.refund.map(|asked| Refund { refused: true, ..asked }),
                ..order.clone()
            };
            told(OrderFact::RefundRefused { id: order.id.clone() }, after)
        }
        (Stage::Confirmed, News::Authorised) => (Vec::new(), Done::Order(Box::new(order.clone()))),
        (Stage::Confirmed, News::LetGo) | (Stage::Refunded, News::RefundFailed) => {
            (vec![odd(heard, now_ms)], Done::Noted)
        }
        _ => (Vec::new(), Done::Noted),
    }
}

fn refunding(order: &Order, tries: u32) -> (Vec<Fact>, Done) {
    let after = Order {
        stage: Stage::Refunding,
        refund: Some(Refund { tries, refused: false }),
        ..order.clone()
    };
    let id = order.id.clone();
    told(OrderFact::Refunding { id, tries }, after)
}

fn refunded_again(order: &Order) -> (Vec<Fact>, Done) {
    match order.refund {
        Some(Refund { tries, refused: true }) => refunding(order, tries.saturating_add(1)),
        _ => (Vec::new(), Done::Order(Box::new(order.clone()))),
    }
}

/// With the extension, where the hold has less left than a payment may take and none was used.
fn paying(order: &Order, method: Method, now_ms: u64) -> Order {
    let wanted_ms = now_ms.saturating_add(PAY_MS);
    let extends = !order.extended && order.until_ms < wanted_ms;
    Order {
        stage: Stage::Paying,
        method: Some(method),
        attempt: order.attempt.saturating_add(1),
        reference: None,
        until_ms: if extends { wanted_ms } else { order.until_ms },
        extended: order.extended || extends,
        ..order.clone()
    }
}

fn paid(order: &Order) -> Order {
    Order {
        stage: Stage::Paid,
        doubted: false,
        until_ms: 0,
        ..order.clone()
    }
}

fn confirmed(order: Order, now_ms: u64) -> Order {
    Order {
        stage: Stage::Confirmed,
        settled_at_ms: now_ms,
        ..order
    }
}

/// No provider is asked.
fn paid_at_once(mut facts: Vec<Fact>, order: Order, now_ms: u64) -> (Vec<Fact>, Done) {
    let id = order.id.clone();
    facts.push(Fact::Order(OrderFact::Paid { id: id.clone() }));
    facts.push(Fact::Order(OrderFact::Confirmed { id, at_ms: now_ms }));
    (facts, Done::Order(Box::new(confirmed(paid(&order), now_ms))))
}

/// The hold goes on while it lasts.
fn failed(order: &Order, now_ms: u64) -> (Vec<Fact>, Done) {
    if order.until_ms <= now_ms {
        return closed(order, Stage::Expired, now_ms);
    }
    let after = Order {
        stage: Stage::Held,
        ..order.clone()
    };
    told(OrderFact::PayFailed { id: order.id.clone() }, after)
}

fn odd(heard: &Heard, now_ms: u64) -> Fact {
    let what = match heard.news {
        News::Opened => "opened",
        News::Authorised => "authorised",
        News::Declined => "declined",
        News::LetGo => "let go",
        News::Captured => "captured",
        News::CaptureFailed => "not captured",
        News::Refunded => "refunded",
        News::RefundFailed => "not refunded",
    };
    Fact::Order(OrderFact::Odd {
        id: heard.payment.order.clone(),
        attempt: heard.payment.attempt,
        what: what.to_owned(),
        at_ms: now_ms,
    })
}
