//! The plain model: believes only what was answered, counts on its fingers, and complains.

use std::collections::{BTreeMap, BTreeSet};

use crate::shop::command::{Ask, Command};
use crate::shop::fact::{Fact, OrderFact};
use crate::shop::order::{HOLD_MS, Method, Order, PAY_MS, Stage};
use crate::shop::refusal::Refusal;
use crate::shop::{Applied, Done, Reply, Sale};

use super::trace::{ADMISSION, CAP, CODE_USES, COUPONS};

/// What may follow what, written down once more.
const LIFE: &[(Stage, Stage)] = &[
    (Stage::Created, Stage::Held),
    (Stage::Created, Stage::Cancelled),
    (Stage::Held, Stage::Paying),
    (Stage::Held, Stage::Cancelled),
    (Stage::Held, Stage::Expired),
    (Stage::Paying, Stage::Held),
    (Stage::Paying, Stage::Paid),
    (Stage::Paying, Stage::Expired),
    (Stage::Paid, Stage::Confirmed),
    (Stage::Paid, Stage::Cancelled),
    (Stage::Confirmed, Stage::Refunding),
    (Stage::Confirmed, Stage::Refunded),
    (Stage::Refunding, Stage::Refunded),
    // Taken before it was heard that it was set aside.
    (Stage::Paying, Stage::Confirmed),
    // Points and nothing owed: three steps in one answer.
    (Stage::Held, Stage::Confirmed),
];

#[derive(Default)]
pub struct Model {
    orders: BTreeMap<String, Order>,
    points: BTreeMap<String, i64>,
    coupons: BTreeSet<String>,
    coupon_numbers: BTreeSet<u32>,
    voters: BTreeSet<String>,
    keys: BTreeMap<(String, String), (String, Reply)>,
}

impl Model {
    /// Takes note of an answer; `Err` where it breaks a promise.
    pub fn hear(&mut self, command: &Command, applied: &Applied, now_ms: u64) -> Result<(), String> {
        self.let_time_pass(now_ms);
        // Nobody is answered who is offered places.
        for fact in &applied.facts {
            if let Fact::Order(OrderFact::Offered { id, places, until_ms }) = fact {
                let mut order = self.orders.get(id.as_str()).ok_or("an offer to nobody")?.clone();
                (order.stage, order.places, order.until_ms) = (Stage::Held, places.clone(), *until_ms);
                self.note(order)?;
            }
        }
        if self.heard_before(command, applied)? {
            return Ok(());
        }
        match &applied.reply {
            Err(_) => {}
            Ok(done) => self.done(&command.ask, done, now_ms)?,
        }
        Ok(())
    }

    fn let_time_pass(&mut self, now_ms: u64) {
        for order in self.orders.values_mut() {
            if order.stage == Stage::Held && order.until_ms <= now_ms {
                order.stage = Stage::Expired;
            }
        }
    }

    fn heard_before(&mut self, command: &Command, applied: &Applied) -> Result<bool, String> {
        let Some(key) = &command.key else { return Ok(false) };
        let name = (key.person.to_string(), key.key.to_string());
        let passing = applied.reply.as_ref().is_err_and(|refusal| refusal.is_passing());
        match self.keys.get(&name) {
            Some((fingerprint, reply)) if **fingerprint == *key.fingerprint => {
                if *reply != applied.reply || !applied.replayed {
                    return Err(format!("{name:?} was answered {reply:?}, and now {:?}", applied.reply));
                }
                Ok(true)
            }
            Some(_) if applied.reply == Err(Refusal::KeyReused) => Ok(true),
            Some(_) => Err(format!("{name:?} was used for something else")),
            None if passing => Ok(true),
            None => {
                let kept = (key.fingerprint.to_string(), applied.reply.clone());
                self.keys.insert(name, kept);
                Ok(false)
            }
        }
    }

    fn done(&mut self, ask: &Ask, done: &Done, now_ms: u64) -> Result<(), String> {
        match (ask, done) {
            (Ask::Release { person, .. } | Ask::Pay { person, .. }, Done::Order(order) | Done::Charge(order))
                if order.person != *person =>
            {
                return Err(format!("{person} was let into the order of {}", order.person));
            }
            (Ask::CheckOut(check_out), Done::Order(order)) if order.person != check_out.person => {
                return Err(format!(
                    "{} was let into the order of {}",
                    check_out.person, order.person
                ));
            }
            (
                Ask::Pay {
                    method: Method::Points, ..
                },
                Done::Order(order),
            ) => {
                *self.points.entry(order.person.to_string()).or_default() -= order.total_minor() as i64;
            }
            (Ask::Refund { .. }, Done::Order(order)) if order.method == Some(Method::Points) => {
                *self.points.entry(order.person.to_string()).or_default() += order.total_minor() as i64;
            }
            (Ask::Grant { person, points }, _) => *self.points.entry(person.to_string()).or_default() += *points as i64,
            (Ask::Coupon(take), Done::Coupon { number, .. })
                if !self.coupons.insert(take.person.to_string()) || !self.coupon_numbers.insert(*number) =>
            {
                return Err(format!("coupon {number}: a second one"));
            }
            (Ask::Vote { person, .. }, _) if !self.voters.insert(person.to_string()) => {
                return Err(format!("{person} voted twice"));
            }
            _ => {}
        }
        match done {
            Done::Order(order) | Done::Charge(order) | Done::Capture(order) => {
                let longest_ms = HOLD_MS + PAY_MS;
                if order.until_ms > now_ms + HOLD_MS
                    || (order.want.is_none() && order.until_ms > order.created_at_ms + longest_ms)
                {
                    return Err(format!("{} is held for too long", order.id));
                }
                self.note(order.as_ref().clone())
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, order: Order) -> Result<(), String> {
        let id = order.id.to_string();
        if let Some(before) = self.orders.get(&id) {
            let step = (before.stage, order.stage);
            if before.stage != order.stage && !LIFE.contains(&step) {
                return Err(format!("{id}: {step:?}"));
            }
            if before.stage == order.stage && order.stage.is_closed() {
                return Err(format!("{id}: closed twice"));
            }
        }
        self.orders.insert(id, order);
        Ok(())
    }

    /// The promises, after every step.
    pub fn check(&self, sale: &Sale) -> Result<(), String> {
        for (event, stock) in [("a", ADMISSION), ("h", 18)] {
            let of = |stages: &[Stage]| -> u32 {
                let live = self.orders.values().filter(|order| order.event.as_str() == event);
                live.filter(|order| stages.contains(&order.stage))
                    .map(|order| order.places.count)
                    .sum()
            };
            let (held, sold) = (of(&[Stage::Held, Stage::Paying]), of(&[Stage::Paid, Stage::Confirmed]));
            let offer = sale.offer(event).ok_or("no offer")?;
            if held + sold > stock || (held, sold) != (offer.held(), offer.sold()) {
                return Err(format!(
                    "{event}: {held} held and {sold} sold of {stock}; the sale says {} and {}",
                    offer.held(),
                    offer.sold()
                ));
            }
        }
        self.seats_are_had_once(sale)?;
        self.caps_hold()?;
        self.goods_hold(sale)
    }

    fn live(&self) -> impl Iterator<Item = &Order> {
        let live = [Stage::Held, Stage::Paying, Stage::Paid, Stage::Confirmed];
        self.orders.values().filter(move |order| live.contains(&order.stage))
    }

    fn seats_are_had_once(&self, sale: &Sale) -> Result<(), String> {
        let offer = sale.offer("h").ok_or("no hall")?;
        let mut taken = BTreeSet::new();
        for order in self.live().filter(|order| order.event.as_str() == "h") {
            if order.places.seats.len() != order.places.count as usize {
                return Err(format!("{} has not as many seats as it has places", order.id));
            }
            for seat in &order.places.seats {
                if !taken.insert(*seat) || offer.is_free(*seat) {
                    return Err(format!("seat {seat} twice, or free"));
                }
            }
        }
        let free = (0..18).filter(|seat| offer.is_free(*seat)).count();
        if free + taken.len() != 18 {
            return Err(format!("{free} free, {} taken", taken.len()));
        }
        Ok(())
    }

    fn caps_hold(&self) -> Result<(), String> {
        let mut had: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for order in self.live() {
            *had.entry((order.person.as_str(), order.event.as_str())).or_default() += order.places.count;
        }
        match had.iter().find(|(_, count)| **count > CAP) {
            Some((who, count)) => Err(format!("{who:?} has {count}")),
            None => Ok(()),
        }
    }

    fn goods_hold(&self, sale: &Sale) -> Result<(), String> {
        let points = sale.points();
        if points.sum() != 0 || points.lowest() < 0 {
            return Err(format!(
                "points: {} in all, {} at the least",
                points.sum(),
                points.lowest()
            ));
        }
        for (person, balance) in &self.points {
            if i64::try_from(points.balance(person)) != Ok(*balance) {
                return Err(format!("{person} has {balance} points, and {}", points.balance(person)));
            }
        }
        if self.coupons.len() > COUPONS as usize || sale.coupons().issued("c") as usize != self.coupons.len() {
            return Err(format!("{} coupons", self.coupons.len()));
        }
        let votes: u32 = sale.polls().result("p").ok_or("no poll")?.1.iter().sum();
        if votes as usize != self.voters.len() {
            return Err(format!("{votes} votes of {} voters", self.voters.len()));
        }
        let with_code: Vec<_> = self.live().filter(|order| order.code.is_some()).collect();
        let people: BTreeSet<_> = with_code.iter().map(|order| &order.person).collect();
        if with_code.len() > CODE_USES as usize
            || people.len() != with_code.len()
            || sale.codes().used("TEN") != people.len()
        {
            return Err(format!(
                "the code is on {} orders of {} people",
                with_code.len(),
                people.len()
            ));
        }
        Ok(())
    }
}
