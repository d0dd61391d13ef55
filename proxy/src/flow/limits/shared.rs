//! Counting together with other edges: the store's connection of its own, made when the first limit asks for it, and how
//! a configured limit is counted there. A busy limit must not keep the line from its store, so they share no connection.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use stanchion_admission::clock::Clock;
use stanchion_admission::limits::Capacity;
use stanchion_admission::limits::global::{self, Global, GlobalRule, Leases, Mode};
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_config::{Limit, OnStoreError, Scope};
use tokio::runtime::Handle;

use super::algorithm;

/// What it takes to count together with the other edges.
pub struct Exchange {
    pub url: String,
    pub options: RedisOptions,
    /// The same at every edge: what a key is called in the store.
    pub secret: [u8; 16],
    /// A number that no other edge has.
    pub edge: u64,
    pub clock: Arc<dyn Clock>,
    /// Where the exchange runs: not on the visitors' threads.
    pub here: Handle,
    pub store: OnceLock<Option<Arc<RedisStore>>>,
}

/// A request waits no longer for its limits, whatever the line's own deadline is.
const CALL_MOST: Duration = Duration::from_millis(100);

impl Exchange {
    /// The line's way to its store, with calls as short as a request may wait.
    #[must_use]
    pub fn bounded(options: RedisOptions) -> RedisOptions {
        RedisOptions {
            call_within: Some(options.call_within.unwrap_or(CALL_MOST).min(CALL_MOST)),
            ..options
        }
    }

    /// Counts these limits from now on, until what is returned is dropped.
    pub(super) fn start<'a>(&self, limits: impl Iterator<Item = &'a Limit>) -> Option<Global> {
        let _here = self.here.enter();
        let open = || RedisStore::open(&self.url, self.options.clone()).ok().map(Arc::new);
        let store = self.store.get_or_init(open).clone()?;
        let leases = Leases::new(limits.map(rule), Capacity::default(), self.secret);
        Some(Global::start(leases, store, Arc::clone(&self.clock), self.edge))
    }
}

fn rule(limit: &Limit) -> GlobalRule {
    GlobalRule {
        name: limit.name.clone(),
        algorithm: algorithm(limit),
        mode: match limit.scope {
            Scope::GlobalExact => Mode::Exact,
            Scope::GlobalSynced | Scope::Edge => Mode::Synced,
        },
        on_store_error: match limit.on_store_error {
            OnStoreError::Open => global::OnStoreError::Open,
            OnStoreError::Closed => global::OnStoreError::Closed,
            OnStoreError::LocalShare => global::OnStoreError::Share,
        },
        shadow: limit.shadow,
    }
}
