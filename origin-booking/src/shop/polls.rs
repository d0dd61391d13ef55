//! Polls: one vote a person.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::catalogue::MAX_TIME_MS;
use super::fact::{Fact, GoodsFact};
use super::guard::Guard;
use super::ids::{PersonId, PollId, is_plain_id};
use super::refusal::Refusal;
use super::{Decision, Done};

/// Most polls, options of one, and voters of one.
pub const MAX_POLLS: usize = 1_000;
pub const MAX_OPTIONS: usize = 50;
pub const MAX_VOTERS: usize = 1_000_000;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    #[schema(value_type = String, pattern = "^[a-z0-9-]{1,40}$", examples("encore"))]
    pub id: PollId,
    #[schema(min_length = 1, max_length = 200)]
    pub question: String,
    /// Each of 1-200 characters.
    #[schema(min_items = 2, max_items = 50, value_type = Vec<PollOption>)]
    pub options: Vec<String>,
    /// No vote from this moment on; 0: for ever.
    #[serde(default)]
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub until_ms: u64,
}

/// The shape of one option, for the description of the API.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 200)]
#[allow(dead_code)]
struct PollOption(String);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Count {
    poll: Poll,
    votes: Vec<u32>,
    voters: BTreeSet<PersonId>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Polls(BTreeMap<PollId, Count>);

impl Polls {
    /// The poll and the votes for each option.
    #[must_use]
    pub fn result(&self, poll: &str) -> Option<(&Poll, &[u32])> {
        self.0.get(poll).map(|count| (&count.poll, count.votes.as_slice()))
    }

    #[must_use]
    pub fn has_voted(&self, poll: &str, person: &str) -> bool {
        self.0.get(poll).is_some_and(|count| count.voters.contains(person))
    }

    /// Idempotent; what is known stays.
    pub(super) fn open(&self, poll: &Poll) -> Decision {
        let fits = |text: &String| (1..=200).contains(&text.chars().count());
        let good = (2..=MAX_OPTIONS).contains(&poll.options.len()) && poll.options.iter().all(fits);
        let in_time = poll.until_ms <= MAX_TIME_MS;
        if !(good && in_time && fits(&poll.question) && is_plain_id(poll.id.as_str())) {
            return Err(Refusal::BadListing);
        }
        if self.0.contains_key(&poll.id) {
            return Ok((Vec::new(), Done::Noted));
        }
        match self.0.len() >= MAX_POLLS {
            true => Err(Refusal::Crowded),
            false => Ok((vec![Fact::Goods(GoodsFact::Poll(poll.clone()))], Done::Noted)),
        }
    }

    pub(super) fn vote(&self, person: &PersonId, poll: &PollId, option: u32, now_ms: u64) -> Decision {
        let count = self.0.get(poll).ok_or(Refusal::UnknownPoll)?;
        if count.poll.until_ms > 0 && now_ms >= count.poll.until_ms {
            return Err(Refusal::PollClosed);
        }
        if usize::try_from(option).map_or(true, |option| option >= count.votes.len()) {
            return Err(Refusal::NoSuchOption);
        }
        if Guard::VoteOnce.forbids(count.voters.contains(person)) {
            return Err(Refusal::Voted);
        }
        if count.voters.len() >= MAX_VOTERS {
            return Err(Refusal::Crowded);
        }
        let fact = Fact::Goods(GoodsFact::Vote {
            poll: poll.clone(),
            person: person.clone(),
            option,
        });
        Ok((vec![fact], Done::Noted))
    }

    pub(super) fn evolve(&mut self, fact: &GoodsFact) {
        match fact {
            GoodsFact::Poll(poll) => {
                let count = Count {
                    votes: vec![0; poll.options.len()],
                    poll: poll.clone(),
                    voters: BTreeSet::new(),
                };
                self.0.insert(poll.id.clone(), count);
            }
            GoodsFact::Vote { poll, person, option } => {
                let Some(count) = self.0.get_mut(poll) else { return };
                count.voters.insert(person.clone());
                if let Some(votes) = usize::try_from(*option)
                    .ok()
                    .and_then(|option| count.votes.get_mut(option))
                {
                    *votes = votes.saturating_add(1);
                }
            }
            _ => {}
        }
    }
}
