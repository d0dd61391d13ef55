//! What an edge has counted, as one value at one moment, for whoever shows it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::Core;

/// Classes of an origin's answers; the last: it did not answer.
pub const ANSWER_CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// Counters since the start, and what is open now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub connections_open: usize,
    pub accepted: u64,
    pub turned_away: u64,
    pub tls_failed: u64,
    pub preface_failed: u64,
    pub strangers: u64,
    pub requests: u64,
    pub answered: u64,
    pub forwarded: u64,
    pub let_through: u64,
    pub panics: u64,
    /// Refusals by their short name.
    pub refused: Vec<(&'static str, u64)>,
    pub origins: Vec<OriginFigures>,
}

/// One origin. Its counters begin anew when the settings are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginFigures {
    pub name: String,
    /// Servers that may be asked now, and servers in all.
    pub healthy: usize,
    pub servers: usize,
    /// By [`ANSWER_CLASSES`].
    pub answers: [u64; ANSWER_CLASSES.len()],
}

/// Reads the figures of a running edge.
pub type ReadFigures = Arc<dyn Fn() -> Figures + Send + Sync>;

pub(super) fn of(core: &Core) -> Figures {
    let stats = &core.stats;
    let live = core.live.load();
    let origin = |name: &String| {
        let group = live.origins.group(name)?;
        let (healthy, servers) = group.health();
        Some(OriginFigures {
            name: name.clone(),
            healthy,
            servers,
            answers: group.answers(),
        })
    };
    Figures {
        connections_open: core.connections.open(),
        accepted: stats.accepted.load(Ordering::Relaxed),
        turned_away: stats.turned_away.load(Ordering::Relaxed),
        tls_failed: stats.tls_failed.load(Ordering::Relaxed),
        preface_failed: stats.preface_failed.load(Ordering::Relaxed),
        strangers: stats.strangers.load(Ordering::Relaxed),
        let_through: stats.let_through.load(Ordering::Relaxed),
        requests: stats.requests.load(Ordering::Relaxed),
        answered: stats.answered.load(Ordering::Relaxed),
        forwarded: stats.forwarded.load(Ordering::Relaxed),
        panics: stats.panics.load(Ordering::Relaxed),
        refused: stats
            .refusals()
            .map(|(refusal, count)| (refusal.code(), count))
            .collect(),
        origins: live
            .settings
            .origins
            .iter()
            .filter_map(|settings| origin(&settings.name))
            .collect(),
    }
}
