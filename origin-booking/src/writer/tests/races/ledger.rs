//! What the facts of a journal add up to, counted by somebody who knows nothing of the shop's own state: after every
//! single fact nothing may be taken twice, and nothing beyond what there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::journal::Database;
use crate::shop::Sale;
use crate::shop::fact::{Fact, GoodsFact, OrderFact};
use crate::shop::hall::SeatIndex;
use crate::shop::points::Account;
use crate::shop::stock::{Offer, Places};

type Told = Result<(), String>;

#[derive(Default)]
pub struct Ledger {
    seq: i64,
    facts: u64,
    /// Event → places, and how many of them are taken.
    stock: HashMap<String, (u32, u32)>,
    seats: HashMap<(String, SeatIndex), String>,
    orders: HashMap<String, Entry>,
    /// Campaign → coupons, and person → number.
    coupons: HashMap<String, (u32, HashMap<String, u32>)>,
    votes: BTreeSet<(String, String)>,
    points: BTreeMap<Account, i64>,
    /// Code → uses, and the orders that it is on.
    codes: HashMap<String, (u32, BTreeSet<String>)>,
    keys: BTreeSet<(String, String)>,
}

struct Entry {
    event: String,
    /// What it was given; told of it stays true when it gives them back.
    places: Option<Places>,
    vacated: bool,
    paid: bool,
    closed: bool,
}

fn ensure(good: bool, why: impl FnOnce() -> String) -> Told {
    if good { Ok(()) } else { Err(why()) }
}

impl Ledger {
    /// Takes in whatever the journal kept since the last time.
    pub fn read(&mut self, database: &Database) -> Told {
        let mut journal = database.open().map_err(|error| error.to_string())?;
        loop {
            let kept = journal.read(self.seq).map_err(|error| error.to_string())?;
            if kept.is_empty() {
                return Ok(());
            }
            for kept in kept {
                ensure(kept.seq == self.seq + 1, || {
                    format!("{} follows {}", kept.seq, self.seq)
                })?;
                self.seq = kept.seq;
                self.facts += 1;
                self.take_in(&kept.fact)
                    .map_err(|why| format!("{why}, at fact {}", kept.seq))?;
            }
        }
    }

    fn take_in(&mut self, fact: &Fact) -> Told {
        match fact {
            Fact::Listed(event) => {
                let capacity = Offer::new(event.as_ref().clone()).capacity();
                self.stock.insert(event.id.to_string(), (capacity, 0));
                Ok(())
            }
            Fact::Order(fact) => self.order(fact),
            Fact::Goods(fact) => self.goods(fact),
            Fact::Answered(answered) => {
                let key = (answered.person.to_string(), answered.key.to_string());
                ensure(self.keys.insert(key), || "a key is answered twice".to_owned())
            }
            Fact::Post(_) | Fact::Door(_) | Fact::Received { .. } => Ok(()),
        }
    }

    fn order(&mut self, fact: &OrderFact) -> Told {
        let id = fact.id().to_string();
        if let OrderFact::Opened(order) = fact {
            let entry = Entry {
                event: order.event.to_string(),
                places: None,
                vacated: false,
                paid: order.settled_at_ms > 0,
                closed: false,
            };
            ensure(self.orders.insert(id.clone(), entry).is_none(), || {
                format!("{id} is opened twice")
            })?;
            let waits = order.want.is_some();
            return if waits { Ok(()) } else { self.occupy(&id, &order.places) };
        }
        let entry = self
            .orders
            .get_mut(&id)
            .ok_or_else(|| format!("{id} was never opened"))?;
        ensure(!entry.closed, || format!("{id} goes on after its end"))?;
        match fact {
            OrderFact::Offered { places, .. } => self.occupy(&id, places),
            OrderFact::CheckedOut { code, .. } => self.use_code(&id, code.as_ref().map(|code| code.as_str())),
            OrderFact::Paid { .. } => {
                entry.paid = true;
                let has_places = entry.places.is_some() && !entry.vacated;
                ensure(has_places, || format!("{id} is paid and has no places"))
            }
            OrderFact::Refunding { .. } => {
                self.vacate(&id);
                self.use_code(&id, None)
            }
            OrderFact::Closed { .. } => {
                entry.closed = true;
                self.vacate(&id);
                self.use_code(&id, None)
            }
            _ => Ok(()),
        }
    }

    fn occupy(&mut self, id: &str, places: &Places) -> Told {
        let entry = self.orders.get_mut(id).ok_or("no such order")?;
        ensure(entry.places.is_none(), || format!("{id} has places already"))?;
        entry.places = Some(places.clone());
        for seat in &places.seats {
            if let Some(other) = self.seats.insert((entry.event.clone(), *seat), id.to_owned()) {
                return Err(format!("a seat twice: {other} and {id}"));
            }
        }
        let (capacity, taken) = self.stock.get_mut(&entry.event).ok_or("no such event")?;
        *taken += places.count;
        ensure(taken <= capacity, || format!("too many places: {taken} of {capacity}"))
    }

    fn vacate(&mut self, id: &str) {
        let Some(entry) = self.orders.get_mut(id) else { return };
        // Once: a refund frees them before the order is closed.
        if std::mem::replace(&mut entry.vacated, true) {
            return;
        }
        let Some(places) = &entry.places else { return };
        for seat in &places.seats {
            self.seats.remove(&(entry.event.clone(), *seat));
        }
        if let Some((_, taken)) = self.stock.get_mut(&entry.event) {
            *taken -= places.count;
        }
    }

    fn use_code(&mut self, id: &str, code: Option<&str>) -> Told {
        for (_, orders) in self.codes.values_mut() {
            orders.remove(id);
        }
        let Some(code) = code else { return Ok(()) };
        let (uses, orders) = self.codes.get_mut(code).ok_or("no such code")?;
        orders.insert(id.to_owned());
        ensure(orders.len() <= *uses as usize, || {
            format!("a code too often: {} of {uses}", orders.len())
        })
    }

    fn goods(&mut self, fact: &GoodsFact) -> Told {
        match fact {
            GoodsFact::Campaign(campaign) => {
                let nobody = (campaign.coupons, HashMap::new());
                self.coupons.insert(campaign.id.to_string(), nobody);
            }
            GoodsFact::Coupon {
                campaign,
                person,
                number,
                ..
            } => {
                let (coupons, people) = self.coupons.get_mut(campaign.as_str()).ok_or("no such campaign")?;
                let is_new = people.insert(person.to_string(), *number).is_none();
                ensure(is_new, || format!("a coupon twice: {person}"))?;
                let most = (*coupons).min(u32::try_from(people.len()).unwrap_or(u32::MAX));
                ensure(*number == most, || format!("too many coupons: {number} of {coupons}"))?;
            }
            GoodsFact::Code(code) => {
                self.codes.insert(code.id.to_string(), (code.uses, BTreeSet::new()));
            }
            GoodsFact::Poll(_) => {}
            GoodsFact::Vote { poll, person, .. } => {
                let is_new = self.votes.insert((poll.to_string(), person.to_string()));
                ensure(is_new, || format!("a vote twice: {person}"))?;
            }
            GoodsFact::Points { from, to, points, .. } => {
                let points = i64::try_from(*points).map_err(|error| error.to_string())?;
                *self.points.entry(to.clone()).or_default() += points;
                let left = self.points.entry(from.clone()).or_default();
                *left -= points;
                let may_owe = *from == Account::House;
                ensure(may_owe || *left >= 0, || format!("points below nothing: {left}"))?;
            }
        }
        Ok(())
    }

    /// What somebody was told is what the journal says.
    pub fn hold_true(&self, line: &str) -> Told {
        let words: Vec<&str> = line.split(' ').collect();
        let entry = |id: &str| self.orders.get(id).ok_or_else(|| format!("{id} is lost"));
        match words.as_slice() {
            ["no"] => Ok(()),
            ["held", id, seats @ ..] => {
                let places = entry(id)?.places.as_ref().ok_or("it has no places")?;
                let kept: Vec<String> = places.seats.iter().map(u32::to_string).collect();
                ensure(kept == seats, || format!("other seats: {kept:?}"))
            }
            ["waits", id] => entry(id).map(|_| ()),
            ["paid", id] => ensure(entry(id)?.paid, || "it is not paid".to_owned()),
            ["over", id] => ensure(entry(id)?.closed, || "it is not closed".to_owned()),
            ["coupon", campaign, person, number] => {
                let kept = self.coupons.get(*campaign).and_then(|(_, people)| people.get(*person));
                ensure(kept.is_some_and(|kept| kept.to_string() == *number), || {
                    format!("the journal says {kept:?}")
                })
            }
            ["vote", poll, person] => {
                let vote = ((*poll).to_owned(), (*person).to_owned());
                ensure(self.votes.contains(&vote), || "the vote is lost".to_owned())
            }
            ["granted", person] => {
                let account = Account::Person((*person).into());
                ensure(self.points.contains_key(&account), || "the points are lost".to_owned())
            }
            ["code", id] => ensure(
                self.codes.values().any(|(_, orders)| orders.contains(*id)) || entry(id)?.closed,
                || "the code is lost".to_owned(),
            ),
            _ => Err("this must never be said".to_owned()),
        }
    }

    /// The shop itself, from the first fact and from its snapshot, comes to the same.
    pub fn compare(&self, database: &Database) -> Result<String, String> {
        let sale: Sale = super::super::support::check(database, &BTreeSet::new(), u32::MAX);
        for offer in sale.offers() {
            let taken = self.stock.get(offer.event().id.as_str()).map(|(_, taken)| *taken);
            ensure(taken == Some(offer.held() + offer.sold()), || {
                format!("{}: {taken:?}", offer.event().id)
            })?;
        }
        ensure(sale.points().sum() == 0 && sale.points().lowest() >= 0, || {
            "points do not add up".to_owned()
        })?;
        let coupons: usize = self.coupons.values().map(|(_, people)| people.len()).sum();
        Ok(format!(
            "{} facts, {} orders, {coupons} coupons, {} votes",
            self.facts,
            self.orders.len(),
            self.votes.len()
        ))
    }
}
