//! Who is told what, and what follows from an attempt that failed. The plan of the attempts is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Delivery, Kind, MAX_ATTEMPTS, MAX_MESSAGES, MAX_REPLAYS, MAX_TARGETS, Message, Outbox, Outcome, Replay, Report,
    Target,
};
use crate::shop::fact::{Fact, PostFact};
use crate::shop::ids::{MessageId, TargetId};
use crate::shop::order::{Order, Stage};
use crate::shop::refusal::Refusal;
use crate::shop::{Decision, Done};

/// The first pause; each further one is four times as long, up to [`LONGEST_MS`]. 12 attempts take about 31 hours.
const FIRST_MS: u64 = 5_000;
const LONGEST_MS: u64 = 6 * 3_600_000;
/// Longest reason that is kept, in characters.
const MAX_WHY: usize = 200;

/// How long to wait after so many failures, between three and five quarters of the plan.
#[must_use]
pub fn pause_ms(failures: u32, jitter: u16) -> u64 {
    let steps = failures.saturating_sub(1).min(16);
    let planned = FIRST_MS.saturating_mul(4_u64.saturating_pow(steps)).min(LONGEST_MS);
    planned * 3 / 4 + planned / 2 * u64::from(jitter) / u64::from(u16::MAX)
}

/// Decisions.
impl Outbox {
    /// Who is told from now on. What waits for somebody who is not told any more is put aside.
    pub(in crate::shop) fn address(&self, targets: &[Target], now_ms: u64) -> Decision {
        let new: BTreeMap<_, _> = targets
            .iter()
            .map(|target| (target.id.clone(), target.clone()))
            .collect();
        if new.len() > MAX_TARGETS || new.len() != targets.len() {
            return Err(Refusal::BadListing);
        }
        if new == self.targets {
            return Ok((Vec::new(), Done::Noted));
        }
        let gone = self.due.iter().filter(|(target, _)| !new.contains_key(*target));
        let lost = gone.flat_map(|(target, due)| due.iter().map(move |(_, message)| (target, message)));
        let mut facts: Vec<Fact> = lost
            .map(|(target, message)| {
                let why = Arc::from("nobody of this name is told any more");
                parked(message.clone(), target.clone(), why, now_ms)
            })
            .collect();
        facts.push(Fact::Post(PostFact::Addressed(targets.to_vec())));
        Ok((facts, Done::Noted))
    }

    /// What is to be told of this order, now that it became what it is.
    pub(in crate::shop) fn news(&self, before: Option<Stage>, order: &Order, now_ms: u64) -> Option<Fact> {
        let kind = Kind::of(before, order.stage)?;
        let hears =
            |target: &&Target| target.kinds.contains(&kind) && (!target.by_mail || order.contact.email.is_some());
        let to: BTreeMap<_, _> = (self.targets.values().filter(hears))
            .map(|target| {
                let now = Delivery {
                    due_ms: now_ms,
                    ..Delivery::default()
                };
                (target.id.clone(), now)
            })
            .collect();
        if to.is_empty() {
            return None;
        }
        if self.messages.len() >= MAX_MESSAGES {
            return Some(Fact::Post(PostFact::Missed));
        }
        Some(Fact::Post(PostFact::Queued(Box::new(Message {
            id: format!("msg_{}_{}", order.id, kind.word()).into(),
            kind,
            at_ms: now_ms,
            order: order.clone(),
            to,
        }))))
    }

    pub(in crate::shop) fn report(&self, report: &Report, now_ms: u64) -> Decision {
        let (message, target) = (&report.message, &report.target);
        let delivery = self.messages.get(message).and_then(|known| known.to.get(target));
        // Told twice by two writers, or put aside meanwhile: nothing more to know.
        let Some(delivery) = delivery.filter(|delivery| delivery.parked_at_ms == 0) else {
            return Ok((Vec::new(), Done::Noted));
        };
        let (message, target) = (message.clone(), target.clone());
        let fact = match &report.outcome {
            Outcome::Delivered => Fact::Post(PostFact::Delivered { message, target }),
            Outcome::Refused { why } => parked(message, target, short(why), now_ms),
            Outcome::Failed { why, .. } if delivery.attempts + 1 >= MAX_ATTEMPTS => {
                parked(message, target, short(why), now_ms)
            }
            Outcome::Failed { why, pause_ms: asked } => {
                let pause = pause_ms(delivery.attempts + 1, report.jitter);
                Fact::Post(PostFact::Failed {
                    message,
                    target,
                    why: short(why),
                    due_ms: now_ms.saturating_add(pause.max((*asked).min(LONGEST_MS))),
                })
            }
        };
        Ok((vec![fact], Done::Noted))
    }

    /// Brings back what was put aside, as if it had never been tried.
    pub(in crate::shop) fn replay(&self, replay: &Replay, now_ms: u64) -> Decision {
        if !self.targets.contains_key(&replay.target) {
            return Err(Refusal::UnknownDelivery);
        }
        let parked = self.parked(replay.target.as_str());
        let wanted = parked.filter(|(_, id)| replay.message.as_ref().is_none_or(|one| one == id));
        let facts: Vec<Fact> = wanted
            .take(MAX_REPLAYS)
            .map(|(_, id)| {
                Fact::Post(PostFact::Replayed {
                    message: id.clone(),
                    target: replay.target.clone(),
                    due_ms: now_ms,
                })
            })
            .collect();
        let count = facts.len();
        match replay.message.is_some() && count == 0 {
            true => Err(Refusal::UnknownDelivery),
            false => Ok((facts, Done::Replayed { count })),
        }
    }
}

fn parked(message: MessageId, target: TargetId, why: Arc<str>, at_ms: u64) -> Fact {
    Fact::Post(PostFact::Parked {
        message,
        target,
        why,
        at_ms,
    })
}

fn short(why: &str) -> Arc<str> {
    let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_WHY).collect::<String>().into()
}
