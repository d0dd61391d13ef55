//! The states of one rule's keys, in bounded memory. A key is forgotten only when a fresh state would say the same.
//! Where every place is taken by a key that still counts, newcomers are counted in a few shared states: an attacker
//! with a million addresses crowds other newcomers, and nobody who is known already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use parking_lot::{Mutex, MutexGuard};

const SHARDS: usize = 64;
/// Shared states of a shard.
const SHARED: usize = 64;
/// A full shard is swept at most this often.
const SWEEP_EVERY_US: u64 = 10_000;

/// How many keys a rule may remember, rounded up to a multiple of 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity(pub usize);

impl Default for Capacity {
    /// At most about 10 MiB a rule: 1,792 is what a map of 2,048 places holds.
    fn default() -> Self {
        Capacity(SHARDS * 1_792)
    }
}

/// Keys are keyed hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// What a table must know of the states it keeps.
pub(super) trait Kind<S> {
    fn fresh(&self) -> S;
    /// Whether a fresh state would say the same from now on.
    fn is_fresh(&self, state: &S, now_us: u64) -> bool;
}

/// Where a key is counted within its shard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Place {
    Own(u64),
    Shared(usize),
}

pub(super) struct Table<S> {
    shards: Vec<Mutex<Shard<S>>>,
    most: usize,
}

/// States of type `S`.
pub(super) struct Shard<S> {
    known: HashMap<u64, S, BuildHasherDefault<AsItIs>>,
    /// Made when first needed.
    shared: Vec<S>,
    swept_us: u64,
}

impl<S: Clone> Table<S> {
    pub fn new(capacity: Capacity) -> Table<S> {
        let shard = || {
            Mutex::new(Shard {
                known: HashMap::default(),
                shared: Vec::new(),
                swept_us: 0,
            })
        };
        Table {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            most: capacity.0.div_ceil(SHARDS).max(1),
        }
    }

    /// The part in which a key stands, held.
    pub fn hold(&self, key: u64) -> MutexGuard<'_, Shard<S>> {
        self.shards[shard_of(key)].lock()
    }

    /// A part by its number.
    pub fn hold_shard(&self, shard: usize) -> MutexGuard<'_, Shard<S>> {
        self.shards[shard % SHARDS].lock()
    }

    pub fn most(&self) -> usize {
        self.most
    }

    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().known.len()).sum()
    }
}

/// Which part a key stands in. The map takes its tag from the highest bits and its place from the lowest.
pub(super) fn shard_of(key: u64) -> usize {
    (key >> 32) as usize % SHARDS
}

impl<S: Clone> Shard<S> {
    /// Where a key is counted: under its own name, or with others where there is no place left.
    pub fn place(&mut self, key: u64, most: usize, now_us: u64, kind: &impl Kind<S>) -> Place {
        if self.known.contains_key(&key) || self.known.len() < most || self.sweep(most, now_us, kind) {
            return Place::Own(key);
        }
        if self.shared.is_empty() {
            self.shared = vec![kind.fresh(); SHARED];
        }
        Place::Shared((key >> 40) as usize % SHARED)
    }

    pub fn state(&mut self, place: Place, kind: &impl Kind<S>) -> &mut S {
        match place {
            Place::Own(key) => self.known.entry(key).or_insert_with(|| kind.fresh()),
            Place::Shared(at) => {
                if self.shared.is_empty() {
                    self.shared = vec![kind.fresh(); SHARED];
                }
                &mut self.shared[at % SHARED]
            }
        }
    }

    /// Forgets the keys that count for nothing any more; whether there is a place now.
    fn sweep(&mut self, most: usize, now_us: u64, kind: &impl Kind<S>) -> bool {
        if self.swept_us == 0 || now_us >= self.swept_us.saturating_add(SWEEP_EVERY_US) {
            self.swept_us = now_us.max(1);
            self.known.retain(|_, state| !kind.is_fresh(state, now_us));
        }
        self.known.len() < most
    }
}
