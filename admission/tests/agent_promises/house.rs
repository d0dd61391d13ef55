//! A store that counts and fails when told, a clock that stands still unless waited for, and edges over them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stanchion_admission::challenge::Nonce;
use stanchion_admission::clock::Clock;
use stanchion_admission::edge::agent::{Agent, Arrival};
use stanchion_admission::entropy::Entropy;
use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::memory::MemoryStore;
use stanchion_admission::store::{Claim, End, Enter, Joined, Session, Snapshot, Store, StoreError, Tick};
use tokio::time::{Instant, sleep};

pub struct PausedClock(Instant);

impl Clock for PausedClock {
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> Stamp {
        Stamp(1_700_000_000_000_000).plus(self.0.elapsed())
    }
}

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let next = self
            .0
            .fetch_add(1, Relaxed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes();
        bytes
            .iter_mut()
            .zip(next.iter().cycle())
            .for_each(|(byte, random)| *byte = *random);
    }
}

pub const UP: u8 = 0;
pub const AWAY: u8 = 1;
/// Commands take effect, their answers are lost.
pub const DEAF: u8 = 2;
/// Too many commands are in flight.
pub const BUSY: u8 = 3;
/// A claim takes a twentieth of a second.
pub const SLOW: u8 = 4;

/// A store that counts, and fails when told.
pub struct Watched {
    pub inner: MemoryStore,
    mode: AtomicU8,
    counts: Mutex<HashMap<&'static str, u64>>,
    /// The highest capacity in force.
    capacity: AtomicU64,
    over: Mutex<Option<String>>,
}

impl Watched {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Watched> {
        Arc::new(Watched {
            inner: MemoryStore::new(clock),
            mode: AtomicU8::new(UP),
            counts: Mutex::default(),
            capacity: AtomicU64::new(0),
            over: Mutex::default(),
        })
    }

    pub fn set(&self, mode: u8) {
        self.mode.store(mode, Relaxed);
    }

    pub fn count(&self, operation: &str) -> u64 {
        self.counts.lock().get(operation).copied().unwrap_or(0)
    }

    pub fn all_but_ticks(&self) -> u64 {
        let counts = self.counts.lock();
        counts
            .iter()
            .filter(|(name, _)| **name != "tick")
            .map(|(_, count)| count)
            .sum()
    }

    fn begin(&self, operation: &'static str) -> Result<(), StoreError> {
        *self.counts.lock().entry(operation).or_default() += 1;
        match self.mode.load(Relaxed) {
            AWAY => Err(StoreError::Away("told to".to_owned())),
            BUSY => Err(StoreError::Busy),
            _ => Ok(()),
        }
    }

    /// Looked at after every tick of every test. Lowering the capacity puts nobody out.
    fn capacity_holds(&self, seen: &Snapshot) {
        let most = self.capacity.fetch_max(seen.capacity, Relaxed).max(seen.capacity);
        let used = seen.active + seen.admitted;
        if used > most {
            *self.over.lock() = Some(format!("{used} slots are used of {most}: {seen:?}"));
        }
    }

    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match self.mode.load(Relaxed) {
            DEAF => Err(StoreError::Away("the answer was lost".to_owned())),
            _ => answer,
        }
    }
}

#[async_trait]
impl Store for Watched {
    async fn enter(&self, policy: &RoomPolicy, place: Place) -> Result<Enter, StoreError> {
        self.begin("enter")?;
        self.answer(self.inner.enter(policy, place).await)
    }
    async fn join(&self, policy: &RoomPolicy, places: &[Place]) -> Result<Joined, StoreError> {
        self.begin("join")?;
        self.answer(self.inner.join(policy, places).await)
    }
    async fn present(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError> {
        self.begin("present")?;
        self.answer(self.inner.present(policy, places).await)
    }
    async fn tick(&self, call: &Tick<'_>) -> Result<Snapshot, StoreError> {
        self.begin("tick")?;
        let seen = self.inner.tick(call).await;
        seen.iter().for_each(|seen| self.capacity_holds(seen));
        self.answer(seen)
    }
    async fn claim(&self, policy: &RoomPolicy, place: Place) -> Result<Claim, StoreError> {
        self.begin("claim")?;
        if self.mode.load(Relaxed) == SLOW {
            sleep(Duration::from_millis(50)).await;
        }
        self.answer(self.inner.claim(policy, place).await)
    }
    async fn touch(&self, policy: &RoomPolicy, sessions: &[Session]) -> Result<Vec<VisitorId>, StoreError> {
        self.begin("touch")?;
        self.answer(self.inner.touch(policy, sessions).await)
    }
    async fn spent(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError> {
        self.begin("spent")?;
        self.answer(self.inner.spent(policy, places).await)
    }
    async fn end(&self, policy: &RoomPolicy, place: Place, how: End) -> Result<(), StoreError> {
        self.begin("end")?;
        self.answer(self.inner.end(policy, place, how).await)
    }
    async fn pay(&self, policy: &RoomPolicy, nonce: Nonce) -> Result<bool, StoreError> {
        self.begin("pay")?;
        self.answer(self.inner.pay(policy, nonce).await)
    }
    async fn settings_put(
        &self,
        policy: &RoomPolicy,
        expected: u64,
        new: LiveSettings,
    ) -> Result<LiveSettings, StoreError> {
        self.begin("settings_put")?;
        self.answer(self.inner.settings_put(policy, expected, new).await)
    }
    async fn health(&self) -> Result<Duration, StoreError> {
        self.inner.health().await
    }
}

pub fn name(text: &str) -> RoomName {
    RoomName::new(text).unwrap()
}

pub fn policy(capacity: u64) -> RoomPolicy {
    RoomPolicy {
        name: name("sale"),
        mode: Mode::Fifo,
        capacity,
        rate: Rate::per_minute(600).unwrap(),
        session_ttl: Duration::from_secs(600),
        claim_window: Duration::from_secs(30),
        return_grace: Duration::from_secs(120),
        near_poll: Duration::from_secs(3),
        max_poll: Duration::from_secs(30),
        max_waiting: 10_000,
        opens_at: None,
    }
}

pub struct House {
    clock: Arc<PausedClock>,
    entropy: Arc<Counter>,
    pub store: Arc<Watched>,
}

impl Drop for House {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(*self.store.over.lock(), None, "the capacity rule");
        }
    }
}

impl House {
    pub fn new() -> House {
        let clock = Arc::new(PausedClock(Instant::now()));
        House {
            store: Watched::new(clock.clone()),
            entropy: Arc::default(),
            clock,
        }
    }

    /// An edge that has had its first tick.
    pub async fn edge(&self, policies: Vec<RoomPolicy>) -> Arc<Agent> {
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        let agent = Agent::start(self.store.clone(), clock, entropy, policies, true, Vec::new());
        sleep(Duration::from_millis(10)).await;
        agent
    }
}

pub fn inside(arrival: Arrival) -> Session {
    match arrival {
        Arrival::Inside(session) => session,
        other => panic!("not inside: {other:?}"),
    }
}

/// Comes back as told, until inside or so many polls are over.
pub async fn waits(edge: &Agent, arrival: Arrival, polls: usize) -> Arrival {
    let mut last = arrival;
    for _ in 0..polls {
        let (place, facts) = match &last {
            Arrival::Waiting { place, facts, .. } | Arrival::Rejoined { place, facts, .. } => (*place, facts.clone()),
            _ => return last,
        };
        sleep(facts.refresh).await;
        last = edge.arrive(&name("sale"), Some(place), Some(facts.seen)).await;
    }
    last
}
