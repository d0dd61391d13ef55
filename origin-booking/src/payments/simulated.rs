//! A provider without money. What it does is asked for by the instrument: `approve` (also when nothing is said),
//! `decline`, `delay` (approves after a second and a half), `time-out` (never answers, nothing is set aside), `lost`
//! (never answers, but the money is set aside), `capture-fails`. It forgets everything when its process ends: a capture
//! of what it does not know succeeds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Charge, Payment, Provider};
use crate::shop::command::News;

/// Most payments that are remembered; the oldest is forgotten first.
const MAX_PAYMENTS: usize = 100_000;
const DELAY: Duration = Duration::from_millis(1_500);

#[derive(Default)]
pub struct Simulated(Mutex<Book>);

#[derive(Default)]
struct Book {
    payments: BTreeMap<Payment, Entry>,
    oldest: VecDeque<Payment>,
}

#[derive(Clone, Copy)]
struct Entry {
    stands: News,
    amount_minor: u64,
    capture_fails: bool,
}

impl Simulated {
    /// What is set aside and not taken, of all payments, in the currency's smallest unit.
    #[must_use]
    pub fn set_aside_minor(&self) -> u64 {
        self.sum(News::Authorised)
    }

    /// What was taken.
    #[must_use]
    pub fn taken_minor(&self) -> u64 {
        self.sum(News::Captured)
    }

    fn sum(&self, stands: News) -> u64 {
        let book = self.0.lock();
        let amounts = book.payments.values().filter(|entry| entry.stands == stands);
        amounts.map(|entry| entry.amount_minor).sum()
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
            capture_fails: charge.instrument == "capture-fails",
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
    async fn authorise(&self, charge: &Charge) -> Option<News> {
        let enter = |stands| self.0.lock().enter(charge, stands);
        match charge.instrument.as_str() {
            "time-out" => std::future::pending().await,
            "lost" => {
                enter(News::Authorised);
                std::future::pending().await
            }
            "delay" => {
                tokio::time::sleep(DELAY).await;
                Some(enter(News::Authorised))
            }
            "" | "approve" | "capture-fails" => Some(enter(News::Authorised)),
            _ => Some(enter(News::Declined)),
        }
    }

    async fn capture(&self, payment: &Payment) -> Option<News> {
        let mut book = self.0.lock();
        let Some(entry) = book.payments.get_mut(payment) else {
            return Some(News::Captured);
        };
        entry.stands = match entry.stands {
            News::Authorised if entry.capture_fails => News::CaptureFailed,
            News::Authorised | News::Captured => News::Captured,
            _ => News::CaptureFailed,
        };
        Some(entry.stands)
    }

    async fn look(&self, payment: &Payment) -> Option<News> {
        let book = self.0.lock();
        Some(book.payments.get(payment).map_or(News::LetGo, |entry| entry.stands))
    }

    async fn cancel(&self, payment: &Payment) -> Option<News> {
        let mut book = self.0.lock();
        let known = book.payments.get(payment).copied();
        let entry = known.unwrap_or(Entry {
            stands: News::LetGo,
            amount_minor: 0,
            capture_fails: false,
        });
        if entry.stands == News::Captured {
            return Some(News::Captured);
        }
        let stands = News::LetGo;
        book.put(payment.clone(), Entry { stands, ..entry });
        Some(stands)
    }
}
