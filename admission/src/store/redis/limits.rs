//! The counts of global limits in Redis: two scripts over keys that share one hash tag, so that all rules of a request
//! are judged at once, on one server. The keys' names are hashes; nobody reads in them whose they are.

use async_trait::async_trait;
use redis::Value;

use super::RedisStore;
use super::script::{Invocation, Keys, Operation};
use crate::limits::global::{
    Charge, Counts, EDGE_LIVES_US, Exchanged, Grant, HOLD_KEPT_US, Judged, MAX_BATCH, Report, Retry,
};
use crate::limits::{Algorithm, Finding};
use crate::store::StoreError;

/// No room can have this name.
const TAG: &str = "~limits";
/// Rules in one call.
const MAX_CHARGES: usize = 256;

fn key(name: u64) -> String {
    format!("stanchion:{{{TAG}}}:{name:016x}")
}

/// Decimal arguments after the clock.
struct Arguments(Vec<Vec<u8>>);

impl Arguments {
    fn text(&mut self, text: String) -> &mut Arguments {
        self.0.push(text.into_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Arguments {
        self.text(number.to_string())
    }

    /// Letter, count, window, delay.
    fn rule(&mut self, algorithm: &Algorithm) -> Result<&mut Arguments, StoreError> {
        let (letter, count, window_us, delay_us) = match *algorithm {
            Algorithm::SlidingWindow { count, window_us } => ("w", count, window_us, 0),
            Algorithm::FixedWindow { count, window_us } => ("f", count, window_us, 0),
            Algorithm::TokenBucket { count, window_us } => ("b", count, window_us, 0),
            Algorithm::LeakyBucket {
                count,
                window_us,
                max_delay_us,
            } => ("q", count, window_us, max_delay_us),
            Algorithm::SlidingLog { .. } | Algorithm::Concurrency { .. } => {
                return Err(StoreError::Refused(
                    "this algorithm is not counted in a store".to_owned(),
                ));
            }
        };
        let counted = self.text(letter.to_owned()).number(u64::from(count));
        Ok(counted.number(window_us).number(delay_us))
    }
}

impl RedisStore {
    fn arguments(&self) -> Arguments {
        let clock = self.test_clock().map_or_else(String::new, |now| now.0.to_string());
        Arguments(vec![clock.into_bytes()])
    }

    async fn limits(&self, operation: Operation, keys: Vec<String>, args: Arguments) -> Result<Vec<i64>, StoreError> {
        let script = Invocation {
            operation,
            room: TAG.to_owned(),
            keys: Keys::These(keys),
            args: args.0,
        };
        numbers(&self.call(&script).await?)
    }
}

#[async_trait]
impl Counts for RedisStore {
    async fn exact(&self, charges: &[Charge]) -> Result<Judged, StoreError> {
        if charges.len() > MAX_CHARGES {
            return Err(StoreError::Refused(format!("{} rules in one call", charges.len())));
        }
        let mut args = self.arguments();
        for charge in charges {
            let rule = args.rule(&charge.algorithm)?;
            rule.number(u64::from(charge.cost)).number(u64::from(charge.shadow));
        }
        let keys = charges.iter().map(|charge| key(charge.name)).collect();
        let answer = self.limits(Operation::LimitExact, keys, args).await?;
        judged(&answer, charges).ok_or_else(|| nonsense(&answer))
    }

    async fn sync(&self, edge: u64, reports: &[Report]) -> Result<Exchanged, StoreError> {
        if reports.len() > MAX_BATCH {
            return Err(StoreError::Refused(format!("{} reports in one call", reports.len())));
        }
        let mut args = self.arguments();
        args.text(format!("{edge:016x}"))
            .number(EDGE_LIVES_US)
            .number(HOLD_KEPT_US);
        for report in reports {
            let rule = args.rule(&report.algorithm)?;
            for number in [report.spent, report.keeps, report.wants, report.needs] {
                rule.number(u64::from(number));
            }
        }
        let mut keys = vec![format!("stanchion:{{{TAG}}}:edges")];
        keys.extend(reports.iter().map(|report| key(report.name)));
        let answer = self.limits(Operation::LimitSync, keys, args).await?;
        exchanged(&answer, reports.len()).ok_or_else(|| nonsense(&answer))
    }
}

fn nonsense(answer: &[i64]) -> StoreError {
    StoreError::Nonsense(format!("{} numbers from a script of the limits", answer.len()))
}

fn numbers(value: &Value) -> Result<Vec<i64>, StoreError> {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().map(number).collect::<Option<_>>(),
        _ => None,
    }
    .ok_or_else(|| StoreError::Nonsense("not a list of numbers".to_owned()))
}

/// `{refused, (allowed, remaining, reset, retry, delay)…}`.
fn judged(answer: &[i64], charges: &[Charge]) -> Option<Judged> {
    let (refused, findings) = answer.split_first()?;
    let refused = usize::try_from(*refused).ok()?;
    if findings.len() != charges.len() * 5 || refused > charges.len() {
        return None;
    }
    let finding = |(numbers, charge): (&[i64], &Charge)| match numbers {
        [allowed, remaining, reset, retry, delay] => Some(Finding {
            allowed: *allowed == 1,
            limit: count(&charge.algorithm),
            remaining: u32::try_from(*remaining).ok()?,
            reset_us: u64::try_from(*reset).ok()?,
            retry_us: u64::try_from(*retry).ok(),
            delay_us: u64::try_from(*delay).ok()?,
        }),
        _ => None,
    };
    Some(Judged {
        findings: findings.chunks(5).zip(charges).map(finding).collect::<Option<_>>()?,
        refused_by: refused.checked_sub(1),
    })
}

/// `{edges, (more, free, reset, retry)…}`.
fn exchanged(answer: &[i64], reports: usize) -> Option<Exchanged> {
    let (edges, grants) = answer.split_first()?;
    if grants.len() != reports * 4 {
        return None;
    }
    let grant = |numbers: &[i64]| match numbers {
        [more, free, reset, retry] => Some(Grant {
            more: u32::try_from(*more).ok()?,
            free: u32::try_from(*free).ok()?,
            reset_us: u64::try_from(*reset).ok()?,
            retry: match u64::try_from(*retry) {
                Ok(0) => Retry::Soon,
                Ok(us) => Retry::After(us),
                Err(_) => Retry::Never,
            },
        }),
        _ => None,
    };
    Some(Exchanged {
        edges: u32::try_from(*edges).ok()?,
        grants: grants.chunks(4).map(grant).collect::<Option<_>>()?,
    })
}

fn count(algorithm: &Algorithm) -> u32 {
    match *algorithm {
        Algorithm::SlidingWindow { count, .. }
        | Algorithm::SlidingLog { count, .. }
        | Algorithm::TokenBucket { count, .. }
        | Algorithm::FixedWindow { count, .. }
        | Algorithm::LeakyBucket { count, .. }
        | Algorithm::Concurrency { count } => count,
    }
}
