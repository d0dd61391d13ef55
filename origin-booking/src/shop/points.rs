//! Points: accounts that never go below zero, in double entry. What one account loses another gains, so all of them
//! together are always nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::{Fact, GoodsFact};
use super::guard::Guard;
use super::ids::{OrderId, PersonId};
use super::refusal::Refusal;
use super::{Decision, Done};

/// Most accounts.
pub const MAX_ACCOUNTS: usize = 1_000_000;
/// Most points of one grant; with as many accounts as there can be, sums stay inside 64 bits.
pub const MAX_GRANT: u64 = 1_000_000_000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Account {
    /// Where points come from: minus all that were granted.
    House,
    /// What was paid for orders.
    Takings,
    Person(PersonId),
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Points {
    house: i64,
    takings: i64,
    people: BTreeMap<PersonId, i64>,
}

impl Points {
    #[must_use]
    pub fn balance(&self, person: &str) -> u64 {
        self.people
            .get(person)
            .map_or(0, |points| u64::try_from(*points).unwrap_or(0))
    }

    /// Always nothing.
    #[must_use]
    pub fn sum(&self) -> i64 {
        self.house + self.takings + self.people.values().sum::<i64>()
    }

    #[must_use]
    pub fn lowest(&self) -> i64 {
        self.people.values().copied().min().unwrap_or(0)
    }

    pub(super) fn grant(&self, person: &PersonId, points: u64) -> Decision {
        if points == 0 || points > MAX_GRANT {
            return Err(Refusal::NothingAsked);
        }
        let is_new = !self.people.contains_key(person);
        if (is_new && self.people.len() >= MAX_ACCOUNTS) || self.balance(person.as_str()) > MAX_GRANT * 1_000 {
            return Err(Refusal::Crowded);
        }
        let fact = moved(Account::House, Account::Person(person.clone()), points, None);
        let points = self.balance(person.as_str()) + points;
        Ok((vec![fact], Done::Balance { points }))
    }

    pub(super) fn spend(&self, person: &PersonId, points: u64, order: &OrderId) -> Result<Fact, Refusal> {
        let balance = self.balance(person.as_str());
        if Guard::Points.forbids(points > balance) {
            return Err(Refusal::TooFewPoints { balance });
        }
        let from = Account::Person(person.clone());
        Ok(moved(from, Account::Takings, points, Some(order.clone())))
    }

    pub(super) fn transfer(&mut self, from: &Account, to: &Account, points: u64) {
        let points = i64::try_from(points).unwrap_or(i64::MAX);
        let balance = self.of(from);
        *balance = balance.saturating_sub(points);
        let balance = self.of(to);
        *balance = balance.saturating_add(points);
    }

    fn of(&mut self, account: &Account) -> &mut i64 {
        match account {
            Account::House => &mut self.house,
            Account::Takings => &mut self.takings,
            Account::Person(person) => self.people.entry(person.clone()).or_default(),
        }
    }
}

fn moved(from: Account, to: Account, points: u64, order: Option<OrderId>) -> Fact {
    Fact::Goods(GoodsFact::Points {
        from,
        to,
        points,
        order,
    })
}
