//! Passes verified lately, so that a signature is checked once and not with every request. Bounded; a hit is the very
//! text that was verified, for the same room, and still checks the clock and that the key is accepted, so nothing lives
//! longer here than it would without.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Pass, PassFault, verify};
use crate::ids::{RoomName, Stamp};
use crate::keys::{KeyRing, KeyState};

const SHARDS: u64 = 16;
/// A pass ends in its signature, so its last characters tell it from every other; only they are hashed. Texts that end
/// alike cost a verification each, no more: a hit compares the whole.
const TAIL_BYTES: usize = 32;

/// Holds at most the number of passes it was made for. What is full forgets the passes that were not seen for longest
/// (in two generations, so that forgetting costs nothing); a forgotten pass is verified again.
pub struct PassCache {
    /// Keyed anew in each process: nobody outside can make tails meet.
    tails: RandomState,
    shards: [Mutex<Generations>; SHARDS as usize],
    /// Most passes in one generation of one shard.
    half_shard: usize,
}

/// A pass and what exactly was verified.
struct Held {
    room: RoomName,
    text: Box<str>,
    pass: Arc<Pass>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, Held>,
    old: HashMap<u64, Held>,
}

impl PassCache {
    /// Room for a busy edge; about 50 MiB when full.
    pub const DEFAULT_MAX: usize = 65_536;

    /// A cache for at most `max` passes (at least 32 are held).
    #[must_use]
    pub fn new(max: usize) -> PassCache {
        PassCache {
            tails: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            half_shard: (max / (2 * SHARDS as usize)).max(1),
        }
    }

    /// [`verify`], remembered. Whether the *session* has ended meanwhile is not asked here.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(&self, keys: &KeyRing, room: &RoomName, text: &str, now: Stamp) -> Result<Arc<Pass>, PassFault> {
        if text.len() > super::MAX_CHARS {
            return Err(PassFault::TooLong);
        }
        let tail = self.tail(text);
        let held = self.shard(tail).lock().get(tail, room, text, self.half_shard);
        if let Some(pass) = held {
            return self.still_good(keys, tail, pass, now);
        }
        let pass = Arc::new(verify(keys, room, text, now)?);
        let held = Held {
            room: room.clone(),
            text: Box::from(text),
            pass: Arc::clone(&pass),
        };
        self.shard(tail).lock().put(tail, held, self.half_shard);
        Ok(pass)
    }

    /// How many passes are held.
    #[must_use]
    pub fn len(&self) -> usize {
        let held = |shard: &Mutex<Generations>| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(held).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn still_good(&self, keys: &KeyRing, tail: u64, pass: Arc<Pass>, now: Stamp) -> Result<Arc<Pass>, PassFault> {
        let good = match keys.passes.state(pass.kid.as_bytes(), now) {
            None => Err(PassFault::UnknownKey),
            Some(KeyState::Past) => Err(PassFault::RetiredKey),
            Some(_) => pass.check_times(now),
        };
        if let Err(fault) = good {
            self.shard(tail).lock().forget(tail);
            return Err(fault);
        }
        Ok(pass)
    }

    fn tail(&self, text: &str) -> u64 {
        let bytes = text.as_bytes();
        let from = bytes.len().saturating_sub(TAIL_BYTES);
        self.tails.hash_one(bytes.get(from..).unwrap_or_default())
    }

    fn shard(&self, tail: u64) -> &Mutex<Generations> {
        &self.shards[(tail % SHARDS) as usize]
    }
}

impl Generations {
    /// A hit in the old generation moves it to the young one.
    fn get(&mut self, tail: u64, room: &RoomName, text: &str, max: usize) -> Option<Arc<Pass>> {
        let same = |held: &&Held| *held.text == *text && held.room == *room;
        if let Some(held) = self.young.get(&tail).filter(same) {
            return Some(Arc::clone(&held.pass));
        }
        self.old.get(&tail).filter(same)?;
        let held = self.old.remove(&tail)?;
        let pass = Arc::clone(&held.pass);
        self.put(tail, held, max);
        Some(pass)
    }

    fn put(&mut self, tail: u64, held: Held, max: usize) {
        if self.young.len() >= max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(tail, held);
    }

    fn forget(&mut self, tail: u64) {
        self.young.remove(&tail);
        self.old.remove(&tail);
    }
}
