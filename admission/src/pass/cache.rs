//! Passes verified lately, so that a signature is checked once and not with every request. Bounded; a hit still
//! checks the clock and that the key is accepted, so nothing lives longer here than it would without.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Pass, PassFault, verify};
use crate::entropy::Entropy;
use crate::ids::{RoomName, Stamp};
use crate::keys::{KeyRing, KeyState, Mac256, first_16, keyed, secret_from, tag};

const SHARDS: usize = 16;

/// Holds at most the number of passes it was made for. What is full forgets the passes that were not seen for longest
/// (in two generations, so that forgetting costs nothing); a forgotten pass is verified again.
pub struct PassCache {
    mac: Mac256,
    shards: [Mutex<Generations>; SHARDS],
    /// Most passes in one generation of one shard.
    half_shard: usize,
}

/// First 128 bits of a keyed hash over room and token: nobody outside can make two texts meet.
type Fingerprint = [u8; 16];

#[derive(Default)]
struct Generations {
    young: HashMap<Fingerprint, Arc<Pass>>,
    old: HashMap<Fingerprint, Arc<Pass>>,
}

impl PassCache {
    /// Room for a busy edge; about 20 MiB when full.
    pub const DEFAULT_MAX: usize = 65_536;

    /// A cache for at most `max` passes (at least 32 are held).
    #[must_use]
    pub fn new(entropy: &dyn Entropy, max: usize) -> PassCache {
        PassCache {
            mac: keyed(&secret_from(entropy), "stanchion pass cache v1"),
            shards: std::array::from_fn(|_| Mutex::default()),
            half_shard: (max / (2 * SHARDS)).max(1),
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
        // A room's name has no zero byte, so room and token cannot run into each other.
        let print = first_16(tag(&self.mac, &[room.as_str().as_bytes(), &[0], text.as_bytes()]));
        let held = self.shard(&print).lock().get(&print, self.half_shard);
        if let Some(pass) = held {
            return self.still_good(keys, &print, pass, now);
        }
        let pass = Arc::new(verify(keys, room, text, now)?);
        self.shard(&print).lock().put(print, Arc::clone(&pass), self.half_shard);
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

    fn still_good(
        &self,
        keys: &KeyRing,
        print: &Fingerprint,
        pass: Arc<Pass>,
        now: Stamp,
    ) -> Result<Arc<Pass>, PassFault> {
        let good = match keys.passes.state(pass.kid.as_bytes(), now) {
            None => Err(PassFault::UnknownKey),
            Some(KeyState::Past) => Err(PassFault::RetiredKey),
            Some(_) => pass.check_times(now),
        };
        if let Err(fault) = good {
            self.shard(print).lock().forget(print);
            return Err(fault);
        }
        Ok(pass)
    }

    fn shard(&self, print: &Fingerprint) -> &Mutex<Generations> {
        &self.shards[usize::from(print[0]) % SHARDS]
    }
}

impl Generations {
    /// A hit in the old generation moves it to the young one.
    fn get(&mut self, print: &Fingerprint, max: usize) -> Option<Arc<Pass>> {
        if let Some(pass) = self.young.get(print) {
            return Some(Arc::clone(pass));
        }
        let pass = self.old.remove(print)?;
        self.put(*print, Arc::clone(&pass), max);
        Some(pass)
    }

    fn put(&mut self, print: Fingerprint, pass: Arc<Pass>, max: usize) {
        if self.young.len() >= max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(print, pass);
    }

    fn forget(&mut self, print: &Fingerprint) {
        self.young.remove(print);
        self.old.remove(print);
    }
}
