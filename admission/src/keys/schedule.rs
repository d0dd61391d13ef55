//! Which of several keys is in use, and which are still accepted: from the times at which they begin.

use std::time::Duration;

use crate::ids::Stamp;

pub(crate) trait Key {
    fn id(&self) -> &[u8];
    /// When it begins to be used.
    fn from(&self) -> Stamp;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyState {
    /// Published and accepted, not yet used.
    Next,
    /// The one that is used.
    Current,
    /// Not used any more, still accepted.
    Retired,
    /// Not accepted any more; the next rotation drops it.
    Past,
}

impl KeyState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyState::Next => "next",
            KeyState::Current => "current",
            KeyState::Retired => "retired",
            KeyState::Past => "past",
        }
    }
}

/// Keys of one kind, earliest first. Never empty.
#[derive(Clone)]
pub(crate) struct Schedule<K> {
    first: K,
    later: Vec<K>,
    /// How long a key is accepted after its successor began.
    kept: Duration,
}

impl<K: Key + Clone> Schedule<K> {
    pub(crate) fn of(key: K, kept: Duration) -> Schedule<K> {
        Schedule {
            first: key,
            later: Vec::new(),
            kept,
        }
    }

    /// `None` where there is no key.
    pub(crate) fn new(mut keys: Vec<K>, kept: Duration) -> Option<Schedule<K>> {
        keys.sort_by(|a, b| (a.from(), a.id()).cmp(&(b.from(), b.id())));
        let mut keys = keys.into_iter();
        let first = keys.next()?;
        Some(Schedule {
            first,
            later: keys.collect(),
            kept,
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &K> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The latest that has begun; the first where none has.
    pub(crate) fn current(&self, now: Stamp) -> &K {
        self.later
            .iter()
            .rev()
            .find(|key| key.from() <= now)
            .unwrap_or(&self.first)
    }

    pub(crate) fn find(&self, id: &[u8]) -> Option<&K> {
        self.all().find(|key| key.id() == id)
    }

    pub(crate) fn state(&self, id: &[u8], now: Stamp) -> Option<KeyState> {
        self.list(now)
            .find(|(key, ..)| key.id() == id)
            .map(|(_, state, _)| state)
    }

    pub(crate) fn accepted(&self, now: Stamp) -> impl Iterator<Item = &K> {
        self.list(now)
            .filter(|(_, state, _)| *state != KeyState::Past)
            .map(|(key, ..)| key)
    }

    /// Each key with its state, and the time at which it stops being accepted.
    pub(crate) fn list(&self, now: Stamp) -> impl Iterator<Item = (&K, KeyState, Option<Stamp>)> {
        let successors = self.later.iter().map(Some).chain([None]);
        let current = self.current(now);
        self.all().zip(successors).map(move |(key, successor)| {
            let until = successor.map(|next| next.from().plus(self.kept));
            let state = if until.is_some_and(|until| until <= now) {
                KeyState::Past
            } else if key.id() == current.id() {
                KeyState::Current
            } else if key.from() > now {
                KeyState::Next
            } else {
                KeyState::Retired
            };
            (key, state, until)
        })
    }

    /// The same without what is past, and with one key more.
    pub(crate) fn with(&self, key: K, now: Stamp) -> Schedule<K> {
        let kept: Vec<K> = self.accepted(now).cloned().chain([key.clone()]).collect();
        Schedule::new(kept, self.kept).unwrap_or_else(|| Schedule::of(key, self.kept))
    }
}
