//! What an edge tells the store of its leases, and what it makes of the answer. Pure: whoever calls carries the reports.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::super::Ask;
use super::lease::Told;
use super::leases::{Leases, Open, Spot};
use super::{Exchanged, MAX_BATCH, Mode, Report};

/// What is said to the store at one time.
#[derive(Debug, Default)]
pub struct Batch {
    lines: Vec<(Spot, Told, u32)>,
    pub reports: Vec<Report>,
    pub sent_us: u64,
}

impl Leases {
    /// What to tell the store now: for those who ask at once, and as much as fits of what was spent, if it is `due`.
    /// The second part says how many of those who ask are in it.
    #[must_use]
    pub fn batch(&self, waiting: &[Vec<Ask>], due: bool, now_us: u64) -> (Batch, usize) {
        let mut batch = Batch {
            sent_us: now_us,
            ..Batch::default()
        };
        let mut lines: HashMap<Spot, usize> = HashMap::new();
        let mut heard = 0;
        for asks in waiting {
            if batch.reports.len() + asks.len() > MAX_BATCH && heard > 0 {
                break;
            }
            self.open(asks, now_us)
                .for_each(|open| self.add_ask(&mut batch, &mut lines, open, now_us));
            heard += 1;
        }
        let mut left = if due { self.dirty.lock().len() } else { 0 };
        while left > 0 && batch.reports.len() < MAX_BATCH {
            left -= 1;
            let Some(spot) = self.dirty.lock().pop_front() else {
                break;
            };
            match lines.get(&spot) {
                Some(_) => self.dirty.lock().push_back(spot),
                None => self.add_report(&mut batch, spot, now_us),
            }
        }
        (batch, heard)
    }

    /// How many leases have something to report.
    #[must_use]
    pub fn dirty(&self) -> usize {
        self.dirty.lock().len()
    }

    /// The store's answer, or none.
    pub fn settle(&self, batch: &Batch, answer: Option<&Exchanged>, now_us: u64) {
        if let Some(answer) = answer {
            self.edges.store(answer.edges.max(1), Ordering::Relaxed);
        }
        for (n, (spot, told, needed)) in batch.lines.iter().enumerate() {
            let Some(held) = self.rules.get(spot.rule) else {
                continue;
            };
            let mut shard = held.table.hold_shard(spot.shard);
            let lease = shard.state(spot.place, &held.span);
            match answer.and_then(|answer| answer.grants.get(n)) {
                Some(grant) => lease.granted(grant, *needed, batch.sent_us, now_us),
                None => lease.unheard(told),
            }
            // Unheard, or heard and the answer lost: the store may believe that more is held than is.
            if (lease.has_more_to_say() || answer.is_none()) && !lease.listed {
                lease.listed = true;
                self.dirty.lock().push_back(*spot);
            }
        }
    }

    fn add_ask(&self, batch: &mut Batch, lines: &mut HashMap<Spot, usize>, mut open: Open<'_>, now_us: u64) {
        let (spot, cost, span) = (open.spot(), open.ask.cost, open.held.span.0);
        if let Some(line) = lines.get(&spot) {
            // Others wait for the same.
            if let Some(report) = batch.reports.get_mut(*line) {
                report.wants = report.wants.saturating_add(cost);
            }
            return;
        }
        let told = open.lease().ask(span, now_us);
        let needs = cost.saturating_sub(open.lease().left());
        lines.insert(spot, batch.reports.len());
        let told = Told {
            wants: told.wants.max(needs),
            ..told
        };
        self.add_line(batch, spot, told, needs);
    }

    fn add_report(&self, batch: &mut Batch, spot: Spot, now_us: u64) {
        let Some(held) = self.rules.get(spot.rule) else { return };
        let mut shard = held.table.hold_shard(spot.shard);
        let lease = shard.state(spot.place, &held.span);
        lease.listed = false;
        let told = lease.report(held.span.0, now_us);
        let exact = held.rule.mode == Mode::Exact;
        drop(shard);
        let told = Told {
            wants: if exact { 0 } else { told.wants },
            ..told
        };
        self.add_line(batch, spot, told, 0);
    }

    fn add_line(&self, batch: &mut Batch, spot: Spot, told: Told, needs: u32) {
        let Some(held) = self.rules.get(spot.rule) else { return };
        batch.lines.push((spot, told, needs));
        batch.reports.push(Report {
            name: self.name(&spot),
            algorithm: held.rule.algorithm,
            spent: told.spent,
            keeps: told.keeps,
            wants: told.wants,
            needs,
        });
    }
}
