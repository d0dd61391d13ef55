//! What the suite needs of a store under test, and short words for telling a scenario.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, EdgeMemory, End, Enter, Joined, Session, Snapshot, Store, Tick};

/// A store whose clock the test sets and whose rooms it can lose. Rooms of other names are not touched.
#[async_trait]
pub trait Bench: Send + Sync {
    fn store(&self) -> &dyn Store;
    fn set_clock(&self, now: Stamp);
    /// A name that no other test on the same server uses.
    fn room(&self) -> RoomName;
    /// Loses everything this room has.
    async fn wipe(&self, room: &RoomName);
}

/// When every scenario begins: some November.
pub const START: Stamp = Stamp(1_795_000_000_000_000);

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn policy(name: RoomName) -> RoomPolicy {
    RoomPolicy {
        name,
        mode: Mode::Fifo,
        capacity: 5,
        rate: Rate::per_minute(60).unwrap(),
        session_ttl: secs(120),
        claim_window: secs(30),
        return_grace: secs(160),
        near_poll: secs(2),
        max_poll: secs(30),
        max_waiting: 1_000,
        opens_at: None,
    }
}

pub fn visitor(n: u32) -> VisitorId {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    VisitorId(bytes)
}

/// Visitor `n` who came `after` the start.
pub fn place(n: u32, after: Duration) -> Place {
    Place {
        stamp: START.plus(after),
        visitor: visitor(n),
    }
}

/// What an edge remembers of a snapshot.
pub fn remember(memory: &mut EdgeMemory, seen: &Snapshot) {
    let newer = (seen.epoch, seen.seq) >= (memory.epoch, memory.seq);
    memory.frontier = memory.frontier.max(seen.frontier);
    memory.grace_frontier = memory.grace_frontier.max(seen.grace_frontier);
    if seen.settings.version >= memory.settings.version {
        memory.settings = seen.settings.clone();
    }
    if newer {
        (memory.epoch, memory.seq, memory.as_of) = (seen.epoch, seen.seq, seen.now);
        (memory.active, memory.admitted) = (seen.active + seen.ghosts, seen.admitted);
    }
}

/// One room on one store, seen by one edge.
pub struct Line<'a> {
    pub bench: &'a dyn Bench,
    pub policy: RoomPolicy,
    pub now: Stamp,
    pub memory: EdgeMemory,
    epochs: u64,
    slots: Slots,
}

/// The capacity rule, looked at after every tick of every scenario: slots in use grow beyond the capacity in force by
/// sessions that an edge puts back, and by nothing else.
#[derive(Default)]
struct Slots {
    used: u64,
    capacity: u64,
    put_back: AtomicU64,
}

impl Slots {
    fn look(&mut self, seen: &Snapshot) {
        let put_back = self.put_back.swap(0, Relaxed);
        let most = seen.capacity.max(self.capacity).max(self.used + put_back);
        let used = seen.active + seen.admitted;
        assert!(used <= most, "{used} slots are used, of {most} at most: {seen:?}");
        (self.used, self.capacity) = (used, seen.capacity);
    }
}

impl<'a> Line<'a> {
    /// Nothing stored yet.
    pub fn unmade(bench: &'a dyn Bench, change: impl FnOnce(&mut RoomPolicy)) -> Line<'a> {
        let mut policy = policy(bench.room());
        change(&mut policy);
        bench.set_clock(START);
        Line {
            bench,
            policy,
            now: START,
            memory: EdgeMemory::default(),
            epochs: 100,
            slots: Slots::default(),
        }
    }

    /// A new room after its first tick.
    pub async fn newborn(bench: &'a dyn Bench, change: impl FnOnce(&mut RoomPolicy)) -> Line<'a> {
        let mut line = Line::unmade(bench, change);
        line.tick_newborn().await;
        line
    }

    pub fn set(&mut self, after: Duration) {
        self.now = START.plus(after);
        self.bench.set_clock(self.now);
    }

    pub fn step(&mut self, span: Duration) {
        self.now = self.now.plus(span);
        self.bench.set_clock(self.now);
    }

    async fn tick_as(&mut self, newborn: bool) -> Snapshot {
        self.epochs += 1;
        let call = Tick {
            policy: &self.policy,
            memory: &self.memory,
            new_epoch_id: self.epochs,
            newborn,
        };
        let seen = self.bench.store().tick(&call).await.unwrap();
        remember(&mut self.memory, &seen);
        self.slots.look(&seen);
        seen
    }

    pub async fn tick(&mut self) -> Snapshot {
        self.tick_as(false).await
    }

    pub async fn tick_newborn(&mut self) -> Snapshot {
        self.tick_as(true).await
    }

    /// A tick a second, for so many seconds; the last answer.
    pub async fn run(&mut self, seconds: u64) -> Snapshot {
        for _ in 1..seconds {
            self.step(secs(1));
            self.tick().await;
        }
        self.step(secs(1));
        self.tick().await
    }

    /// As `run`, while these keep polling near the head.
    pub async fn run_with(&mut self, seconds: u64, polling: &[Place]) -> Snapshot {
        for _ in 1..seconds {
            self.present(polling).await;
            self.run(1).await;
        }
        self.present(polling).await;
        self.run(1).await
    }

    /// Another edge's tick: this line's memory is neither given nor changed.
    pub async fn tick_of(&mut self, memory: &EdgeMemory) -> Snapshot {
        self.epochs += 1;
        let call = Tick {
            policy: &self.policy,
            memory,
            new_epoch_id: self.epochs,
            newborn: false,
        };
        let seen = self.bench.store().tick(&call).await.unwrap();
        self.slots.look(&seen);
        seen
    }

    pub async fn enter(&self, place: Place) -> Enter {
        self.bench.store().enter(&self.policy, place).await.unwrap()
    }

    pub async fn join(&self, places: &[Place]) -> Joined {
        self.bench.store().join(&self.policy, places).await.unwrap()
    }

    pub async fn present(&self, places: &[Place]) {
        self.bench.store().present(&self.policy, places).await.unwrap();
    }

    pub async fn claim(&self, place: Place) -> Claim {
        self.bench.store().claim(&self.policy, place).await.unwrap()
    }

    pub async fn inside(&self, place: Place) -> Session {
        match self.claim(place).await {
            Claim::Inside(session) => session,
            other => panic!("{place:?} should be inside: {other:?}"),
        }
    }

    pub async fn entered(&self, place: Place) -> Session {
        match self.enter(place).await {
            Enter::Entered(session) => session,
            Enter::Queue => panic!("{place:?} should have entered"),
        }
    }

    pub async fn touch(&self, sessions: &[Session]) -> Vec<VisitorId> {
        self.slots.put_back.fetch_add(sessions.len() as u64, Relaxed);
        self.bench.store().touch(&self.policy, sessions).await.unwrap()
    }

    pub async fn spent(&self, places: &[Place]) {
        self.bench.store().spent(&self.policy, places).await.unwrap();
    }

    pub async fn end(&self, place: Place, how: End) {
        self.bench.store().end(&self.policy, place, how).await.unwrap();
    }

    pub async fn settings(&self, change: impl FnOnce(&mut LiveSettings)) -> LiveSettings {
        let mut new = self.memory.settings.clone();
        change(&mut new);
        let put = self
            .bench
            .store()
            .settings_put(&self.policy, self.memory.settings.version, new);
        put.await.unwrap()
    }

    pub async fn wipe(&self) {
        self.bench.wipe(&self.policy.name).await;
    }
}
