//! What a store does with reports and charges, said plainly: the model that the scripts are held against, and the store
//! of simulations. Pure; keeps every key for ever.

use std::collections::{BTreeMap, HashMap};

use super::super::{Algorithm, Finding, State};
use super::{Charge, EDGE_LIVES_US, Exchanged, Grant, HOLD_KEPT_US, Judged, Report, Retry};

#[derive(Default)]
pub struct Ledger {
    counts: HashMap<u64, Account>,
    heard: BTreeMap<u64, u64>,
}

struct Account {
    state: State,
    /// Edge, units, until.
    held: Vec<(u64, u32, u64)>,
}

impl Account {
    fn fresh(algorithm: &Algorithm) -> Account {
        Account {
            state: State::fresh(algorithm),
            held: Vec::new(),
        }
    }

    fn free(&mut self, algorithm: &Algorithm, now_us: u64) -> u32 {
        match algorithm {
            // No edge can hold a part of a queue.
            Algorithm::LeakyBucket { .. } => 0,
            _ => self.state.judge(algorithm, now_us, u32::MAX).remaining,
        }
    }

    /// Drops what `edge` holds, and charges what others held too long; how much the others hold.
    fn others(&mut self, algorithm: &Algorithm, edge: u64, now_us: u64) -> u32 {
        let (mut held, mut overdue) = (0, 0);
        self.held.retain(|(who, units, until_us)| {
            let (mine, late) = (*who == edge, *until_us <= now_us);
            match (mine, late) {
                (true, _) => {}
                (false, true) => overdue += units,
                (false, false) => held += units,
            }
            !mine && !late
        });
        if overdue > 0 {
            self.state.take(algorithm, now_us, overdue);
        }
        held
    }
}

impl Ledger {
    /// As [`super::Counts::exact`].
    pub fn exact(&mut self, charges: &[Charge], now_us: u64) -> Judged {
        let look = |charge: &Charge| {
            // Who is refused leaves no trace, not even of the time.
            let known = self.counts.get(&charge.name).map(|account| account.state.clone());
            let mut state = known.unwrap_or_else(|| State::fresh(&charge.algorithm));
            state.judge(&charge.algorithm, now_us, charge.cost)
        };
        let findings: Vec<Finding> = charges.iter().map(look).collect();
        let refuses = |(charge, finding): (&Charge, &Finding)| !finding.allowed && !charge.shadow;
        let refused_by = charges.iter().zip(&findings).position(refuses);
        if refused_by.is_none() {
            for (charge, _) in charges.iter().zip(&findings).filter(|(_, finding)| finding.allowed) {
                let account = self.account(charge.name, &charge.algorithm);
                account.state.judge(&charge.algorithm, now_us, charge.cost);
                account.state.take(&charge.algorithm, now_us, charge.cost);
            }
        }
        Judged { findings, refused_by }
    }

    /// As [`super::Counts::sync`].
    pub fn sync(&mut self, edge: u64, reports: &[Report], now_us: u64) -> Exchanged {
        self.heard.insert(edge, now_us);
        self.heard.retain(|_, heard| *heard + EDGE_LIVES_US > now_us);
        let edges = u32::try_from(self.heard.len()).unwrap_or(u32::MAX);
        let grants = reports.iter().map(|report| self.exchange(edge, edges, report, now_us));
        Exchanged {
            grants: grants.collect(),
            edges,
        }
    }

    /// Everything is lost.
    pub fn forget(&mut self) {
        *self = Ledger::default();
    }

    fn account(&mut self, name: u64, algorithm: &Algorithm) -> &mut Account {
        self.counts.entry(name).or_insert_with(|| Account::fresh(algorithm))
    }

    fn exchange(&mut self, edge: u64, edges: u32, report: &Report, now_us: u64) -> Grant {
        let known = self.counts.contains_key(&report.name);
        let (algorithm, account) = (report.algorithm, self.account(report.name, &report.algorithm));
        account.state.judge(&algorithm, now_us, 0);
        let held = account.others(&algorithm, edge, now_us);
        if report.spent > 0 {
            account.state.take(&algorithm, now_us, report.spent);
        }
        let unused = account.free(&algorithm, now_us);
        let free = unused.saturating_sub(held).saturating_sub(report.keeps);
        let fair = free.div_ceil(edges);
        let more = free.min(report.needs.max(report.wants.min(fair)));
        let more = if more < report.needs { 0 } else { more };
        let finding = account.state.judge(&algorithm, now_us, report.needs);
        let retry = match finding.retry_us {
            _ if report.needs <= more || unused >= report.needs => Retry::Soon,
            Some(us) => Retry::After(us),
            None => Retry::Never,
        };
        if report.keeps + more > 0 {
            account.held.push((edge, report.keeps + more, now_us + HOLD_KEPT_US));
        }
        let reset_us = account.state.judge(&algorithm, now_us, 0).reset_us;
        if !known && account.held.is_empty() && reset_us == 0 {
            self.counts.remove(&report.name);
        }
        Grant {
            more,
            free: free - more,
            reset_us,
            retry,
        }
    }
}
