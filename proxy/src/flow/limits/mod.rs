//! The configured limits on a request that is about to be forwarded: which of them look at it, whom they count it for,
//! and the answer where one refuses. Counting is `stanchion_admission::limits`' business. Those who wait in line are not
//! counted: the line itself paces them.

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use stanchion_admission::ids::VisitorId;
use stanchion_admission::limits::global::{By, Global, Watch};
use stanchion_admission::limits::{Algorithm, Ask, Capacity, Finding, Limiter, Permit};
use stanchion_config::{self as config, Key, Limit, OnMissingKey, OnStoreError, Quota, Scope};
use stanchion_geo::{Tier, Whereabouts, prefix};

mod answers;
mod shared;

use answers::{closed, decision, lacks_key, refusal};
pub use shared::Exchange;

use super::rooms::covers;
use crate::edge::Hosts;
use crate::edge::gate::{Answer, Asked};

/// The longest that a leaky bucket holds a request back.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// All limits in force, with what they remember.
pub struct Limits {
    rules: Vec<Rule>,
    limiter: Arc<Limiter>,
    /// Where some are counted for all edges together.
    global: Option<Global>,
}

/// What is asked of the counts for one request. Numbers of rules rise.
#[derive(Default)]
struct Asks {
    here: Vec<Ask>,
    global: Vec<Ask>,
    /// The rules that look at it, and where each of them stands in its list.
    rules: Vec<(usize, Counted)>,
}

/// A limit, with what it matches made ready.
struct Rule {
    limit: Limit,
    hosts: Hosts,
    /// As [`covers`] takes them; none: every path.
    prefixes: Vec<String>,
    /// Its number among those that are counted in the same place.
    counted: Counted,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counted {
    Here(usize),
    Global(usize),
}

/// Who sent the request.
pub struct Sender<'a> {
    pub visitor: Option<VisitorId>,
    /// Looked up only where a limit asks for it.
    pub whereabouts: &'a (dyn Fn(IpAddr) -> Whereabouts + Sync),
}

/// What the limits say of a request.
pub struct Judged<'a> {
    /// What each limit that looked at it found.
    pub decisions: Vec<Decision<'a>>,
    pub outcome: Outcome,
}

/// For the metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision<'a> {
    /// The limit's name.
    pub limit: &'a str,
    pub said: Said,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    Allowed,
    Refused,
    /// It would have been refused, were the limit not in the shadow.
    Shadow,
    /// As `Allowed` and `Refused`, by `on_store_error`: the store is away.
    AllowedAlone,
    RefusedAlone,
}

pub enum Outcome {
    /// To go on after `delay`; what counts only while it is under way is held until then.
    Go {
        delay: Duration,
        hold: Option<Permit>,
    },
    Refused(Answer),
}

impl Limits {
    /// `exchange`: where edges count together. Without, this edge is the only one.
    #[must_use]
    pub fn new(limits: &[Limit], exchange: Option<&Exchange>) -> Limits {
        let (mut here, mut global) = (0..limits.len(), 0..limits.len());
        let rules: Vec<_> = limits
            .iter()
            .map(|limit| Rule {
                hosts: hosts(&limit.matcher.hosts),
                prefixes: limit.matcher.paths.iter().map(|path| lower(path)).collect(),
                counted: match (exchange, limit.scope) {
                    (None, _) | (_, Scope::Edge) => Counted::Here(here.next().unwrap_or(0)),
                    _ => Counted::Global(global.next().unwrap_or(0)),
                },
                limit: limit.clone(),
            })
            .collect();
        let of = |here| {
            let wanted = move |rule: &&Rule| matches!(rule.counted, Counted::Here(_)) == here;
            rules.iter().filter(wanted).map(|rule| &rule.limit)
        };
        let counted = of(true).map(|limit| (algorithm(limit), limit.shadow));
        let limiter = Limiter::new(counted, Capacity::default(), RandomState::new());
        let global = exchange
            .filter(|_| of(false).next().is_some())
            .and_then(|exchange| exchange.start(of(false)));
        Limits {
            limiter: Arc::new(limiter),
            global,
            rules,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether these are the limits in force; then what they remember is worth keeping.
    #[must_use]
    pub fn are(&self, limits: &[Limit]) -> bool {
        self.rules.iter().map(|rule| &rule.limit).eq(limits)
    }

    /// Figures of the exchange with the store, where there is one.
    #[must_use]
    pub fn watch(&self) -> Option<Watch> {
        self.global.as_ref().map(Global::watch)
    }

    /// Judges a request by all limits that look at it: all are charged, or none. Those of this edge first: who is
    /// refused by them never waits for the store.
    pub async fn judge(&self, asked: &Asked<'_>, sender: &Sender<'_>, now: Duration) -> Judged<'_> {
        let asks = match self.asks(asked, sender) {
            Ok(asks) => asks,
            Err(limit) => return lacks_key(limit, asked),
        };
        let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let here = self.limiter.decide(&asks.here, now_us);
        let global = match &self.global {
            Some(global) if here.refused_by.is_none() && !asks.global.is_empty() => global.decide(&asks.global).await,
            _ => Default::default(),
        };
        if global.refused_by.is_some() {
            self.limiter.give_back(&asks.here, &here.findings, now_us);
        }
        let mut said = Told::default();
        for (number, counted) in &asks.rules {
            let rule = &self.rules[*number];
            let (found, refuses) = match *counted {
                Counted::Here(at) => (
                    here.findings.get(at).map(|one| (*one, By::Counts)),
                    here.refused_by == Some(at),
                ),
                Counted::Global(at) => (global.findings.get(at).copied(), global.refused_by == Some(at)),
            };
            if let Some((finding, by)) = found {
                said.add(&rule.limit, finding, by, refuses);
            }
        }
        said.judged(asked, here.permit)
    }

    /// Which rules look at a request, and whom they count it for; or the one that refuses what lacks its key.
    fn asks(&self, asked: &Asked<'_>, sender: &Sender<'_>) -> Result<Asks, &Limit> {
        let mut asks = Asks::default();
        for (number, rule) in self.rules.iter().enumerate() {
            if !rule.looks_at(asked, sender) {
                continue;
            }
            let limit = &rule.limit;
            let bytes = match (key_bytes(limit, asked, sender), limit.on_missing_key) {
                (Some(bytes), _) => bytes,
                (None, OnMissingKey::Skip) => continue,
                (None, OnMissingKey::Share) => Vec::new(),
                (None, OnMissingKey::Refuse) => return Err(limit),
            };
            let cost = u32::try_from(limit.cost).unwrap_or(u32::MAX);
            let counted = match (rule.counted, &self.global) {
                (Counted::Global(rule), Some(global)) => {
                    let key = global.leases().key(&bytes);
                    asks.global.push(Ask { rule, key, cost });
                    Counted::Global(asks.global.len() - 1)
                }
                // Its store could not even be named; that was found out, and said, before.
                (Counted::Global(_), None) => continue,
                (Counted::Here(rule), _) => {
                    let key = self.limiter.key(&bytes);
                    asks.here.push(Ask { rule, key, cost });
                    Counted::Here(asks.here.len() - 1)
                }
            };
            asks.rules.push((number, counted));
        }
        Ok(asks)
    }
}

/// What all limits said of one request, in their order.
#[derive(Default)]
struct Told<'a> {
    decisions: Vec<Decision<'a>>,
    delay_us: u64,
    refused: Option<(&'a Limit, Finding, By)>,
}

impl<'a> Told<'a> {
    fn add(&mut self, limit: &'a Limit, finding: Finding, by: By, refuses: bool) {
        self.decisions.push(decision(limit, &finding, by));
        self.delay_us = self.delay_us.max(finding.delay_us);
        if refuses && self.refused.is_none() {
            self.refused = Some((limit, finding, by));
        }
    }

    fn judged(self, asked: &Asked<'_>, hold: Option<Permit>) -> Judged<'a> {
        let outcome = match self.refused {
            Some((limit, _, By::Policy)) if limit.on_store_error == OnStoreError::Closed => {
                Outcome::Refused(closed(limit, asked))
            }
            Some((limit, finding, _)) => Outcome::Refused(refusal(limit, &finding, asked)),
            None => Outcome::Go {
                delay: Duration::from_micros(self.delay_us),
                hold,
            },
        };
        Judged {
            decisions: self.decisions,
            outcome,
        }
    }
}

fn hosts(patterns: &[String]) -> Hosts {
    match patterns {
        [] => Hosts::from_patterns(["*"]),
        some => Hosts::from_patterns(some.iter().map(String::as_str)),
    }
}

fn algorithm(limit: &Limit) -> Algorithm {
    let (count, window) = match limit.quota {
        Quota::PerWindow { count, window } => (count, window),
        Quota::Concurrent(count) => (count, Duration::ZERO),
    };
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    let window_us = u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1);
    match limit.algorithm {
        config::Algorithm::SlidingWindow => Algorithm::SlidingWindow { count, window_us },
        config::Algorithm::SlidingLog => Algorithm::SlidingLog { count, window_us },
        config::Algorithm::TokenBucket => Algorithm::TokenBucket { count, window_us },
        config::Algorithm::FixedWindow => Algorithm::FixedWindow { count, window_us },
        config::Algorithm::LeakyBucket => Algorithm::LeakyBucket {
            count,
            window_us,
            max_delay_us: u64::try_from(MAX_DELAY.as_micros()).unwrap_or(u64::MAX),
        },
        config::Algorithm::Concurrency => Algorithm::Concurrency { count },
    }
}

impl Rule {
    fn looks_at(&self, asked: &Asked<'_>, sender: &Sender<'_>) -> bool {
        let wanted = &self.limit.matcher;
        let any = |list: &[String], one: &dyn Fn(&String) -> bool| list.is_empty() || list.iter().any(one);
        let place = || {
            if wanted.countries.is_empty() && wanted.networks.is_empty() {
                return true;
            }
            let from = (sender.whereabouts)(asked.client);
            let network = wanted.networks.is_empty() || from.network.is_some_and(|one| wanted.networks.contains(&one));
            network && any(&wanted.countries, &|country| country == from.country_or_unknown())
        };
        self.hosts.serves(asked.host)
            && any(&self.prefixes, &|prefix| covers(prefix, asked.path, true))
            && any(&wanted.methods, &|method| method == asked.method.as_str())
            && wanted.headers.iter().all(|name| asked.headers.contains_key(name.as_str()))
            // No token is read for its claims yet; the configuration says so.
            && wanted.claims.is_empty()
            && place()
    }
}

fn lower(path: &str) -> String {
    path.trim_end_matches('/').to_ascii_lowercase()
}

/// The parts of a key one after the other, each with its length, so that no two keys look alike. `None`: one is missing.
fn key_bytes(limit: &Limit, asked: &Asked<'_>, sender: &Sender<'_>) -> Option<Vec<u8>> {
    let mut all = Vec::with_capacity(32);
    for key in &limit.key {
        let part = part(key, asked, sender)?;
        all.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
        all.extend_from_slice(&part);
    }
    Some(all)
}

fn part(key: &Key, asked: &Asked<'_>, sender: &Sender<'_>) -> Option<Vec<u8>> {
    let address = |tier| match prefix(asked.client, tier).addr() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let whereabouts = || (sender.whereabouts)(asked.client);
    match key {
        Key::Ip => Some(address(Tier::Line)),
        Key::Prefix => Some(address(Tier::Site)),
        Key::Visitor => sender.visitor.map(|visitor| visitor.0.to_vec()),
        Key::Country => whereabouts().country.map(|country| country.to_vec()),
        Key::Network => whereabouts().network.map(|network| network.to_be_bytes().to_vec()),
        Key::Host => Some(asked.host.as_bytes().to_vec()),
        Key::Path => Some(lower(asked.path).into_bytes()),
        Key::Method => Some(asked.method.as_str().as_bytes().to_vec()),
        Key::Header(name) => asked.headers.get(name.as_str()).map(|value| value.as_bytes().to_vec()),
        Key::Claim(_) => None,
    }
}

#[cfg(test)]
mod tests;
