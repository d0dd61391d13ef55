//! Between the provider and the order processor: carries what one says to the other, in the order authorise → the places
//! are sold → capture, and lets go of whatever no order wants. What was interrupted is taken up again here.

use std::sync::Arc;
use std::time::Duration;

use super::{Charge, Payment, Provider};
use crate::shop::Done;
use crate::shop::command::{Ask, Heard, News};
use crate::shop::ids::OrderId;
use crate::shop::order::Order;
use crate::writer::Writer;

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(7);
/// How often interrupted payments are looked for, and most of each kind in one go.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MAX_AT_ONCE: usize = 64;

/// How a payment ended, as far as it is known now.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Settled {
    /// The order as it is: confirmed, held again after a refusal, or closed.
    Order(Box<Order>),
    /// Nobody knows yet; the order says later.
    NotKnown,
}

#[derive(Clone)]
pub(crate) struct Till {
    provider: Arc<dyn Provider>,
    writer: Writer,
}

impl Till {
    pub(crate) fn new(provider: Arc<dyn Provider>, writer: Writer) -> Till {
        Till { provider, writer }
    }

    /// Sets the money aside, and takes it if the places are sold. Goes on when the visitor has hung up.
    pub(crate) async fn settle(&self, order: &Order, currency: String, instrument: String) -> Settled {
        let charge = Charge {
            payment: Payment::of(order),
            amount_minor: order.total_minor(),
            currency,
            instrument,
        };
        let till = self.clone();
        let settling = tokio::spawn(async move {
            let said = tokio::time::timeout(PATIENCE, till.provider.authorise(&charge)).await;
            match said.ok().flatten() {
                Some(news) => till.carry(charge.payment, news).await,
                None => Settled::NotKnown,
            }
        });
        settling.await.unwrap_or(Settled::NotKnown)
    }

    /// Tells the order processor, and does what it asks for.
    async fn carry(&self, payment: Payment, news: News) -> Settled {
        match self.tell(&payment, news).await {
            Some(Done::Capture(_)) => self.capture(payment).await,
            Some(Done::LetGo) => {
                self.let_go(payment).await;
                Settled::NotKnown
            }
            Some(Done::Order(order)) => Settled::Order(order),
            _ => Settled::NotKnown,
        }
    }

    async fn capture(&self, payment: Payment) -> Settled {
        let said = tokio::time::timeout(PATIENCE, self.provider.capture(&payment)).await;
        let Some(news) = said.ok().flatten() else {
            return Settled::NotKnown;
        };
        match self.tell(&payment, news).await {
            Some(Done::Order(order)) => Settled::Order(order),
            _ => Settled::NotKnown,
        }
    }

    /// No order wants it. What is not answered now stays on the list and is asked again.
    async fn let_go(&self, payment: Payment) {
        let said = tokio::time::timeout(PATIENCE, self.provider.cancel(&payment)).await;
        match said.ok().flatten() {
            Some(news) => {
                self.tell(&payment, news).await;
            }
            None => tracing::warn!(?payment, "the provider did not say that it let the money go"),
        }
    }

    async fn tell(&self, payment: &Payment, news: News) -> Option<Done> {
        let heard = Heard {
            order: payment.order.clone(),
            attempt: payment.attempt,
            news,
        };
        let applied = self.writer.submit(Ask::Payment(heard)).await;
        applied.ok()?.reply.ok()
    }

    /// Takes up what was interrupted, for as long as the service runs.
    pub(crate) async fn attend(self) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            if self.writer.is_leading() {
                self.take_up().await;
            }
        }
    }

    /// Orders whose time ended while a payment was under way, orders whose money was never taken, money without an order.
    pub(crate) async fn take_up(&self) {
        let (doubted, uncaptured, unwanted) = self.writer.look(|sale| {
            let doubted: Vec<_> = sale.doubted().take(MAX_AT_ONCE).map(Payment::of).collect();
            let uncaptured: Vec<_> = sale.uncaptured().take(MAX_AT_ONCE).map(Payment::of).collect();
            let payment = |(order, attempt): &(OrderId, u32)| Payment {
                order: order.clone(),
                attempt: *attempt,
            };
            let unwanted: Vec<_> = sale.unwanted().take(MAX_AT_ONCE).map(payment).collect();
            (doubted, uncaptured, unwanted)
        });
        let mut under_way = tokio::task::JoinSet::new();
        for payment in doubted {
            let till = self.clone();
            under_way.spawn(async move { till.resolve(payment).await });
        }
        for payment in uncaptured {
            let till = self.clone();
            under_way.spawn(async move {
                till.capture(payment).await;
            });
        }
        for payment in unwanted {
            let till = self.clone();
            under_way.spawn(async move { till.let_go(payment).await });
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Asks the provider before anything is freed.
    async fn resolve(&self, payment: Payment) {
        let look = tokio::time::timeout(PATIENCE, self.provider.look(&payment)).await;
        let news = match look.ok().flatten() {
            Some(News::Authorised | News::Captured) => Some(News::Authorised),
            // Only once it is certain that nothing will come of it.
            Some(_) => {
                let cancel = tokio::time::timeout(PATIENCE, self.provider.cancel(&payment)).await;
                cancel.ok().flatten().filter(|said| *said == News::LetGo)
            }
            None => None,
        };
        match news {
            Some(news) => {
                self.carry(payment, news).await;
            }
            None => tracing::warn!(?payment, "the provider does not say; the places stay held"),
        }
    }
}
