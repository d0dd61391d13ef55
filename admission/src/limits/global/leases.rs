//! All leases of one edge: requests judged by several rules at once, all or none. Pure: whoever calls brings the time.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};
use siphasher::sip::SipHasher13;

use super::super::table::{Capacity, Kind, Place, Shard, Table, shard_of};
use super::super::{Algorithm, Ask, Finding};
use super::lease::{Lease, Look};
use super::{Charge, GlobalRule, Mode, OnStoreError};

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spent {
    /// One finding for each ask; all are charged.
    All(Vec<Finding>),
    /// Nothing was charged. The first that refuses, by its place among the asks.
    Refused { findings: Vec<Finding>, by: usize },
    /// For these the store must be asked first; nothing was charged.
    Asks(Vec<Ask>),
}

pub struct Leases {
    pub(super) rules: Vec<Held>,
    /// Of all edges alike, and secret.
    secret: [u8; 16],
    /// Each lease stands here once at most: `listed`.
    pub(super) dirty: Mutex<VecDeque<Spot>>,
    pub(super) edges: AtomicU32,
}

pub(super) struct Held {
    pub rule: GlobalRule,
    count: u32,
    pub span: Span,
    pub table: Table<Lease>,
}

/// A rule's window in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Span(pub u64);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Spot {
    pub rule: usize,
    pub shard: usize,
    pub place: Place,
}

pub(super) struct Open<'a> {
    pub ask: Ask,
    at: usize,
    pub held: &'a Held,
    shard: MutexGuard<'a, Shard<Lease>>,
    place: Place,
}

impl Kind<Lease> for Span {
    fn fresh(&self) -> Lease {
        Lease::default()
    }

    fn is_fresh(&self, state: &Lease, now_us: u64) -> bool {
        state.is_fresh(self.0, now_us)
    }
}

fn shape(algorithm: &Algorithm) -> (u8, u32, u64) {
    match *algorithm {
        Algorithm::SlidingWindow { count, window_us } => (b'w', count, window_us),
        Algorithm::FixedWindow { count, window_us } => (b'f', count, window_us),
        Algorithm::TokenBucket { count, window_us } => (b'b', count, window_us),
        Algorithm::LeakyBucket { count, window_us, .. } => (b'q', count, window_us),
        Algorithm::SlidingLog { count, window_us } => (b'l', count, window_us),
        Algorithm::Concurrency { count } => (b'c', count, 1),
    }
}

impl Leases {
    /// `secret`: the same at every edge, so that all of them call a key by one name, and nobody else knows whose it is.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = GlobalRule>, capacity: Capacity, secret: [u8; 16]) -> Leases {
        let rules = rules.into_iter().map(|rule| {
            let (_, count, window_us) = shape(&rule.algorithm);
            Held {
                count,
                span: Span(window_us),
                table: Table::new(capacity),
                rule,
            }
        });
        Leases {
            rules: rules.collect(),
            secret,
            dirty: Mutex::default(),
            edges: AtomicU32::new(1),
        }
    }

    #[must_use]
    pub fn rule(&self, number: usize) -> Option<&GlobalRule> {
        self.rules.get(number).map(|held| &held.rule)
    }

    /// The key under which the owner of these bytes is counted at every edge.
    #[must_use]
    pub fn key(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(bytes);
        hasher.finish()
    }

    /// How many keys a rule remembers.
    #[must_use]
    pub fn remembered(&self, rule: usize) -> usize {
        self.rules.get(rule).map_or(0, |held| held.table.len())
    }

    /// Edges alive when the store last answered.
    #[must_use]
    pub fn edges(&self) -> u32 {
        self.edges.load(Ordering::Relaxed)
    }

    /// Judges a request by synced rules of rising number, and charges all or none. With `aside` nothing is charged until
    /// [`Leases::settle_aside`] says what became of the request elsewhere.
    #[must_use]
    pub fn spend(&self, asks: &[Ask], now_us: u64, aside: bool) -> Spent {
        let (mut fits, mut findings) = (Vec::with_capacity(asks.len()), Vec::with_capacity(asks.len()));
        let (mut wanting, mut refused_by) = (Vec::new(), None);
        for mut open in self.open(asks, now_us) {
            let (cost, count) = (open.ask.cost, open.held.count);
            let lease = open.lease();
            let finding = match lease.look(now_us, cost) {
                Look::Fits => Finding::counted(count, count.saturating_sub(lease.left()), cost),
                Look::Asks => {
                    wanting.push(open.ask);
                    findings.push(Finding::counted(count, 0, cost));
                    continue;
                }
                Look::Refused { retry_us } => Finding {
                    retry_us: Some(retry_us),
                    reset_us: retry_us,
                    ..Finding::counted(count, count, cost)
                },
            };
            findings.push(finding);
            if finding.allowed {
                fits.push(open);
            } else if !open.held.rule.shadow && refused_by.is_none() {
                refused_by = Some(open.at);
            }
        }
        match refused_by {
            Some(by) => return Spent::Refused { findings, by },
            None if !wanting.is_empty() => return Spent::Asks(wanting),
            None => {}
        }
        for mut open in fits {
            let (cost, span) = (open.ask.cost, open.held.span);
            if aside {
                open.lease().set_aside(cost);
            } else {
                open.lease().spend(span.0, now_us, cost);
            }
            self.list(&mut open);
        }
        Spent::All(findings)
    }

    /// The same while the store is away: what is held is spent, then each rule does as it is told to.
    #[must_use]
    pub fn spend_alone(&self, asks: &[Ask], now_us: u64) -> Spent {
        let (mut fits, mut findings, mut refused_by) = (Vec::new(), Vec::new(), None);
        for mut open in self.open(asks, now_us) {
            let (finding, held) = self.judge_alone(&mut open, now_us);
            findings.push(finding);
            if finding.allowed {
                fits.push((open, held));
            } else if !open.held.rule.shadow && refused_by.is_none() {
                refused_by = Some(open.at);
            }
        }
        if let Some(by) = refused_by {
            return Spent::Refused { findings, by };
        }
        for (mut open, held) in fits {
            let (cost, span) = (open.ask.cost, open.held.span.0);
            if held {
                open.lease().spend(span, now_us, cost);
            } else {
                open.lease().let_through(span, now_us, cost);
            }
            self.list(&mut open);
        }
        Spent::All(findings)
    }

    fn judge_alone(&self, open: &mut Open<'_>, now_us: u64) -> (Finding, bool) {
        let (cost, count, span) = (open.ask.cost, open.held.count, open.held.span.0);
        let (policy, edges) = (open.held.rule.on_store_error, self.edges());
        let lease = open.lease();
        if lease.look(now_us, cost) == Look::Fits {
            return (Finding::counted(count, count.saturating_sub(lease.left()), cost), true);
        }
        let finding = match policy {
            OnStoreError::Open => Finding::counted(count, 0, cost),
            OnStoreError::Closed => Finding {
                retry_us: Some(super::HOLD_US),
                ..Finding::counted(count, count, cost)
            },
            // Never nothing: one request in a window at least.
            OnStoreError::Share => lease.share((count / edges.max(1)).max(cost), span, now_us, cost),
        };
        (
            Finding {
                limit: count,
                ..finding
            },
            false,
        )
    }

    /// The store has let a request through by exact rules: this edge's share of the future is less by it.
    pub fn count(&self, asks: &[Ask], findings: &[Finding], now_us: u64) {
        for (mut open, finding) in self.open(asks, now_us).zip(findings) {
            if finding.allowed {
                let (cost, span) = (open.ask.cost, open.held.span.0);
                open.lease().count(span, now_us, cost);
            }
        }
    }

    /// Charges what [`Leases::spend`] set aside, or puts it back.
    pub fn settle_aside(&self, asks: &[Ask], findings: &[Finding], now_us: u64, goes: bool) {
        for (mut open, finding) in self.open(asks, now_us).zip(findings) {
            if finding.allowed {
                let (cost, span) = (open.ask.cost, open.held.span.0);
                open.lease().settle(span, now_us, cost, goes);
                self.list(&mut open);
            }
        }
    }

    /// Takes back what [`Leases::spend_alone`] charged, because somebody else refused the request.
    pub fn give_back(&self, asks: &[Ask], findings: &[Finding], now_us: u64) {
        for (mut open, finding) in self.open(asks, now_us).zip(findings) {
            if finding.allowed {
                let cost = open.ask.cost;
                open.lease().give_back(cost);
            }
        }
    }

    /// The charges of exact rules, as the store is asked.
    #[must_use]
    pub fn charges(&self, asks: &[Ask], now_us: u64) -> Vec<Charge> {
        let charge = |open: Open<'_>| Charge {
            name: self.name(&open.spot()),
            algorithm: open.held.rule.algorithm,
            cost: open.ask.cost,
            shadow: open.held.rule.shadow,
        };
        self.open(asks, now_us).map(charge).collect()
    }

    fn list(&self, open: &mut Open<'_>) {
        let spot = open.spot();
        if !std::mem::replace(&mut open.lease().listed, true) {
            self.dirty.lock().push_back(spot);
        }
    }

    /// The places of a request's asks, held, in rising order of their rules: that keeps two requests from waiting for
    /// each other. Asks of unknown rules, and out of order, are passed over.
    pub(super) fn open<'a>(&'a self, asks: &'a [Ask], now_us: u64) -> impl Iterator<Item = Open<'a>> {
        let mut next = 0;
        asks.iter().enumerate().filter_map(move |(at, ask)| {
            let held = self.rules.get(ask.rule).filter(|_| ask.rule >= next)?;
            next = ask.rule + 1;
            let mut shard = held.table.hold(ask.key);
            let place = shard.place(ask.key, held.table.most(), now_us, &held.span);
            Some(Open {
                ask: *ask,
                at,
                held,
                shard,
                place,
            })
        })
    }

    /// What a key is called under its rule. A rule with another algorithm or window counts anew.
    pub(super) fn name(&self, spot: &Spot) -> u64 {
        let Some(held) = self.rules.get(spot.rule) else {
            return 0;
        };
        let (letter, _, window_us) = shape(&held.rule.algorithm);
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(held.rule.name.as_bytes());
        hasher.write(&[0, letter, u8::from(held.rule.mode == Mode::Exact)]);
        hasher.write_u64(window_us);
        match spot.place {
            Place::Own(key) => hasher.write_u64(key),
            Place::Shared(at) => {
                hasher.write_usize(spot.shard);
                hasher.write_usize(at);
            }
        }
        hasher.finish()
    }
}

impl Open<'_> {
    pub fn lease(&mut self) -> &mut Lease {
        self.shard.state(self.place, &self.held.span)
    }

    pub fn spot(&self) -> Spot {
        Spot {
            rule: self.ask.rule,
            shard: shard_of(self.ask.key),
            place: self.place,
        }
    }
}
