//! Rate limits as configured.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub name: String,
    pub matcher: Matcher,
    /// One bucket for each combination of these; empty: one for everybody.
    pub key: Vec<Key>,
    pub quota: Quota,
    pub algorithm: Algorithm,
    pub scope: Scope,
    /// What one request takes from the quota.
    pub cost: u64,
    pub on_missing_key: OnMissingKey,
    pub on_store_error: OnStoreError,
    /// Counted and reported, never refused.
    pub shadow: bool,
}

/// Which requests a limit looks at; an empty list fits all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Matcher {
    pub hosts: Vec<String>,
    pub paths: Vec<String>,
    pub methods: Vec<String>,
    /// Two-letter country codes.
    pub countries: Vec<String>,
    /// Autonomous system numbers.
    pub networks: Vec<u32>,
    /// Names of request headers that must be there.
    pub headers: Vec<String>,
    /// Names of claims that must be in a verified token.
    pub claims: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// IPv4 address, or IPv6 /64.
    Ip,
    /// IPv4 /24, or IPv6 /48.
    Prefix,
    Visitor,
    Country,
    /// Autonomous system number.
    Network,
    Host,
    Path,
    Method,
    /// Lower case.
    Header(String),
    Claim(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// So many in such a window.
    PerWindow { count: u64, window: Duration },
    /// So many under way at one time.
    Concurrent(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    TokenBucket,
    SlidingWindow,
    SlidingLog,
    FixedWindow,
    LeakyBucket,
    Concurrency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Counted in each process alone.
    Edge,
    /// One count for all edges, one store call a request.
    GlobalExact,
    /// One count for all edges, exchanged in batches.
    GlobalSynced,
}

/// A request that lacks what the key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissingKey {
    /// The limit does not look at it.
    Skip,
    /// All of these share one bucket.
    Share,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStoreError {
    Open,
    Closed,
    /// Each edge counts its own share.
    LocalShare,
}
