//! Which answer each idempotency key got. Kept for a day by the times of the facts themselves, so that a replay of the
//! journal remembers exactly what was remembered.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Order, Refusal};

const KEPT_MS: u64 = 24 * 3600 * 1000;
/// Most keys of one visitor.
pub(super) const MAX_PER_VISITOR: usize = 32;
/// Most keys in all.
pub(super) const MAX_KEYS: usize = 200_000;

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    answers: BTreeMap<String, BTreeMap<String, Answer>>,
    /// (when, visitor, key), oldest first: what is to be forgotten next.
    oldest: VecDeque<(u64, String, String)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) order: Order,
    pub(super) kept: Kept,
    pub(super) at_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kept {
    /// The booking's reference.
    Booked(String),
    Refused(Refusal),
}

impl Memory {
    pub(super) fn get(&self, visitor: &str, key: &str) -> Option<&Answer> {
        self.answers.get(visitor)?.get(key)
    }

    /// Why one more key cannot be remembered, where that is so.
    pub(super) fn full_for(&self, visitor: &str, now_ms: u64) -> Option<Refusal> {
        let expired = self.oldest.front().is_some_and(|(at_ms, ..)| at_ms + KEPT_MS <= now_ms);
        if self.oldest.len() >= MAX_KEYS && !expired {
            return Some(Refusal::Crowded);
        }
        let used = self.answers.get(visitor).map_or(0, BTreeMap::len);
        (used >= MAX_PER_VISITOR).then_some(Refusal::TooManyKeys)
    }

    pub(super) fn keep(&mut self, visitor: &str, key: &str, order: &Order, kept: Kept, at_ms: u64) {
        self.forget_before(at_ms.saturating_sub(KEPT_MS));
        let answer = Answer {
            order: order.clone(),
            kept,
            at_ms,
        };
        self.answers
            .entry(visitor.to_owned())
            .or_default()
            .insert(key.to_owned(), answer);
        self.oldest.push_back((at_ms, visitor.to_owned(), key.to_owned()));
    }

    fn forget_before(&mut self, at_ms: u64) {
        while let Some((_, visitor, key)) = self.oldest.pop_front_if(|(kept_at_ms, ..)| *kept_at_ms < at_ms) {
            if let Some(keys) = self.answers.get_mut(&visitor) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.answers.remove(&visitor);
                }
            }
        }
    }
}
