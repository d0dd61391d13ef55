//! Between the provider and the order processor: carries what one says to the other, in the order named → authorised → the
//! places are sold → captured, and lets go of whatever no order wants. What was interrupted is taken up again here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::pace::{Errand, Pace};
use super::{BadWebhook, Charge, Event, Opened, Payment, Provider, Said};
use crate::shop::command::{Ask, Heard, News};
use crate::shop::ids::OrderId;
use crate::shop::order::{Order, Refund, Stage};
use crate::shop::{Done, Sale};
use crate::writer::{NotDecided, Writer};

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(7);
/// How often interrupted payments are looked for, and most of them in one go.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MAX_AT_ONCE: usize = 64;
/// Most visitors at their banks whose way there is remembered.
const MAX_SENT: usize = 10_000;

/// How a payment ended, as far as it is known now.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Settled {
    /// The order as it is: confirmed, held again after a refusal, closed, or refunded.
    Order(Box<Order>),
    /// The visitor must go to this address first.
    Elsewhere(String),
    /// Nobody knows yet; the order says later.
    NotKnown,
}

#[derive(Clone)]
pub(crate) struct Till {
    provider: Arc<dyn Provider>,
    writer: Writer,
    pace: Arc<Mutex<Pace>>,
    /// Where visitors were sent, for those who come back without having been there.
    sent: Arc<Mutex<BTreeMap<OrderId, (u32, String)>>>,
}

impl Till {
    pub(crate) fn new(provider: Arc<dyn Provider>, writer: Writer) -> Till {
        Till {
            provider,
            writer,
            pace: Arc::default(),
            sent: Arc::default(),
        }
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
            let deadline = Instant::now() + PATIENCE;
            let charge = match till.open(charge, deadline).await {
                Ok(charge) => charge,
                Err(settled) => return settled,
            };
            let said = tokio::time::timeout_at(deadline, till.provider.authorise(&charge)).await;
            match said.ok().flatten() {
                Some(Said::News(news)) => till.carry(charge.payment, news).await,
                Some(Said::Elsewhere(address)) => till.send(charge.payment, address),
                None => Settled::NotKnown,
            }
        });
        settling.await.unwrap_or(Settled::NotKnown)
    }

    pub(crate) fn has_sample_cards(&self) -> bool {
        self.provider.has_sample_cards()
    }

    fn send(&self, payment: Payment, address: String) -> Settled {
        let mut sent = self.sent.lock();
        if sent.len() >= MAX_SENT {
            sent.pop_first();
        }
        sent.insert(payment.order, (payment.attempt, address.clone()));
        Settled::Elsewhere(address)
    }

    /// Where the visitor must go before this order is paid, as far as this process knows.
    pub(crate) fn sent_to(&self, order: &Order) -> Option<String> {
        let sent = self.sent.lock();
        let (attempt, address) = sent.get(&order.id)?;
        (order.stage == Stage::Paying && *attempt == order.attempt).then(|| address.clone())
    }

    /// The charge, with the provider's name of the payment on the disk: only then may money be asked for.
    async fn open(&self, mut charge: Charge, deadline: Instant) -> Result<Charge, Settled> {
        let opened = tokio::time::timeout_at(deadline, self.provider.open(&charge)).await;
        match opened.ok().flatten() {
            Some(Opened::Plain) => Ok(charge),
            Some(Opened::Named(reference)) => {
                charge.payment.reference = Some(reference);
                match self.tell(&charge.payment, News::Opened).await {
                    Some(Done::Order(_)) => Ok(charge),
                    _ => Err(Settled::NotKnown),
                }
            }
            Some(Opened::Refused) => Err(self.carry(charge.payment, News::Declined).await),
            None => Err(Settled::NotKnown),
        }
    }

    /// Somebody found out what became of a payment.
    pub(crate) async fn hear(&self, payment: Payment, news: News) {
        self.carry(payment, news).await;
    }

    /// Tells the order processor, and does what it asks for.
    async fn carry(&self, payment: Payment, news: News) -> Settled {
        let done = self.tell(&payment, news).await;
        self.follow(payment, done).await
    }

    async fn follow(&self, payment: Payment, done: Option<Done>) -> Settled {
        match done {
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
        let said = timeout(PATIENCE, self.provider.capture(&payment)).await;
        let Some(news) = said.ok().flatten() else {
            return Settled::NotKnown;
        };
        match self.tell(&payment, news).await {
            Some(Done::Order(order)) => {
                if news == News::CaptureFailed {
                    self.let_go(payment).await;
                }
                Settled::Order(order)
            }
            _ => Settled::NotKnown,
        }
    }

    /// No order wants it. What is not answered now stays on the list and is asked again.
    async fn let_go(&self, payment: Payment) {
        let said = timeout(PATIENCE, self.provider.cancel(&payment)).await;
        match said.ok().flatten() {
            Some(news) => {
                self.tell(&payment, news).await;
            }
            None => tracing::warn!(?payment, "the provider did not say that it let the money go"),
        }
    }

    /// Gives the money back of an order whose places are free already. Goes on when nobody waits for it.
    pub(crate) async fn refund(&self, order: &Order) -> Settled {
        let (till, payment, tries) = (self.clone(), Payment::of(order), tries(order));
        let refunding = tokio::spawn(async move { till.give_back(payment, tries).await });
        refunding.await.unwrap_or(Settled::NotKnown)
    }

    async fn give_back(&self, payment: Payment, tries: u32) -> Settled {
        let said = timeout(PATIENCE, self.provider.refund(&payment, tries)).await;
        match said.ok().flatten() {
            Some(news) => self.carry(payment, news).await,
            None => {
                tracing::warn!(?payment, "the provider did not say that it gave the money back");
                Settled::NotKnown
            }
        }
    }

    async fn tell(&self, payment: &Payment, news: News) -> Option<Done> {
        let payment = payment.clone();
        let applied = self.writer.submit(Ask::Payment(Heard { payment, news })).await;
        applied.ok()?.reply.ok()
    }

    /// What a webhook's request tells, where it is the provider's.
    pub(crate) fn webhook(&self, signature: &str, body: &[u8], now_s: u64) -> Result<Option<Event>, BadWebhook> {
        self.provider.webhook(signature, body, now_s)
    }

    /// Takes in what the provider told by itself. It is on the disk when this returns; what follows from it goes on.
    pub(crate) async fn take_in(&self, event: Event) -> Result<(), NotDecided> {
        let Event { id, heard } = event;
        let payment = heard.payment.clone();
        let applied = self.writer.submit(Ask::Event { id, heard }).await?;
        let (till, done) = (self.clone(), applied.reply.ok());
        tokio::spawn(async move { till.follow(payment, done).await });
        Ok(())
    }

    /// Takes up what was interrupted, and listens, for as long as the service runs.
    pub(crate) async fn attend(self) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = every.tick() => {
                    if self.writer.is_leading() {
                        self.take_up().await;
                    }
                }
                event = self.provider.tells() => {
                    if let Err(why) = self.take_in(event).await {
                        tracing::warn!(?why, "an event of the provider was not taken in");
                    }
                }
            }
        }
    }

    /// Orders whose time ended while a payment was under way, orders whose money was never taken, money without an order,
    /// money that was not given back, payments that nobody has heard of for a while.
    pub(crate) async fn take_up(&self) {
        let open = self.writer.look(open_errands);
        let due = self.pace.lock().due(open, MAX_AT_ONCE, Instant::now());
        let mut under_way = tokio::task::JoinSet::new();
        for (errand, payment) in due {
            let till = self.clone();
            under_way.spawn(async move { till.run(errand, payment).await });
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn run(&self, errand: Errand, payment: Payment) {
        match errand {
            Errand::Resolve => self.resolve(payment).await,
            Errand::Watch => self.watch(payment).await,
            Errand::LetGo => self.let_go(payment).await,
            Errand::Capture => {
                self.capture(payment).await;
            }
            Errand::Refund(tries) => {
                self.give_back(payment, tries).await;
            }
        }
    }

    /// Hears what was said while nobody listened. Nothing that is bad news is followed here: it may still become good.
    async fn watch(&self, payment: Payment) {
        let look = timeout(PATIENCE, self.provider.look(&payment)).await;
        if let Some(news @ (News::Authorised | News::Captured)) = look.ok().flatten() {
            self.carry(payment, news).await;
        }
    }

    /// Asks the provider before anything is freed.
    async fn resolve(&self, payment: Payment) {
        let look = timeout(PATIENCE, self.provider.look(&payment)).await;
        let news = match look.ok().flatten() {
            Some(News::Authorised | News::Captured) => Some(News::Authorised),
            // Only once it is certain that nothing will come of it.
            Some(_) => {
                let cancel = timeout(PATIENCE, self.provider.cancel(&payment)).await;
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

fn tries(order: &Order) -> u32 {
    order.refund.map_or(1, |refund| refund.tries)
}

/// What the provider is still to be asked for.
fn open_errands(sale: &Sale) -> Vec<(Errand, Payment)> {
    let waits = |order: &&Order| order.refund.is_none_or(|Refund { refused, .. }| !refused);
    let refunding = sale.refunding().filter(waits);
    (sale.unwanted().map(|payment| (Errand::LetGo, payment.clone())))
        .chain(sale.doubted().map(|order| (Errand::Resolve, Payment::of(order))))
        .chain(sale.uncaptured().map(|order| (Errand::Capture, Payment::of(order))))
        .chain(sale.paying().map(|order| (Errand::Watch, Payment::of(order))))
        .chain(refunding.map(|order| (Errand::Refund(tries(order)), Payment::of(order))))
        .collect()
}
