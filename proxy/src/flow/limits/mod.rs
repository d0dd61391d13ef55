//! The configured limits on a request that is about to be forwarded: which of them look at it, whom they count it for,
//! and the answer where one refuses. Counting is `stanchion_admission::limits`' business. Those who wait in line are not
//! counted: the line itself paces them.

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use stanchion_admission::ids::VisitorId;
use stanchion_admission::limits::{Algorithm, Ask, Capacity, Finding, Limiter, Permit};
use stanchion_config::{self as config, Key, Limit, OnMissingKey, Quota};
use stanchion_geo::{Tier, Whereabouts, prefix};

use super::rooms::covers;
use super::speak;
use crate::edge::Hosts;
use crate::edge::gate::{Answer, Asked};

/// The longest that a leaky bucket holds a request back.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// All limits in force, with what they remember.
pub struct Limits {
    rules: Vec<Rule>,
    limiter: Arc<Limiter>,
}

/// A limit, with what it matches made ready.
struct Rule {
    limit: Limit,
    hosts: Hosts,
    /// As [`covers`] takes them; none: every path.
    prefixes: Vec<String>,
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
    #[must_use]
    pub fn new(limits: &[Limit]) -> Limits {
        let rules: Vec<_> = limits
            .iter()
            .map(|limit| Rule {
                hosts: hosts(&limit.matcher.hosts),
                prefixes: limit.matcher.paths.iter().map(|path| lower(path)).collect(),
                limit: limit.clone(),
            })
            .collect();
        let counted = limits.iter().map(|limit| (algorithm(limit), limit.shadow));
        let limiter = Limiter::new(counted, Capacity::default(), RandomState::new());
        Limits {
            limiter: Arc::new(limiter),
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

    #[must_use]
    pub fn judge(&self, asked: &Asked<'_>, sender: &Sender<'_>, now: Duration) -> Judged<'_> {
        let mut asks = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            if !rule.looks_at(asked, sender) {
                continue;
            }
            let limit = &rule.limit;
            let key = match (key_bytes(limit, asked, sender), limit.on_missing_key) {
                (Some(key), _) => key,
                (None, OnMissingKey::Skip) => continue,
                (None, OnMissingKey::Share) => Vec::new(),
                (None, OnMissingKey::Refuse) => return lacks_key(limit, asked),
            };
            asks.push(Ask {
                rule: number,
                key: self.limiter.key(&key),
                cost: u32::try_from(limit.cost).unwrap_or(u32::MAX),
            });
        }
        let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let verdict = self.limiter.decide(&asks, now_us);
        let found = || asks.iter().zip(&verdict.findings);
        let decisions = found().map(|(ask, finding)| decision(&self.rules[ask.rule].limit, finding));
        let decisions = decisions.collect();
        let outcome = match verdict.refused_by.and_then(|at| found().nth(at)) {
            Some((ask, finding)) => Outcome::Refused(refusal(&self.rules[ask.rule].limit, finding, asked)),
            None => Outcome::Go {
                delay: Duration::from_micros(verdict.findings.iter().map(|found| found.delay_us).max().unwrap_or(0)),
                hold: verdict.permit,
            },
        };
        Judged { decisions, outcome }
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

fn decision<'a>(limit: &'a Limit, finding: &Finding) -> Decision<'a> {
    let said = match (finding.allowed, limit.shadow) {
        (true, _) => Said::Allowed,
        (false, false) => Said::Refused,
        (false, true) => Said::Shadow,
    };
    Decision {
        limit: &limit.name,
        said,
    }
}

fn lacks_key<'a>(limit: &'a Limit, asked: &Asked<'_>) -> Judged<'a> {
    let reason = format!("The request lacks what the limit {} counts by.", limit.name);
    let refused = Decision {
        limit: &limit.name,
        said: Said::Refused,
    };
    Judged {
        decisions: vec![refused],
        outcome: Outcome::Refused(speak::refusal(Some(asked), StatusCode::FORBIDDEN, &reason)),
    }
}

/// 429, with the limit and the wait in the fields of draft-ietf-httpapi-ratelimit-headers.
fn refusal(limit: &Limit, finding: &Finding, asked: &Asked<'_>) -> Answer {
    let seconds = |us: u64| us.div_ceil(1_000_000).max(1);
    let wait = finding.retry_us.map_or(1, seconds);
    let (name, quota) = (&limit.name, finding.limit);
    let (policy, what) = match limit.quota {
        Quota::PerWindow { window, .. } => {
            let window = seconds(u64::try_from(window.as_micros()).unwrap_or(u64::MAX));
            (format!("\"{name}\";q={quota};w={window}"), "so often")
        }
        Quota::Concurrent(_) => (
            format!("\"{name}\";q={quota};qu=\"concurrent-requests\""),
            "so many at a time",
        ),
    };
    let reason = format!("The limit {name} does not allow requests {what}. Try again in {wait} s.");
    let mut answer = speak::refusal(Some(asked), StatusCode::TOO_MANY_REQUESTS, &reason);
    let left = format!("\"{name}\";r={};t={}", finding.remaining, seconds(finding.reset_us));
    set(&mut answer.headers, header::RETRY_AFTER, &wait.to_string());
    set(
        &mut answer.headers,
        HeaderName::from_static("ratelimit-policy"),
        &policy,
    );
    set(&mut answer.headers, HeaderName::from_static("ratelimit"), &left);
    answer
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
