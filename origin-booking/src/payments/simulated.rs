//! A provider without money. What it does is asked for by the instrument: `approve` (also when nothing is said),
//! `decline`, `delay` (approves after a second and a half), `time-out` (never answers, nothing is set aside), `lost`
//! (never answers, but the money is set aside), `capture-fails`, `refund-fails`, `webhooks` (approves, and tells of
//! everything twice by itself, the first time before it answers). It forgets everything when its process ends: a capture or
//! a refund of what it does not know succeeds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Charge, Event, Payment, Provider, Said};
use crate::shop::command::{Heard, News};

/// Most payments that are remembered; the oldest is forgotten first.
const MAX_PAYMENTS: usize = 100_000;
/// Most events that wait to be told; further ones are not.
const MAX_EVENTS: usize = 1_000;
const DELAY: Duration = Duration::from_millis(1_500);
/// How long the answer comes after its own webhook.
const AFTER_WEBHOOK: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct Simulated {
    book: Mutex<Book>,
    events: Mutex<VecDeque<Event>>,
    told: Notify,
}

#[derive(Default)]
struct Book {
    payments: BTreeMap<Payment, Entry>,
    oldest: VecDeque<Payment>,
}

#[derive(Clone, Copy)]
struct Entry {
    stands: News,
    amount_minor: u64,
    mood: Mood,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Usual,
    CaptureFails,
    RefundFails,
    Webhooks,
}

impl Simulated {
    /// What is set aside and not taken, of all payments, in the currency's smallest unit.
    #[must_use]
    pub fn set_aside_minor(&self) -> u64 {
        self.sum(News::Authorised)
    }

    /// What was taken and not given back.
    #[must_use]
    pub fn taken_minor(&self) -> u64 {
        self.sum(News::Captured)
    }

    fn sum(&self, stands: News) -> u64 {
        let book = self.book.lock();
        let amounts = book.payments.values().filter(|entry| entry.stands == stands);
        amounts.map(|entry| entry.amount_minor).sum()
    }

    /// Twice, where this payment was asked to.
    fn tell(&self, payment: &Payment, news: News) {
        let told_of = |entry: &Entry| entry.mood == Mood::Webhooks;
        if !self.book.lock().payments.get(payment).is_some_and(told_of) {
            return;
        }
        let event = Event {
            id: format!("simulated {} {} {news:?}", payment.order, payment.attempt).into(),
            heard: Heard {
                payment: payment.clone(),
                news,
            },
        };
        let mut events = self.events.lock();
        for _ in 0..2 {
            if events.len() < MAX_EVENTS {
                events.push_back(event.clone());
            }
        }
        drop(events);
        self.told.notify_one();
    }

    /// Changes what there is of a payment, and says it.
    fn change(&self, payment: &Payment, how: impl FnOnce(&mut Entry)) -> Option<News> {
        let mut book = self.book.lock();
        let entry = book.payments.get_mut(payment)?;
        how(entry);
        let stands = entry.stands;
        drop(book);
        self.tell(payment, stands);
        Some(stands)
    }
}

impl Book {
    /// The first word on a payment stands: a retry hears the same.
    fn enter(&mut self, charge: &Charge, stands: News) -> News {
        if let Some(entry) = self.payments.get(&charge.payment) {
            return entry.stands;
        }
        let entry = Entry {
            stands,
            amount_minor: charge.amount_minor,
            mood: match charge.instrument.as_str() {
                "capture-fails" => Mood::CaptureFails,
                "refund-fails" => Mood::RefundFails,
                "webhooks" => Mood::Webhooks,
                _ => Mood::Usual,
            },
        };
        self.put(charge.payment.clone(), entry);
        stands
    }

    fn put(&mut self, payment: Payment, entry: Entry) {
        if self.payments.insert(payment.clone(), entry).is_none() {
            self.oldest.push_back(payment);
        }
        if self.oldest.len() > MAX_PAYMENTS
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.payments.remove(&oldest);
        }
    }
}

#[async_trait]
impl Provider for Simulated {
    fn has_sample_cards(&self) -> bool {
        true
    }
    async fn authorise(&self, charge: &Charge) -> Option<Said> {
        let enter = |stands| self.book.lock().enter(charge, stands);
        let news = match charge.instrument.as_str() {
            "time-out" => std::future::pending().await,
            "lost" => {
                enter(News::Authorised);
                std::future::pending().await
            }
            "delay" => {
                tokio::time::sleep(DELAY).await;
                enter(News::Authorised)
            }
            "webhooks" => {
                let stands = enter(News::Authorised);
                self.tell(&charge.payment, stands);
                tokio::time::sleep(AFTER_WEBHOOK).await;
                stands
            }
            "" | "approve" | "capture-fails" | "refund-fails" => enter(News::Authorised),
            _ => enter(News::Declined),
        };
        Some(news.into())
    }

    async fn capture(&self, payment: &Payment) -> Option<News> {
        let taken = self.change(payment, |entry| {
            entry.stands = match entry.stands {
                News::Authorised if entry.mood == Mood::CaptureFails => News::CaptureFailed,
                News::Authorised | News::Captured => News::Captured,
                _ => News::CaptureFailed,
            };
        });
        Some(taken.unwrap_or(News::Captured))
    }

    async fn look(&self, payment: &Payment) -> Option<News> {
        let book = self.book.lock();
        Some(book.payments.get(payment).map_or(News::LetGo, |entry| entry.stands))
    }

    async fn cancel(&self, payment: &Payment) -> Option<News> {
        let mut book = self.book.lock();
        let known = book.payments.get(payment).copied();
        let entry = known.unwrap_or(Entry {
            stands: News::LetGo,
            amount_minor: 0,
            mood: Mood::Usual,
        });
        if matches!(entry.stands, News::Captured | News::Refunded) {
            return Some(News::Captured);
        }
        let stands = News::LetGo;
        book.put(payment.clone(), Entry { stands, ..entry });
        drop(book);
        self.tell(payment, stands);
        Some(stands)
    }

    async fn refund(&self, payment: &Payment, tries: u32) -> Option<News> {
        // Whoever asks a second time is not refused again.
        let refuses = |entry: &Entry| entry.mood == Mood::RefundFails && tries == 1;
        if self.book.lock().payments.get(payment).is_some_and(refuses) {
            return Some(News::RefundFailed);
        }
        let stands = self.change(payment, |entry| entry.stands = News::Refunded);
        Some(stands.unwrap_or(News::Refunded))
    }

    async fn tells(&self) -> Event {
        loop {
            let told = self.told.notified();
            if let Some(event) = self.events.lock().pop_front() {
                return event;
            }
            told.await;
        }
    }
}
