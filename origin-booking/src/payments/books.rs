//! A payment as the provider has it in its books, and whether that is what the order says. Pure.

use serde::Serialize;

use super::{Payment, Reference};
use crate::shop::ids::OrderId;
use crate::shop::order::{Order, Stage};

/// One payment in the provider's books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `None`: not one of ours.
    pub payment: Option<Payment>,
    pub reference: Reference,
    pub currency: String,
    /// In the currency's smallest unit: set aside and not taken.
    pub set_aside_minor: u64,
    /// Also what was given back since.
    pub taken_minor: u64,
    pub given_back_minor: u64,
}

/// Some entries, and where the next ones begin.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Page {
    pub entries: Vec<Entry>,
    pub next: Option<String>,
}

/// When payments were made, in seconds since the Unix epoch; both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    pub from_s: u64,
    pub until_s: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrong {
    /// Taken, and no order is paid with it.
    MoneyWithoutOrder,
    OrderWithoutMoney,
    WrongAmount,
    WrongCurrency,
    /// Given back there, at least in part; here it is paid.
    RefundedThere,
    /// Given back here; there it is not.
    NotRefundedThere,
    /// Set aside for nothing: let go now.
    HeldForNobody,
}

/// One difference between the orders and the provider's books.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    pub what: Wrong,
    pub order: Option<OrderId>,
    pub reference: Option<Reference>,
    /// What the order is worth, where there is one.
    pub here_minor: u64,
    /// Taken and not given back; or set aside.
    pub there_minor: u64,
}

/// Whether the order is paid as the books say. `order`: that of this payment, if it is remembered; `currency`: its event's.
#[must_use]
pub fn differs(entry: &Entry, order: Option<&Order>, currency: Option<&str>) -> Option<Difference> {
    let payment = entry.payment.as_ref()?;
    let is_of = |order: &&Order| order.attempt == payment.attempt && order.reference.as_ref() == Some(&entry.reference);
    let order = order.filter(is_of);
    let kept_minor = entry.taken_minor.saturating_sub(entry.given_back_minor);
    let total_minor = order.map_or(0, Order::total_minor);
    let what = match order.map(|order| order.stage) {
        // Under way: what is open is looked after elsewhere.
        Some(Stage::Paying | Stage::Paid | Stage::Refunding) => return None,
        Some(Stage::Confirmed) => when_paid(entry, total_minor, currency)?,
        Some(Stage::Refunded) if kept_minor > 0 => Wrong::NotRefundedThere,
        _ if entry.set_aside_minor > 0 => Wrong::HeldForNobody,
        _ if kept_minor > 0 => Wrong::MoneyWithoutOrder,
        _ => return None,
    };
    Some(Difference {
        what,
        order: Some(payment.order.clone()),
        reference: Some(entry.reference.clone()),
        here_minor: total_minor,
        there_minor: kept_minor.max(entry.set_aside_minor),
    })
}

fn when_paid(entry: &Entry, total_minor: u64, currency: Option<&str>) -> Option<Wrong> {
    if entry.taken_minor == 0 {
        return Some(Wrong::OrderWithoutMoney);
    }
    if currency.is_some_and(|known| !known.eq_ignore_ascii_case(&entry.currency)) {
        return Some(Wrong::WrongCurrency);
    }
    if entry.taken_minor != total_minor {
        return Some(Wrong::WrongAmount);
    }
    (entry.given_back_minor > 0).then_some(Wrong::RefundedThere)
}
