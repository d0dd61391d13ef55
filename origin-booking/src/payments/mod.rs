//! The port to whoever moves the money. A provider is told to set an amount aside, to take it, or to let it go; it may
//! be slow, silent, and say things twice. What follows from what it says is decided by the order processor.

mod simulated;
mod till;

use async_trait::async_trait;

pub use simulated::Simulated;
pub(crate) use till::{Settled, Till};

use crate::shop::command::News;
use crate::shop::ids::OrderId;
use crate::shop::order::Order;

/// One attempt to pay one order: what a provider knows a payment by, and its idempotency key towards us.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Payment {
    pub order: OrderId,
    pub attempt: u32,
}

impl Payment {
    pub(crate) fn of(order: &Order) -> Payment {
        Payment {
            order: order.id.clone(),
            attempt: order.attempt,
        }
    }
}

/// What is to be set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    pub payment: Payment,
    /// In the currency's smallest unit.
    pub amount_minor: u64,
    pub currency: String,
    /// What the visitor pays with, in the provider's own words.
    pub instrument: String,
}

/// `None` everywhere: no answer; nobody knows what happened. Each call may be made again with the same payment.
#[async_trait]
pub trait Provider: Send + Sync {
    /// [`News::Authorised`] or [`News::Declined`].
    async fn authorise(&self, charge: &Charge) -> Option<News>;
    /// [`News::Captured`] or [`News::CaptureFailed`].
    async fn capture(&self, payment: &Payment) -> Option<News>;
    /// What became of it: authorised, declined, captured; [`News::LetGo`] where there is nothing.
    async fn look(&self, payment: &Payment) -> Option<News>;
    /// [`News::LetGo`]: nothing is set aside, and never will be. [`News::Captured`]: too late.
    async fn cancel(&self, payment: &Payment) -> Option<News>;
}
