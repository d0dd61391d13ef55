//! Limits that all edges share, counted in a store. What the store is asked and answers is here; how it counts is its
//! own affair ([`Ledger`] says it plainly, the scripts of Redis do the same).
//!
//! `Exact`: one call judges a request by all such rules. `Synced`: an edge spends, without asking, from what it *holds*.
//! The store counts what edges report as spent, and what they hold is taken from everybody else, so that
//!
//! > counted in the window + held by all edges ≤ limit
//!
//! whatever is late or lost: an edge that falls silent has spent all that it held. Whoever holds too little asks at
//! once and may get more, up to its share of what is free (free ÷ edges alive); what was not spent lately is handed
//! back with the next report.

mod engine;
mod lease;
mod leases;
mod ledger;
mod reports;

use async_trait::async_trait;

pub use engine::{Answer, By, Global, Watch};
pub use leases::{Leases, Spent};
pub use ledger::Ledger;
pub use reports::Batch;

use super::{Algorithm, Finding};
use crate::store::StoreError;

/// How often an edge reports what it spent.
pub const SYNC_EVERY_US: u64 = 100_000;
/// How long an edge may spend what it holds, since it last spoke with the store…
pub const HOLD_US: u64 = 1_000_000;
/// … and how long the store keeps it for that edge: longer, by more than clocks differ in rate.
pub const HOLD_KEPT_US: u64 = 2_000_000;
/// An edge not heard of for so long has no share any more.
pub const EDGE_LIVES_US: u64 = 5_000_000;
/// Keys in one call to the store.
pub const MAX_BATCH: usize = 256;
/// The longest window: a count in the store is kept so long, and is an exact number so far.
pub const LONGEST_WINDOW_US: u64 = 30 * 86_400 * 1_000_000;

/// One rule of all edges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GlobalRule {
    /// What is counted is known by it: two rules of one name and window are one.
    pub name: String,
    pub algorithm: Algorithm,
    pub mode: Mode,
    pub on_store_error: OnStoreError,
    pub shadow: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One call of the store for each request.
    Exact,
    /// From what this edge holds; the store is told every 100 ms.
    Synced,
}

/// What to do with a request while the store is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnStoreError {
    Open,
    Closed,
    /// This edge's share: the limit ÷ edges last seen, in any window, what it let through before included.
    Share,
}

impl GlobalRule {
    /// Whether all edges together can count like this. A log of every request would fill the store; a place under way
    /// would be lost with its edge; a delay needs one queue, which no edge holds.
    #[must_use]
    pub fn is_offered(algorithm: &Algorithm, mode: Mode) -> bool {
        match algorithm {
            Algorithm::SlidingWindow { .. } | Algorithm::TokenBucket { .. } | Algorithm::FixedWindow { .. } => true,
            Algorithm::LeakyBucket { .. } => mode == Mode::Exact,
            Algorithm::SlidingLog { .. } | Algorithm::Concurrency { .. } => false,
        }
    }
}

/// A request under one rule, as the store is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Of the key under its rule; the same at every edge.
    pub name: u64,
    pub algorithm: Algorithm,
    pub cost: u32,
    pub shadow: bool,
}

/// The store's verdict on a request: one finding for each charge, and the first that refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    pub findings: Vec<Finding>,
    pub refused_by: Option<usize>,
}

/// What an edge says of one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    pub name: u64,
    pub algorithm: Algorithm,
    /// Since its last report.
    pub spent: u32,
    /// Still holds.
    pub keeps: u32,
    /// Would like, and the least that is of use. 0: it only reports.
    pub wants: u32,
    pub needs: u32,
}

/// What it may spend from now on, beside what it keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    pub more: u32,
    /// What nobody spent or holds, after that.
    pub free: u32,
    pub reset_us: u64,
    pub retry: Retry,
}

/// When to ask again, where it needed more than it got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Other edges hold it, and may hand it back.
    Soon,
    After(u64),
    Never,
}

/// Answer to the reports of one edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchanged {
    /// Alive, this one included.
    pub edges: u32,
    /// One for each report.
    pub grants: Vec<Grant>,
}

/// A store that counts for all edges.
#[async_trait]
pub trait Counts: Send + Sync + 'static {
    /// Charges all or none.
    async fn exact(&self, charges: &[Charge]) -> Result<Judged, StoreError>;

    /// At most [`MAX_BATCH`] reports; none of them: the edge only says that it is alive.
    async fn sync(&self, edge: u64, reports: &[Report]) -> Result<Exchanged, StoreError>;
}

#[cfg(test)]
mod tests;
