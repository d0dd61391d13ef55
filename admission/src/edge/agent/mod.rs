//! The edge's agent: what a proxy calls. It batches, ticks and remembers for every room, and asks the store only
//! where a visitor's situation may have changed. Its only I/O is through [`Store`], [`Clock`] and [`Entropy`];
//! nothing is locked across an await, and polls of waiting visitors read an immutable view.

mod arrive;
mod health;
mod room;
mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

pub use self::health::{AgentHealth, RoomHealth};
use self::room::Room;
pub use super::answers::{Arrival, Refusal, Rejoin, Status};
pub use super::seen::Seen;
pub use super::sessions::Touch;
pub use super::view::WaitFacts;
use crate::challenge::Nonce;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::ids::{Epoch, Place, RoomName};
use crate::policy::{LiveSettings, RoomPolicy};
use crate::store::{EdgeMemory, End, Session, Snapshot, Store, StoreError};

/// What every room's loop shares.
struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Where the loops run, whoever adds a room.
    runtime: Handle,
}

/// A room and the loop that keeps it.
struct Kept {
    room: Arc<Room>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

type Rooms = HashMap<RoomName, Arc<Kept>>;

/// Most rooms that a reload took away and that are still remembered, should they come back.
const MAX_PARTED: usize = 4_096;

/// Cheap to share; dropping the last one stops its loops without a last flush. [`Agent::shutdown`] flushes.
pub struct Agent {
    shared: Arc<Shared>,
    rooms: ArcSwap<Rooms>,
    /// What is remembered of rooms that a reload took away.
    parted: parking_lot::Mutex<HashMap<RoomName, EdgeMemory>>,
}

impl Agent {
    /// Starts one loop per room in the present tokio runtime, which should have no other work that can keep a loop
    /// waiting: an edge that ticks late takes a healthy store for one that is away. `newborn`: the keys were made just now, so no
    /// ticket of any room can exist. `remembered`: what [`Agent::memories`] said before the last stop.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        rooms: Vec<RoomPolicy>,
        newborn: bool,
        remembered: Vec<(RoomName, EdgeMemory)>,
    ) -> Arc<Agent> {
        let shared = Arc::new(Shared {
            store,
            clock,
            entropy,
            runtime: Handle::current(),
        });
        let mut memories: HashMap<RoomName, EdgeMemory> = remembered.into_iter().collect();
        let kept = rooms.into_iter().map(|policy| {
            let memory = memories.remove(&policy.name);
            (policy.name.clone(), keep(&shared, policy, newborn, memory))
        });
        let rooms = ArcSwap::from_pointee(kept.collect());
        memories.retain(|_, memory| memory.epoch != Epoch::default());
        Arc::new(Agent {
            shared,
            rooms,
            parted: parking_lot::Mutex::new(memories),
        })
    }

    /// Decides about a request without a pass: `place` is that of a verified ticket, `seen` of the cookie beside it.
    /// Asks the store where the visitor may enter or claim; whatever the store does, there is an answer.
    pub async fn arrive(&self, room: &RoomName, place: Option<Place>, seen: Option<Seen>) -> Arrival {
        let Some(room) = self.room(room) else {
            return Arrival::Refused {
                why: Refusal::UnknownRoom,
                retry_after: Duration::from_secs(60),
            };
        };
        match place {
            None => arrive::newcomer(&self.shared, &room).await,
            Some(place) => arrive::returning(&self.shared, &room, place, seen).await,
        }
    }

    /// Whether an answer to a challenge was not used at this edge before; it is used now. To be asked before [`Agent::pay`].
    #[must_use]
    pub fn pay_here(&self, room: &RoomName, nonce: Nonce) -> bool {
        let now = self.shared.clock.wall();
        self.room(room).is_some_and(|room| room.pay(nonce, now))
    }

    /// Whether it was not used at any other edge; while the store is away nobody can say, and it counts.
    pub async fn pay(&self, room: &RoomName, nonce: Nonce) -> bool {
        let Some(room) = self.room(room) else { return false };
        self.shared.store.pay(&room.policy(), nonce).await.unwrap_or(true)
    }

    /// A waiting visitor's poll, from the view alone: no store command, no lock unless something is to be reported.
    #[must_use]
    pub fn status(&self, room: &RoomName, place: Place, seen: Option<Seen>) -> Status {
        match self.room(room) {
            Some(room) => room.status(place, seen, self.shared.clock.monotonic()),
            None => Status::UnknownRoom,
        }
    }

    /// A request came with a verified pass. Local; reported in the next batch, rarely. A session of a room that is not
    /// configured any more is fine as it is.
    #[must_use]
    pub fn touch(&self, room: &RoomName, session: Session) -> Touch {
        match self.room(room) {
            Some(room) => room.touch(session, self.shared.clock.monotonic()),
            None => Touch::Fine(session),
        }
    }

    /// An origin released or revoked a session. Known here at once, elsewhere within two ticks; where the store is away
    /// it is told later.
    pub async fn end(&self, room: &RoomName, place: Place, how: End) {
        let Some(room) = self.room(room) else { return };
        room.with(|core| core.note_ended(place));
        if self.shared.store.end(&room.policy(), place, how).await.is_err() {
            room.with(|core| core.end_later(place, how));
        }
    }

    /// A visitor gives back a place of which they showed no more than a ticket. What they hold is free at once; but as
    /// tickets cost nothing, it frees no slot that is kept for a session the store has lost.
    pub async fn leave(&self, room: &RoomName, place: Place) {
        let Some(room) = self.room(room) else { return };
        room.with(|core| core.note_ended(place));
        if self.shared.store.spent(&room.policy(), &[place]).await.is_err() {
            room.with(|core| core.leave_later(place));
        }
    }

    /// The newest snapshot and the time since it arrived.
    #[must_use]
    pub fn snapshot(&self, room: &RoomName) -> Option<(Arc<Snapshot>, Duration)> {
        let view = self.room(room)?.view();
        let known = view.known.as_ref()?;
        let age = self.shared.clock.monotonic().saturating_sub(known.received);
        Some((Arc::clone(&known.snapshot), age))
    }

    /// What is worth keeping over a restart.
    #[must_use]
    pub fn memories(&self) -> Vec<(RoomName, EdgeMemory)> {
        let rooms = self.rooms.load();
        let memory = |kept: &Arc<Kept>| kept.room.with(|core| core.memory().clone());
        let mut memories: Vec<_> = rooms.iter().map(|(name, kept)| (name.clone(), memory(kept))).collect();
        memories.sort_by(|a, b| a.0.cmp(&b.0));
        memories
    }

    /// Replaces a room's live settings, if `expected_version` is current; this edge's own snapshot follows at once.
    ///
    /// # Errors
    /// As [`Store::settings_put`]; [`StoreError::Refused`] for a room that is not configured.
    pub async fn put_settings(
        &self,
        room: &RoomName,
        expected_version: u64,
        settings: LiveSettings,
    ) -> Result<LiveSettings, StoreError> {
        let room = self
            .room(room)
            .ok_or_else(|| StoreError::Refused(format!("no room {room} is configured")))?;
        let put = self
            .shared
            .store
            .settings_put(&room.policy(), expected_version, settings)
            .await?;
        run::tick(&self.shared, &room).await;
        Ok(put)
    }

    /// Hot reload: new rooms start, changed ones go on with their memory, missing ones stop. A room is its name: one that
    /// comes back is the same room and its memory is told to the store. One that this edge never served starts at once,
    /// where the store has nothing of it either.
    pub fn reconfigure(&self, rooms: Vec<RoomPolicy>) {
        let old = self.rooms.load_full();
        let mut parted = self.parted.lock();
        let next = rooms.into_iter().map(|policy| match old.get(&policy.name) {
            Some(kept) => {
                let name = policy.name.clone();
                kept.room.with(|core| core.set_policy(Arc::new(policy)));
                (name, Arc::clone(kept))
            }
            None => {
                let memory = parted.remove(&policy.name);
                let newborn = memory.is_none();
                (policy.name.clone(), keep(&self.shared, policy, newborn, memory))
            }
        });
        let next: Rooms = next.collect();
        for (name, kept) in old.iter() {
            if !next.contains_key(name) {
                kept.stop.send_replace(true);
                if parted.len() < MAX_PARTED {
                    parted.insert(name.clone(), kept.room.with(|core| core.memory().clone()));
                }
            }
        }
        self.rooms.store(Arc::new(next));
    }

    #[must_use]
    pub fn health(&self) -> AgentHealth {
        let now = self.shared.clock.monotonic();
        let rooms = self.rooms.load();
        let mut rooms: Vec<RoomHealth> = rooms.values().map(|kept| kept.room.health(now)).collect();
        rooms.sort_by(|a, b| a.room.cmp(&b.room));
        AgentHealth {
            store_reachable: rooms.iter().all(|room| room.store_reachable),
            clock_uncertainty: rooms.iter().filter_map(|room| room.clock_uncertainty).max(),
            wall_error: rooms.iter().filter_map(|room| room.wall_error).max(),
            rooms,
        }
    }

    /// Stops every loop after a last flush. Calls after it answer from what is known.
    pub async fn shutdown(&self) {
        let rooms = self.rooms.load_full();
        for kept in rooms.values() {
            kept.stop.send_replace(true);
        }
        for kept in rooms.values() {
            let task = kept.task.lock().await.take();
            if let Some(task) = task {
                // A loop that panicked has nothing left to flush.
                let _ = task.await;
            }
        }
    }

    fn room(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.rooms.load().get(name).map(|kept| Arc::clone(&kept.room))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut() {
            task.abort();
        }
    }
}

fn keep(shared: &Arc<Shared>, policy: RoomPolicy, newborn: bool, memory: Option<EdgeMemory>) -> Arc<Kept> {
    let room = Arc::new(Room::new(policy, newborn, memory, &*shared.clock));
    let (stop, stopped) = watch::channel(false);
    let task = shared
        .runtime
        .spawn(run::run(Arc::clone(shared), Arc::clone(&room), stopped));
    Arc::new(Kept {
        room,
        stop,
        task: Mutex::new(Some(task)),
    })
}
