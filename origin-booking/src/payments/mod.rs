//! The port to whoever moves the money. A provider is told to set an amount aside, to take it, to let it go, or to give it
//! back; it may be slow, silent, and say things twice. What follows from what it says is decided by the order processor.

mod auditor;
pub mod books;
mod pace;
mod simulated;
pub mod stripe;
mod till;

use std::sync::Arc;

use async_trait::async_trait;

pub(crate) use auditor::{Auditor, MAX_DAYS, USUAL_DAYS};
pub use simulated::Simulated;
pub(crate) use till::{Settled, Till};

use crate::shop::command::{Heard, News};
/// One attempt to pay one order: what a provider knows a payment by, and its idempotency key towards us.
pub use crate::shop::order::Attempt as Payment;
pub use crate::shop::order::Reference;

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

/// How a payment begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opened {
    /// The provider knows it by order and attempt.
    Plain,
    /// By a name of its own, which is kept before anything else is asked.
    Named(Reference),
    /// It cannot be paid like this.
    Refused,
}

/// What is said to a charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// [`News::Authorised`] or [`News::Declined`].
    News(News),
    /// The visitor must go to this address first; the news comes by itself.
    Elsewhere(String),
}

impl From<News> for Said {
    fn from(news: News) -> Said {
        Said::News(news)
    }
}

/// What a provider tells by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The same whenever it is told.
    pub id: Arc<str>,
    pub heard: Heard,
}

/// Why a webhook's request is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadWebhook {
    /// This provider sends none, or no secret for them is known.
    NotTaken,
    /// In words.
    Signature(&'static str),
    Body,
}

/// `None` everywhere: no answer; nobody knows what happened. Each call may be made again with the same payment.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Whether the pages can offer its cards as they are: those of the simulated one. Others take them through the API.
    fn has_sample_cards(&self) -> bool {
        false
    }
    /// Before a charge. Moves no money.
    async fn open(&self, _: &Charge) -> Option<Opened> {
        Some(Opened::Plain)
    }
    async fn authorise(&self, charge: &Charge) -> Option<Said>;
    /// [`News::Captured`], or [`News::CaptureFailed`]: not now and never; what is set aside is let go next.
    async fn capture(&self, payment: &Payment) -> Option<News>;
    /// What became of it: authorised, declined, captured; [`News::LetGo`] where there is nothing.
    async fn look(&self, payment: &Payment) -> Option<News>;
    /// [`News::LetGo`]: nothing is set aside, and never will be. [`News::Captured`]: too late.
    async fn cancel(&self, payment: &Payment) -> Option<News>;
    /// Gives back all that was taken. [`News::Refunded`] or [`News::RefundFailed`]; each try is a new one.
    async fn refund(&self, _: &Payment, _tries: u32) -> Option<News> {
        Some(News::RefundFailed)
    }
    /// Its books of this window, a page at a time. A provider without books is not compared.
    async fn list(&self, _: books::Window, _after: Option<&str>) -> Option<books::Page> {
        None
    }
    /// One payment in its books; `Some(None)`: there is none of this name.
    async fn entry(&self, _reference: &str) -> Option<Option<books::Entry>> {
        None
    }
    /// What a webhook's request tells. `Ok(None)`: nothing, or of somebody else's payment.
    fn webhook(&self, _signature: &str, _body: &[u8], _now_s: u64) -> Result<Option<Event>, BadWebhook> {
        Err(BadWebhook::NotTaken)
    }
    /// The next thing that it tells without being asked, where that comes this way.
    async fn tells(&self) -> Event {
        std::future::pending().await
    }
}
