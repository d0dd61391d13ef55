//! Several rules on one request: all are judged, then all are charged or none.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::MutexGuard;

use super::table::{Capacity, Kind, Place, Shard, Table};
use super::{Algorithm, Finding, State};

/// A request under one rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Number of the rule.
    pub rule: usize,
    /// From [`Limiter::key`].
    pub key: u64,
    pub cost: u32,
}

/// What became of a request.
#[derive(Debug)]
pub struct Verdict {
    /// One for each that was asked, in its order.
    pub findings: Vec<Finding>,
    /// The first that was asked and refuses; nothing was charged to anybody.
    pub refused_by: Option<usize>,
    /// Gives back what counts only while the request is under way. `None` where nothing does.
    pub permit: Option<Permit>,
}

/// Held while a request is under way.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<Limiter>,
    held: Vec<(Ask, Place)>,
}

/// All rules, and what they remember.
pub struct Limiter {
    rules: Vec<(Algorithm, Shadow, Table<State>)>,
    hasher: RandomState,
}

/// One rule's answer, with its shard still locked.
struct Held<'a> {
    ask: Ask,
    algorithm: &'a Algorithm,
    shard: MutexGuard<'a, Shard<State>>,
    place: Place,
}

/// A rule in the shadow is judged and charged like the others, and refuses nobody.
type Shadow = bool;

impl Limiter {
    /// `hasher` is keyed anew in every process, so that nobody outside can choose keys that collide.
    #[must_use]
    pub fn new(
        rules: impl IntoIterator<Item = (Algorithm, Shadow)>,
        capacity: Capacity,
        hasher: RandomState,
    ) -> Limiter {
        let rules = rules
            .into_iter()
            .map(|(algorithm, shadow)| (algorithm, shadow, Table::new(capacity)))
            .collect();
        Limiter { rules, hasher }
    }

    /// The key under which the owner of these bytes is counted. Give each kind of bytes a rule of its own.
    #[must_use]
    pub fn key(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    /// How many keys a rule remembers.
    #[must_use]
    pub fn remembered(&self, rule: usize) -> usize {
        self.rules.get(rule).map_or(0, |(_, _, table)| table.len())
    }

    /// Judges a request by rules of rising number, each once; others are passed over.
    #[must_use]
    pub fn decide(self: &Arc<Self>, asks: &[Ask], now_us: u64) -> Verdict {
        let mut held: Vec<Held<'_>> = Vec::with_capacity(asks.len());
        let (mut findings, mut refused_by) = (Vec::with_capacity(asks.len()), None);
        // Rising order is what keeps two requests from waiting for each other.
        let mut next = 0;
        for ask in asks {
            let Some((algorithm, shadow, table)) = self.rules.get(ask.rule).filter(|_| ask.rule >= next) else {
                continue;
            };
            next = ask.rule + 1;
            let mut shard = table.hold(ask.key);
            let place = shard.place(ask.key, table.most(), now_us, algorithm);
            let finding = shard.state(place, algorithm).judge(algorithm, now_us, ask.cost);
            if !finding.allowed && !shadow && refused_by.is_none() {
                refused_by = Some(findings.len());
            }
            findings.push(finding);
            if finding.allowed {
                held.push(Held {
                    ask: *ask,
                    algorithm,
                    shard,
                    place,
                });
            }
        }
        let permit = match refused_by {
            None => self.charge(held, now_us),
            Some(_) => None,
        };
        Verdict {
            findings,
            refused_by,
            permit,
        }
    }

    /// Takes back what an allowed request was charged, because somebody else refused it: its asks and findings. What
    /// counts only while a request is under way is given back by its [`Permit`].
    pub fn give_back(&self, asks: &[Ask], findings: &[Finding], now_us: u64) {
        for (ask, _) in asks.iter().zip(findings).filter(|(_, finding)| finding.allowed) {
            if let Some((algorithm, _, table)) = self.rules.get(ask.rule) {
                let mut shard = table.hold(ask.key);
                let place = shard.place(ask.key, table.most(), now_us, algorithm);
                shard.state(place, algorithm).give_back(algorithm, ask.cost);
            }
        }
    }

    fn charge(self: &Arc<Self>, held: Vec<Held<'_>>, now_us: u64) -> Option<Permit> {
        let mut under_way = Vec::new();
        for mut held in held {
            let (ask, place) = (held.ask, held.place);
            held.shard
                .state(place, held.algorithm)
                .take(held.algorithm, now_us, ask.cost);
            if matches!(held.algorithm, Algorithm::Concurrency { .. }) {
                under_way.push((ask, place));
            }
        }
        (!under_way.is_empty()).then(|| Permit {
            limiter: self.clone(),
            held: under_way,
        })
    }
}

impl Kind<State> for Algorithm {
    fn fresh(&self) -> State {
        State::fresh(self)
    }

    fn is_fresh(&self, state: &State, now_us: u64) -> bool {
        state.is_fresh(self, now_us)
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        for (ask, place) in &self.held {
            if let Some((algorithm, _, table)) = self.limiter.rules.get(ask.rule) {
                table.hold(ask.key).state(*place, algorithm).leave(ask.cost);
            }
        }
    }
}
