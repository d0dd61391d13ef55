//! Compares the orders with the provider's books: each night, and when the organiser asks. Every difference is looked at a
//! second time before it is listed, so that what changed in between is none. Money set aside for nothing is let go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::timeout;

use super::books::{Difference, Entry, Window, Wrong, differs};
use super::{Payment, Provider, Till};
use crate::clock::Clock;
use crate::shop::Sale;
use crate::shop::command::News;
use crate::shop::ids::OrderId;
use crate::shop::order::{Method, Order, Stage};
use crate::writer::Writer;

/// How far back is looked, where nobody says.
pub(crate) const USUAL_DAYS: u64 = 3;
pub(crate) const MAX_DAYS: u64 = 90;
/// What is younger may still be under way.
const MARGIN_S: u64 = 5 * 60;
/// Most pages of the books that are read in one go; most differences that are listed; most orders that are asked for alone.
const MAX_PAGES: usize = 2_000;
const MAX_LISTED: usize = 1_000;
const MAX_ALONE: usize = 1_000;
/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(30);
const NIGHT_S: u64 = 3 * 3_600;
const DAY_S: u64 = 24 * 3_600;
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What a comparison found.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Report {
    at_ms: u64,
    from_ms: u64,
    until_ms: u64,
    /// Of ours, in the books.
    payments: usize,
    /// Of others on the same account.
    foreign: usize,
    /// The whole of the books was read.
    complete: bool,
    differences: Vec<Difference>,
    /// Found and not listed any more.
    more: usize,
    /// Of which the provider did not say whether they differ.
    unanswered: usize,
}

impl Report {
    fn list(&mut self, difference: Difference) {
        match self.differences.len() < MAX_LISTED {
            true => self.differences.push(difference),
            false => self.more += 1,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Auditor(Arc<Parts>);

struct Parts {
    provider: Arc<dyn Provider>,
    till: Till,
    writer: Writer,
    clock: Clock,
    running: AtomicBool,
    last: Mutex<Option<Report>>,
}

impl Auditor {
    pub(crate) fn new(provider: Arc<dyn Provider>, till: Till, writer: Writer, clock: Clock) -> Auditor {
        Auditor(Arc::new(Parts {
            provider,
            till,
            writer,
            clock,
            running: AtomicBool::new(false),
            last: Mutex::default(),
        }))
    }

    /// Of the last comparison since this process began; and whether one is under way.
    pub(crate) fn last(&self) -> (Option<Report>, bool) {
        (self.0.last.lock().clone(), self.0.running.load(Ordering::Acquire))
    }

    /// Each night at three (UTC), in the process that is the writer.
    pub(crate) async fn attend(self) {
        let mut due_s = next_night((self.0.clock)() / 1_000);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now_s = (self.0.clock)() / 1_000;
            if now_s < due_s {
                continue;
            }
            due_s = next_night(now_s);
            if self.0.writer.is_leading() && self.takes_off() {
                self.compare(USUAL_DAYS).await;
            }
        }
    }

    /// Begins a comparison; one at a time.
    pub(crate) fn begin(&self, days: u64) {
        if self.takes_off() {
            let auditor = self.clone();
            tokio::spawn(async move { auditor.compare(days).await });
        }
    }

    fn takes_off(&self) -> bool {
        !self.0.running.swap(true, Ordering::AcqRel)
    }

    async fn compare(&self, days: u64) {
        let now_ms = (self.0.clock)();
        let until_s = (now_ms / 1_000).saturating_sub(MARGIN_S);
        let window = Window {
            from_s: until_s.saturating_sub(days.min(MAX_DAYS) * DAY_S),
            until_s,
        };
        let report = self.run(window, now_ms).await;
        if !report.differences.is_empty() || !report.complete {
            tracing::warn!(
                differences = report.differences.len() + report.more,
                complete = report.complete,
                "the provider's books were compared with the orders"
            );
        }
        *self.0.last.lock() = Some(report);
        self.0.running.store(false, Ordering::Release);
    }

    async fn run(&self, window: Window, at_ms: u64) -> Report {
        let mut report = Report {
            at_ms,
            from_ms: window.from_s * 1_000,
            until_ms: window.until_s * 1_000,
            ..Report::default()
        };
        let (mut found, mut after) = (BTreeSet::new(), None);
        for _ in 0..MAX_PAGES {
            let page = timeout(PATIENCE, self.0.provider.list(window, after.as_deref())).await;
            let Some(page) = page.ok().flatten() else {
                return report;
            };
            for entry in page.entries {
                self.weigh(entry, &mut found, &mut report).await;
            }
            after = page.next;
            if after.is_none() {
                report.complete = true;
                break;
            }
        }
        // Without the whole of the books nobody can say that money is missing.
        if report.complete {
            self.look_for_money(window, &found, &mut report).await;
        }
        report
    }

    async fn weigh(&self, entry: Entry, found: &mut BTreeSet<OrderId>, report: &mut Report) {
        let Some(payment) = &entry.payment else {
            report.foreign += 1;
            return;
        };
        report.payments += 1;
        let reference = entry.reference.clone();
        if self.against_order(&entry).is_none() {
            if entry.taken_minor > entry.given_back_minor {
                found.insert(payment.order.clone());
            }
            return;
        }
        found.insert(payment.order.clone());
        let again = timeout(PATIENCE, self.0.provider.entry(&reference)).await;
        let Some(again) = again.ok().flatten() else {
            report.unanswered += 1;
            return;
        };
        let Some(difference) = again.and_then(|entry| self.against_order(&entry)) else {
            return;
        };
        if difference.what == Wrong::HeldForNobody {
            let payment = Payment {
                reference: Some(reference),
                ..payment.clone()
            };
            self.0.till.hear(payment, News::Authorised).await;
        }
        report.list(difference);
    }

    fn against_order(&self, entry: &Entry) -> Option<Difference> {
        let id = entry.payment.as_ref()?.order.clone();
        self.0.writer.look(|sale| {
            let order = sale.order(id.as_str());
            let offer = order.and_then(|order| sale.offer(order.event.as_str()));
            differs(entry, order, offer.map(|offer| offer.event().price.currency.as_str()))
        })
    }

    /// Orders that are paid and were not in the books: each is asked for by its name.
    async fn look_for_money(&self, window: Window, found: &BTreeSet<OrderId>, report: &mut Report) {
        let paid = self.0.writer.look(|sale| paid_within(sale, window, found));
        for order in paid {
            let entry = match order.reference.as_deref() {
                Some(reference) => timeout(PATIENCE, self.0.provider.entry(reference)).await.ok().flatten(),
                None => Some(None),
            };
            let difference = match &entry {
                None => {
                    report.unanswered += 1;
                    None
                }
                Some(Some(entry)) if entry.payment.is_some() => self.against_order(entry),
                Some(_) => Some(Difference {
                    what: Wrong::OrderWithoutMoney,
                    order: Some(order.id.clone()),
                    reference: order.reference.clone(),
                    here_minor: order.total_minor(),
                    there_minor: 0,
                }),
            };
            difference.into_iter().for_each(|difference| report.list(difference));
        }
    }
}

fn paid_within(sale: &Sale, window: Window, found: &BTreeSet<OrderId>) -> Vec<Order> {
    let inside = window.from_s * 1_000..=window.until_s * 1_000;
    let by_card = |order: &&Order| order.method == Some(Method::Card) && order.stage == Stage::Confirmed;
    let paid = sale.orders().filter(by_card);
    let unseen = paid.filter(|order| inside.contains(&order.settled_at_ms) && !found.contains(&order.id));
    unseen.take(MAX_ALONE).cloned().collect()
}

fn next_night(now_s: u64) -> u64 {
    let today_s = now_s - now_s % DAY_S + NIGHT_S;
    if today_s > now_s { today_s } else { today_s + DAY_S }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_night_is_at_three() {
        for (now_s, then_s) in [
            (0, NIGHT_S),
            (NIGHT_S - 1, NIGHT_S),
            (NIGHT_S, NIGHT_S + DAY_S),
            (DAY_S, DAY_S + NIGHT_S),
        ] {
            assert_eq!(next_night(now_s), then_s);
        }
    }
}
