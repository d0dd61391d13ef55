//! Which answer each idempotency key got. Kept for three days by the times of the facts themselves, so that a replay of
//! the journal remembers exactly what was remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Reply;
use super::command::Key;
use super::fact::{Answered, Fact};
use super::guard::Guard;
use super::ids::PersonId;
use super::refusal::Refusal;

pub(super) const KEPT_MS: u64 = 72 * 3_600_000;
/// Most keys of one person.
pub(super) const MAX_PER_PERSON: usize = 64;
/// Most keys in all.
pub(super) const MAX_KEYS: usize = 1_000_000;

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Answers {
    of_person: BTreeMap<PersonId, BTreeMap<Arc<str>, Remembered>>,
    /// (when, person, key), oldest first: what is to be forgotten next.
    oldest: VecDeque<(u64, PersonId, Arc<str>)>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Remembered {
    fingerprint: Arc<str>,
    reply: Reply,
}

/// The fact that makes the answer remembered; none without a key, or where a retry may be answered otherwise.
pub(super) fn to_keep(key: Option<&Key>, reply: &Reply, now_ms: u64) -> Option<Fact> {
    let key = key?;
    if reply.as_ref().is_err_and(|refusal| refusal.is_passing()) {
        return None;
    }
    Some(Fact::Answered(Box::new(Answered {
        person: key.person.clone(),
        key: Arc::clone(&key.key),
        fingerprint: Arc::clone(&key.fingerprint),
        reply: reply.clone(),
        at_ms: now_ms,
    })))
}

impl Answers {
    /// One key, one outcome: the answer that was given, or that the key cannot be used for this.
    pub(super) fn known(&self, key: Option<&Key>) -> Option<Reply> {
        let key = key?;
        let remembered = self.of_person.get(&key.person)?.get(&key.key)?;
        if !Guard::KeyOnce.forbids(true) {
            return None;
        }
        match remembered.fingerprint == key.fingerprint {
            true => Some(remembered.reply.clone()),
            false => Some(Err(Refusal::KeyReused)),
        }
    }

    /// Why one more key cannot be remembered, where that is so.
    pub(super) fn full_for(&self, key: Option<&Key>, now_ms: u64) -> Option<Refusal> {
        let key = key?;
        let expired = self.oldest.front().is_some_and(|(at_ms, ..)| at_ms + KEPT_MS < now_ms);
        if self.oldest.len() >= MAX_KEYS && !expired {
            return Some(Refusal::Crowded);
        }
        let used = self.of_person.get(&key.person).map_or(0, BTreeMap::len);
        (used >= MAX_PER_PERSON).then_some(Refusal::TooManyKeys)
    }

    pub(super) fn keep(&mut self, answered: &Answered) {
        self.forget_before(answered.at_ms.saturating_sub(KEPT_MS));
        let remembered = Remembered {
            fingerprint: Arc::clone(&answered.fingerprint),
            reply: answered.reply.clone(),
        };
        let (person, key) = (answered.person.clone(), Arc::clone(&answered.key));
        self.of_person
            .entry(person.clone())
            .or_default()
            .insert(Arc::clone(&key), remembered);
        self.oldest.push_back((answered.at_ms, person, key));
    }

    fn forget_before(&mut self, at_ms: u64) {
        while let Some((_, person, key)) = self.oldest.pop_front_if(|(kept_at_ms, ..)| *kept_at_ms < at_ms) {
            if let Some(keys) = self.of_person.get_mut(&person) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.of_person.remove(&person);
                }
            }
        }
    }
}
