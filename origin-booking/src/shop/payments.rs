//! Paying: authorise → the places are sold → the money is taken. News of a provider may come late, twice, or in another
//! order; each ends where money and places agree, or on the list of what nobody can explain.

use super::command::{Heard, News};
use super::fact::{Fact, GoodsFact, OrderFact};
use super::guard::Guard;
use super::holds::{closed, told};
use super::ids::{OrderId, PersonId};
use super::order::{Method, Order, PAY_MS, Stage};
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
        let Some(order) = self.orders.get(heard.order.as_str()) else {
            return Ok(self.unknown(heard, now_ms));
        };
        let is_current = order.attempt == heard.attempt;
        let is_paying = is_current && order.stage == Stage::Paying;
        let is_paid = is_current && order.stage == Stage::Paid;
        let was_paid = is_current && order.stage == Stage::Confirmed;
        match heard.news {
            News::Authorised if is_paying => {
                let fact = Fact::Order(OrderFact::Paid { id: order.id.clone() });
                Ok((vec![fact], Done::Capture(Box::new(paid(order)))))
            }
            // Heard twice: the first time something came of it.
            News::Authorised if is_paid => Ok((Vec::new(), Done::Capture(Box::new(order.clone())))),
            News::Authorised if was_paid => Ok((Vec::new(), Done::Order(Box::new(order.clone())))),
            News::Authorised => Ok((self.unwanted_once(heard), Done::LetGo)),
            News::Declined | News::LetGo if is_paying => Ok(failed(order, now_ms)),
            News::Captured if is_paid => {
                let fact = OrderFact::Confirmed {
                    id: order.id.clone(),
                    at_ms: now_ms,
                };
                Ok(told(fact, confirmed(order.clone(), now_ms)))
            }
            News::CaptureFailed if is_paid => Ok(closed(order, Stage::Cancelled, now_ms)),
            News::Refunded if was_paid => Ok(closed(order, Stage::Refunded, now_ms)),
            News::Captured if !was_paid => Ok((vec![odd(heard, "captured", now_ms)], Done::Noted)),
            News::LetGo if is_paid || was_paid => Ok((vec![odd(heard, "let go", now_ms)], Done::Noted)),
            _ => Ok((Vec::new(), Done::Noted)),
        }
    }

    /// Of an order that is forgotten or never was.
    fn unknown(&self, heard: &Heard, now_ms: u64) -> (Vec<Fact>, Done) {
        match heard.news {
            News::Authorised => (self.unwanted_once(heard), Done::LetGo),
            News::Captured => (vec![odd(heard, "captured", now_ms)], Done::Noted),
            _ => (Vec::new(), Done::Noted),
        }
    }

    /// On the list of what is to be let go, where it is not on it. A list that is full is told to nobody but the log;
    /// whoever asks now lets it go all the same.
    fn unwanted_once(&self, heard: &Heard) -> Vec<Fact> {
        let payment = (heard.order.clone(), heard.attempt);
        if self.unwanted.contains(&payment) || self.unwanted.len() >= MAX_ODD {
            return Vec::new();
        }
        let (id, attempt) = payment;
        vec![Fact::Order(OrderFact::Unwanted { id, attempt })]
    }

    /// What was to be let go is, or was taken after all.
    fn let_gone(&self, heard: &Heard, now_ms: u64) -> Option<(Vec<Fact>, Done)> {
        let (id, attempt) = (heard.order.clone(), heard.attempt);
        if !self.unwanted.contains(&(id.clone(), attempt)) {
            return None;
        }
        let over = Fact::Order(OrderFact::LetGone { id, attempt });
        match heard.news {
            News::LetGo => Some((vec![over], Done::Noted)),
            News::Captured => Some((vec![over, odd(heard, "captured", now_ms)], Done::Noted)),
            _ => None,
        }
    }

    /// Of an order that was not paid through the provider.
    pub(super) fn refund(&self, id: &OrderId, now_ms: u64) -> Decision {
        let order = self.orders.get(id.as_str()).ok_or(Refusal::UnknownOrder)?;
        let by_provider = order.method == Some(Method::Card);
        if by_provider || Guard::Stage.forbids(!order.stage.may_become(Stage::Refunded)) {
            return Err(Refusal::WrongStage { stage: order.stage });
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

/// With the extension, where the hold has less left than a payment may take and none was used.
fn paying(order: &Order, method: Method, now_ms: u64) -> Order {
    let wanted_ms = now_ms.saturating_add(PAY_MS);
    let extends = !order.extended && order.until_ms < wanted_ms;
    Order {
        stage: Stage::Paying,
        method: Some(method),
        attempt: order.attempt.saturating_add(1),
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

fn odd(heard: &Heard, what: &str, now_ms: u64) -> Fact {
    Fact::Order(OrderFact::Odd {
        id: heard.order.clone(),
        attempt: heard.attempt,
        what: what.to_owned(),
        at_ms: now_ms,
    })
}
