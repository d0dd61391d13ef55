//! What the admin plane needs of the line: to see rooms and to change their live settings. Knows no HTTP; the
//! agent behind it is `agent_rooms.rs`, tests put their own there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::{LiveSettings, RoomPolicy};
use stanchion_admission::store::{Snapshot, StoreError};

/// A room as this edge knows it now.
#[derive(Clone, Debug)]
pub struct RoomFacts {
    pub policy: Arc<RoomPolicy>,
    /// `None` until the store first answered.
    pub line: Option<LineFacts>,
}

#[derive(Clone, Debug)]
pub struct LineFacts {
    pub snapshot: Arc<Snapshot>,
    /// Since it arrived here.
    pub age: Duration,
    /// Too old to be called current, or the store is away.
    pub stale: bool,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Unchanged {
    /// As the store said.
    Store(StoreError),
    /// It could not be written down, and would not outlive this process.
    NotDurable,
}

impl From<StoreError> for Unchanged {
    fn from(error: StoreError) -> Unchanged {
        Unchanged::Store(error)
    }
}

/// Where a change is written down before it is made. `true` from [`Ahead::note`]: it is on the disk, or need not be.
#[async_trait]
pub trait Ahead: Send + Sync + 'static {
    async fn note(self: Arc<Self>, room: &RoomName, settings: LiveSettings) -> bool;
    /// It was not made after all.
    async fn withdraw(self: Arc<Self>, room: &RoomName);
    /// What the edge remembers was written when it last should have been.
    fn works(&self) -> bool;
}

/// What readiness is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Tickets and passes can be made and checked.
    pub keys_loaded: bool,
    /// The last call of the store was answered, for every room.
    pub store_reachable: bool,
    /// Rooms that the store has never answered for.
    pub rooms_without_snapshot: Vec<RoomName>,
    /// How exactly this edge knows the store's clock. `None` before any answer.
    pub clock_uncertainty: Option<Duration>,
    /// How far this machine's own clock is from the store's.
    pub wall_error: Option<Duration>,
    /// What this edge remembers of its rooms can be written to the disk.
    pub checkpoint_works: bool,
}

#[async_trait]
pub trait RoomsPort: Send + Sync + 'static {
    /// Every configured room, in the order of the configuration.
    fn rooms(&self) -> Vec<RoomFacts>;

    fn room(&self, name: &RoomName) -> Option<RoomFacts> {
        self.rooms().into_iter().find(|room| room.policy.name == *name)
    }

    /// Replaces a room's live settings if `expected_version` is still current; in force on every edge with its next
    /// snapshot.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the version that is current; else the store could not be asked, or the change not be
    /// written down. Nothing has changed then, except where the store's answer was lost.
    async fn put_settings(
        &self,
        room: &RoomName,
        expected_version: u64,
        settings: LiveSettings,
    ) -> Result<LiveSettings, Unchanged>;

    fn health(&self) -> Health;
}
