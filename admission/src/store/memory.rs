//! The store of a single process: rooms in memory, behind a lock each. Losing it loses no place, because the
//! tickets come back by themselves. Knows how to keep time and find a room; what is decided is `room`'s.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};

use crate::challenge::Nonce;
use crate::clock::Clock;
use crate::ids::{Place, RoomName, Stamp, VisitorId};
use crate::policy::{LiveSettings, RoomPolicy};
use crate::room::{Room, SettingsError};

use super::{Claim, End, Enter, Joined, MAX_BATCH, Session, Snapshot, Store, StoreError, Tick};

/// Most rooms in one store: rooms come from the configuration, never from a visitor.
pub const MAX_ROOMS: usize = 4_096;

type Reading = Box<dyn Fn() -> Stamp + Send + Sync>;

/// All rooms of one process.
pub struct MemoryStore {
    now: Reading,
    rooms: RwLock<HashMap<RoomName, Arc<Mutex<Room>>>>,
}

impl MemoryStore {
    /// Keeps time by the wall clock of now and the monotonic clock from then on: it never goes back.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> MemoryStore {
        let (wall, began) = (clock.wall(), clock.monotonic());
        MemoryStore::with_clock(move || wall.plus(clock.monotonic().saturating_sub(began)))
    }

    /// Keeps the given time: for tests and simulations.
    #[must_use]
    pub fn with_clock(now: impl Fn() -> Stamp + Send + Sync + 'static) -> MemoryStore {
        MemoryStore {
            now: Box::new(now),
            rooms: RwLock::default(),
        }
    }

    /// Forgets everything, as a lost store does.
    pub fn wipe(&self) {
        self.rooms.write().clear();
    }

    /// Replaces a room by a copy taken earlier, as a lagged replica that is promoted does.
    pub fn restore(&self, name: &RoomName, room: Room) {
        self.rooms.write().insert(name.clone(), Arc::new(Mutex::new(room)));
    }

    /// A copy of a room as it is now.
    #[must_use]
    pub fn copy_of(&self, name: &RoomName) -> Option<Room> {
        let room = self.rooms.read().get(name).cloned()?;
        let copy = room.lock().clone();
        Some(copy)
    }

    fn with_room<T>(&self, policy: &RoomPolicy, work: impl FnOnce(&mut Room, Stamp) -> T) -> Result<T, StoreError> {
        let room = self.room(&policy.name)?;
        let mut room = room.lock();
        Ok(work(&mut room, (self.now)()))
    }

    fn room(&self, name: &RoomName) -> Result<Arc<Mutex<Room>>, StoreError> {
        if let Some(room) = self.rooms.read().get(name) {
            return Ok(Arc::clone(room));
        }
        let mut rooms = self.rooms.write();
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(name) {
            return Err(StoreError::Refused(format!("more than {MAX_ROOMS} rooms")));
        }
        Ok(Arc::clone(rooms.entry(name.clone()).or_default()))
    }
}

fn within_batch(len: usize) -> Result<(), StoreError> {
    if len > MAX_BATCH {
        return Err(StoreError::Refused(format!("{len} in one call; at most {MAX_BATCH}")));
    }
    Ok(())
}

#[async_trait]
impl Store for MemoryStore {
    async fn enter(&self, policy: &RoomPolicy, place: Place) -> Result<Enter, StoreError> {
        self.with_room(policy, |room, now| room.enter(policy, place, now))
    }

    async fn join(&self, policy: &RoomPolicy, places: &[Place]) -> Result<Joined, StoreError> {
        within_batch(places.len())?;
        self.with_room(policy, |room, now| room.join(policy, places, now))
    }

    async fn present(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError> {
        within_batch(places.len())?;
        self.with_room(policy, |room, now| room.present(policy, places, now))
    }

    async fn tick(&self, call: &Tick<'_>) -> Result<Snapshot, StoreError> {
        self.with_room(call.policy, |room, now| room.tick(call, now))
    }

    async fn claim(&self, policy: &RoomPolicy, place: Place) -> Result<Claim, StoreError> {
        self.with_room(policy, |room, now| room.claim(policy, place, now))
    }

    async fn touch(&self, policy: &RoomPolicy, sessions: &[Session]) -> Result<Vec<VisitorId>, StoreError> {
        within_batch(sessions.len())?;
        self.with_room(policy, |room, now| room.touch(policy, sessions, now))
    }

    async fn spent(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError> {
        within_batch(places.len())?;
        self.with_room(policy, |room, now| room.spent(policy, places, now))
    }

    async fn end(&self, policy: &RoomPolicy, place: Place, how: End) -> Result<(), StoreError> {
        self.with_room(policy, |room, now| room.end(policy, place, how, now))
    }

    async fn pay(&self, policy: &RoomPolicy, nonce: Nonce) -> Result<bool, StoreError> {
        self.with_room(policy, |room, now| room.pay(nonce, now))
    }

    async fn settings_put(
        &self,
        policy: &RoomPolicy,
        expected_version: u64,
        new: LiveSettings,
    ) -> Result<LiveSettings, StoreError> {
        self.with_room(policy, |room, now| {
            room.settings_put(policy, expected_version, new, now)
        })?
        .map_err(|refusal| match refusal {
            SettingsError::Conflict(version) => StoreError::Conflict(version),
            SettingsError::TooLong => {
                StoreError::Refused(format!("a text is longer than {} bytes", LiveSettings::MAX_TEXT))
            }
        })
    }

    /// There is nothing between us and this memory.
    async fn health(&self) -> Result<Duration, StoreError> {
        Ok(Duration::ZERO)
    }
}
