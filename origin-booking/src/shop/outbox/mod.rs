//! What others are told after a sale: which steps of an order are news, for whom, when it is tried again, when it is put
//! aside. A message is a fact beside the one that it tells of, in the same commit; it is gone when everybody has it.
//! Refuses to know how anything is delivered.

mod decisions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fact::PostFact;
use super::ids::{MessageId, TargetId};
use super::order::{Order, Stage};
pub use decisions::pause_ms;

/// Most that are told.
pub const MAX_TARGETS: usize = 32;
/// Most messages that wait or are put aside. What is news beyond that is counted and not told.
pub const MAX_MESSAGES: usize = 200_000;
/// After so many failures in a row a delivery is put aside.
pub const MAX_ATTEMPTS: u32 = 12;
/// Most that one call of the organiser brings back.
pub const MAX_REPLAYS: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    /// Somebody who waited has places on hold.
    #[serde(rename = "order.offered")]
    Offered,
    /// The places are sold; the money is about to be taken.
    #[serde(rename = "order.paid")]
    Paid,
    #[serde(rename = "order.confirmed")]
    Confirmed,
    /// The money could not be taken.
    #[serde(rename = "order.cancelled")]
    Cancelled,
    #[serde(rename = "order.refunded")]
    Refunded,
}

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::Offered,
        Kind::Paid,
        Kind::Confirmed,
        Kind::Cancelled,
        Kind::Refunded,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Offered => "order.offered",
            Kind::Paid => "order.paid",
            Kind::Confirmed => "order.confirmed",
            Kind::Cancelled => "order.cancelled",
            Kind::Refunded => "order.refunded",
        }
    }

    /// Whether an order that became this is news. What came to nothing before anything was sold is not.
    fn of(before: Option<Stage>, after: Stage) -> Option<Kind> {
        match (before, after) {
            (Some(before), after) if before == after => None,
            (Some(Stage::Created), Stage::Held) => Some(Kind::Offered),
            (_, Stage::Paid) => Some(Kind::Paid),
            (_, Stage::Confirmed) => Some(Kind::Confirmed),
            (Some(Stage::Paid), Stage::Cancelled) => Some(Kind::Cancelled),
            (_, Stage::Refunded) => Some(Kind::Refunded),
            _ => None,
        }
    }

    /// The last part of a message's name.
    fn word(self) -> &'static str {
        self.name().rsplit('.').next().unwrap_or_default()
    }
}

/// Somebody who is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Target {
    pub id: TargetId,
    pub kinds: BTreeSet<Kind>,
    /// Only of orders with an address to write to.
    pub by_mail: bool,
}

/// News of one order, as it was then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The same at each attempt and for each target: by this, whoever is told twice notices.
    pub id: MessageId,
    pub kind: Kind,
    pub at_ms: u64,
    pub order: Order,
    pub to: BTreeMap<TargetId, Delivery>,
}

/// Of one message to one target.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Failures so far.
    pub attempts: u32,
    /// When it is tried next.
    pub due_ms: u64,
    /// When it was put aside; 0: it waits.
    #[serde(default)]
    pub parked_at_ms: u64,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Arc<str>>,
}

/// What became of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Delivered,
    /// May be better later; not before this pause.
    Failed {
        why: String,
        pause_ms: u64,
    },
    /// Will never be better.
    Refused {
        why: String,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub message: MessageId,
    pub target: TargetId,
    pub outcome: Outcome,
    /// Random: keeps those that failed together from coming back together.
    pub jitter: u16,
}

/// What to bring back: one message, or all of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    pub target: TargetId,
    pub message: Option<MessageId>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outbox {
    targets: BTreeMap<TargetId, Target>,
    messages: BTreeMap<MessageId, Message>,
    /// Target → when, which.
    due: BTreeMap<TargetId, BTreeSet<(u64, MessageId)>>,
    parked: BTreeMap<TargetId, BTreeSet<(u64, MessageId)>>,
    /// Target → how many have arrived.
    delivered: BTreeMap<TargetId, u64>,
    /// News that was not told, because there was no room.
    missed: u64,
}

/// Questions.
impl Outbox {
    #[must_use]
    pub fn message(&self, id: &str) -> Option<&Message> {
        self.messages.get(id)
    }

    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values()
    }

    /// What waits for this target, the most urgent first.
    pub fn waiting(&self, target: &str) -> impl Iterator<Item = &(u64, MessageId)> {
        self.due.get(target).into_iter().flatten()
    }

    /// What was put aside, the oldest first.
    pub fn parked(&self, target: &str) -> impl Iterator<Item = &(u64, MessageId)> {
        self.parked.get(target).into_iter().flatten()
    }

    /// Waiting, put aside, arrived.
    #[must_use]
    pub fn counts(&self, target: &str) -> (usize, usize, u64) {
        let count = |of: &BTreeMap<TargetId, BTreeSet<_>>| of.get(target).map_or(0, BTreeSet::len);
        let delivered = self.delivered.get(target).copied().unwrap_or(0);
        (count(&self.due), count(&self.parked), delivered)
    }

    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// Changes.
impl Outbox {
    pub(super) fn evolve(&mut self, fact: &PostFact) {
        match fact {
            PostFact::Addressed(targets) => {
                self.targets = targets.iter().map(|one| (one.id.clone(), one.clone())).collect();
            }
            PostFact::Queued(message) => self.queue(message),
            PostFact::Missed => self.missed += 1,
            PostFact::Delivered { message, target } => {
                self.unlist(message, target);
                *self.delivered.entry(target.clone()).or_default() += 1;
                self.forget(message, target);
            }
            PostFact::Failed {
                message,
                target,
                why,
                due_ms,
            } => self.change(message, target, |delivery| {
                (delivery.attempts, delivery.due_ms) = (delivery.attempts + 1, *due_ms);
                delivery.why = Some(Arc::clone(why));
            }),
            PostFact::Parked {
                message,
                target,
                why,
                at_ms,
            } => self.change(message, target, |delivery| {
                (delivery.attempts, delivery.parked_at_ms) = (delivery.attempts + 1, (*at_ms).max(1));
                delivery.why = Some(Arc::clone(why));
            }),
            PostFact::Replayed {
                message,
                target,
                due_ms,
            } => self.change(message, target, |delivery| {
                (delivery.attempts, delivery.due_ms, delivery.parked_at_ms) = (0, *due_ms, 0);
            }),
        }
    }

    fn queue(&mut self, message: &Message) {
        for (target, delivery) in &message.to {
            let due = self.due.entry(target.clone()).or_default();
            due.insert((delivery.due_ms, message.id.clone()));
        }
        self.messages.insert(message.id.clone(), message.clone());
    }

    fn change(&mut self, message: &MessageId, target: &TargetId, how: impl FnOnce(&mut Delivery)) {
        self.unlist(message, target);
        let known = self.messages.get_mut(message);
        let Some(delivery) = known.and_then(|known| known.to.get_mut(target)) else {
            return;
        };
        how(delivery);
        let (list, at_ms) = match delivery.parked_at_ms {
            0 => (&mut self.due, delivery.due_ms),
            at_ms => (&mut self.parked, at_ms),
        };
        list.entry(target.clone()).or_default().insert((at_ms, message.clone()));
    }

    fn unlist(&mut self, message: &MessageId, target: &TargetId) {
        let known = self.messages.get(message).and_then(|known| known.to.get(target));
        let Some(delivery) = known else { return };
        for (list, at_ms) in [
            (&mut self.due, delivery.due_ms),
            (&mut self.parked, delivery.parked_at_ms),
        ] {
            if let Some(theirs) = list.get_mut(target) {
                theirs.remove(&(at_ms, message.clone()));
                if theirs.is_empty() {
                    list.remove(target);
                }
            }
        }
    }

    fn forget(&mut self, message: &MessageId, target: &TargetId) {
        if let Some(known) = self.messages.get_mut(message) {
            known.to.remove(target);
            if known.to.is_empty() {
                self.messages.remove(message);
            }
        }
    }
}
