//! What the edge counts. Plain numbers; how they are shown is somebody else's business.

use std::sync::atomic::{AtomicU64, Ordering};

use super::refusal::Refusal;

#[derive(Debug)]
pub struct Stats {
    pub accepted: AtomicU64,
    /// Connections turned away because there are too many, in all or of their network.
    pub turned_away: AtomicU64,
    pub tls_failed: AtomicU64,
    /// Connections without a good PROXY protocol header where one is required, or from a hop that nobody trusts.
    pub preface_failed: AtomicU64,
    /// Connections to the decision service from peers that may not ask.
    pub strangers: AtomicU64,
    pub requests: AtomicU64,
    pub answered: AtomicU64,
    pub forwarded: AtomicU64,
    /// Requests that another proxy was told to let through.
    pub let_through: AtomicU64,
    pub panics: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            accepted: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            tls_failed: AtomicU64::new(0),
            preface_failed: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            forwarded: AtomicU64::new(0),
            let_through: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            refused: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Stats {
    pub fn refused(&self, refusal: Refusal) {
        if let Some(count) = self.refused.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each refusal with its count.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL
            .into_iter()
            .zip(&self.refused)
            .map(|(refusal, count)| (refusal, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_count() {
        let stats = Stats::default();
        for refusal in Refusal::ALL {
            stats.refused(refusal);
        }
        assert!(stats.refusals().all(|(_, count)| count == 1));
    }
}
