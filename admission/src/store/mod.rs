//! What a store of live tickets can be asked. Memory and Redis answer alike: `tests/store_contract`
//! holds both against a plain model of the queue. docs/ADMISSION.md says what each operation means.

use std::time::Duration;

use async_trait::async_trait;

use crate::challenge::Nonce;
use crate::ids::{Epoch, Place, Stamp, VisitorId};
use crate::policy::{LiveSettings, RoomPolicy};

pub mod memory;
pub mod redis;

/// An admitted visitor's right to use a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    pub place: Place,
    /// When the claim succeeded (store clock). The pass's `adm` and `iat`.
    pub claimed_at: Stamp,
    /// When it ends unless touched (store clock).
    pub expires_at: Stamp,
}

/// Why the line is as it is. What a visitor is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomState {
    /// No line: a newcomer may enter at once.
    Open,
    Queueing,
    /// The operator paused admission; the reason is in the settings.
    Paused,
    /// Not open yet; the page counts down to `opens_at`.
    Prequeue,
    /// Capacity is used up; admission goes on as visitors leave.
    Full,
    Closed,
    /// The store lost data; the line is being put back together.
    Recovering,
}

/// What an edge knows of a room. The store makes it at each tick.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    pub epoch: Epoch,
    /// Counts working ticks within an epoch.
    pub seq: u64,
    /// The store's clock when the answer was made.
    pub now: Stamp,
    /// The store's clock when the tick last did its work: the age of everything below.
    pub ticked_at: Stamp,
    pub state: RoomState,
    /// The stamp up to which the room has admitted.
    pub frontier: Stamp,
    /// Absent visitors with a stamp up to this one have lost their place.
    pub grace_frontier: Stamp,
    /// Visitors with a stamp up to this one are near the head: their polls are reported.
    pub horizon: Stamp,
    /// Waiting beyond the frontier, plus those present before it.
    pub waiting: u64,
    pub present: u64,
    pub admitted: u64,
    pub active: u64,
    /// Slots kept for sessions that a lost store no longer knows.
    pub ghosts: u64,
    /// Admissions since the epoch began, direct entries included.
    pub admitted_total: u64,
    /// Places dropped since the epoch began because their owner did not come back.
    pub left_total: u64,
    /// In force now: configured, unless changed live.
    pub capacity: u64,
    pub rate: crate::rate::Rate,
    pub settings: LiveSettings,
    /// At most [`SKETCH_POINTS`] points (stamp, number of places ahead of it), both rising.
    pub sketch: Vec<(Stamp, u64)>,
    /// Sessions that were released or revoked lately, at most [`MAX_ENDED`].
    pub ended: Vec<VisitorId>,
}

impl Snapshot {
    /// No slot is free: whoever is next waits for somebody to leave, whether others wait or not.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        let admits = matches!(self.state, RoomState::Open | RoomState::Queueing | RoomState::Full);
        admits && self.active + self.admitted + self.ghosts >= self.capacity
    }
}

pub const SKETCH_POINTS: usize = 64;
pub const MAX_ENDED: usize = 256;
/// Most places, sessions or ids in one call; callers split.
pub const MAX_BATCH: usize = 500;

/// What an edge remembers of a room, handed in with each tick, so that a store that lost its data
/// gets back what it needs. `None` fields: this edge has never seen the room.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct EdgeMemory {
    pub epoch: Epoch,
    pub seq: u64,
    /// Highest frontier seen, in any epoch.
    pub frontier: Stamp,
    pub grace_frontier: Stamp,
    /// `active` and `admitted` of the newest snapshot, ghosts included in `active`.
    pub active: u64,
    pub admitted: u64,
    /// Store clock of that snapshot.
    pub as_of: Stamp,
    pub settings: LiveSettings,
}

/// One edge's call of a tick.
#[derive(Clone, Debug)]
pub struct Tick<'a> {
    pub policy: &'a RoomPolicy,
    pub memory: &'a EdgeMemory,
    /// Random, below 2^53: the id of a new epoch, should this call have to begin one.
    pub new_epoch_id: u64,
    /// No ticket of this room can exist yet (its keys were made just now): begin without recovery.
    pub newborn: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Enter {
    Entered(Session),
    /// There is a line, no space, no pace, or the room is not open.
    Queue,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Newly or already inside: the same answer, whoever asks again.
    Inside(Session),
    /// Not admitted yet; marked present and first in the next batch.
    Waiting,
    /// This place was used up, or its owner stayed away too long: rejoin at the back.
    Gone,
    /// Barred by the origin.
    Revoked,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Joined {
    /// Newly indexed.
    pub added: u64,
    /// Refused because the index is full.
    pub refused: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Released,
    Revoked,
}

/// What went wrong, by what the caller can do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer within the deadline, no connection, or the breaker is open. Nothing is known
    /// about whether the command took effect.
    #[error("the store is away: {0}")]
    Away(String),
    /// Too many commands in flight; nothing was sent.
    #[error("the store's queue is full")]
    Busy,
    /// The store answered with an error of its own; nothing took effect.
    #[error("the store refused: {0}")]
    Refused(String),
    /// The store answered something that no store of ours answers.
    #[error("the store's answer makes no sense: {0}")]
    Nonsense(String),
    /// `settings_put`: somebody else changed the settings first.
    #[error("the settings changed meanwhile: version {0} is current")]
    Conflict(u64),
}

/// The store of live tickets. Each operation is atomic for its room. Durations and bounds are those of
/// the room's policy and docs/ADMISSION.md; all clocks are the store's own.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Let a newcomer in at once where there is no line and there is space and pace.
    async fn enter(&self, policy: &RoomPolicy, place: Place) -> Result<Enter, StoreError>;
    /// Index places (idempotent). At most [`MAX_BATCH`].
    async fn join(&self, policy: &RoomPolicy, places: &[Place]) -> Result<Joined, StoreError>;
    /// Somebody near the head is still there. Indexes them too, where they are missing. At most [`MAX_BATCH`].
    async fn present(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError>;
    /// Does a room's work at most once per interval, whoever calls; returns what there is to know to everyone.
    async fn tick(&self, call: &Tick<'_>) -> Result<Snapshot, StoreError>;
    async fn claim(&self, policy: &RoomPolicy, place: Place) -> Result<Claim, StoreError>;
    /// Extend sessions; put back those a lost store does not know. Returns those that have ended. At most [`MAX_BATCH`].
    async fn touch(&self, policy: &RoomPolicy, sessions: &[Session]) -> Result<Vec<VisitorId>, StoreError>;
    /// Tell a recovering store that these places were used up. At most [`MAX_BATCH`].
    async fn spent(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError>;
    async fn end(&self, policy: &RoomPolicy, place: Place, how: End) -> Result<(), StoreError>;
    /// Whether this answer to a challenge was never used before: it is used now. True once, whoever asks.
    async fn pay(&self, policy: &RoomPolicy, nonce: Nonce) -> Result<bool, StoreError>;
    /// Replaces the live settings if `expected_version` is still current; returns them with their new version.
    async fn settings_put(
        &self,
        policy: &RoomPolicy,
        expected_version: u64,
        new: LiveSettings,
    ) -> Result<LiveSettings, StoreError>;
    /// Runs a real operation on a canary key: the time it took.
    async fn health(&self) -> Result<Duration, StoreError>;
}
