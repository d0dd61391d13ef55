//! Memory and Redis do the same: one seeded walk of random operations on both, on one fake clock; every answer and
//! every field of every snapshot must agree. `STANCHION_SEEDS` walks more; `STANCHION_SEED` replays one.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::memory::MemoryStore;
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_admission::store::{Claim, EdgeMemory, End, Session, Snapshot, Store, StoreError, Tick};
use stanchion_testkit::Redis;

const START_US: u64 = 1_700_000_000_000_000;
const STEPS: usize = 250;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
}

struct Walk<'a> {
    dice: Dice,
    now: Arc<AtomicU64>,
    memory: MemoryStore,
    redis: &'a RedisStore,
    server: &'a Redis,
    policy: RoomPolicy,
    /// Stamps that edges made: everybody's place by visitor number.
    places: Vec<Place>,
    edges: Vec<EdgeMemory>,
    sessions: Vec<Session>,
    version: u64,
}

fn policy(dice: &mut Dice, seed: u64) -> RoomPolicy {
    let second = Duration::from_secs(1);
    let (count, period) = [(60, 60), (1, 60), (600, 60), (7, 3), (100_000, 60)][dice.roll(5) as usize];
    RoomPolicy {
        name: RoomName::new(&format!("walk-{seed}")).unwrap(),
        mode: if dice.one_in(12) { Mode::Closed } else { Mode::Fifo },
        capacity: [1, 5, 40, 1_000_000][dice.roll(4) as usize],
        rate: Rate::new(count, period * second).unwrap(),
        session_ttl: second * [5, 60, 600][dice.roll(3) as usize],
        claim_window: second * [3, 30][dice.roll(2) as usize],
        return_grace: second * [8, 60, 300][dice.roll(3) as usize],
        near_poll: second * [1, 2, 5][dice.roll(3) as usize],
        max_poll: second * 60,
        max_waiting: [10, 100_000][dice.roll(2) as usize],
        opens_at: dice.one_in(5).then_some(Stamp(START_US + 20_000_000)),
    }
}

impl Walk<'_> {
    fn place(&mut self) -> Place {
        let now = self.now.load(Ordering::Relaxed);
        if self.places.is_empty() || self.dice.one_in(3) {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&self.dice.roll(u64::MAX).to_be_bytes());
            let early = self.dice.roll(3_000_000);
            self.places.push(Place {
                stamp: Stamp(now - early),
                visitor: VisitorId(id),
            });
        }
        let at = self.dice.roll(self.places.len() as u64) as usize;
        let mut place = self.places[at];
        if self.dice.one_in(30) {
            // The same visitor with another stamp: no edge of ours makes it, both stores answer it alike.
            place.stamp = [Stamp(0), Stamp(now), Stamp::MAX, Stamp(u64::MAX)][self.dice.roll(4) as usize];
        }
        place
    }

    fn some_places(&mut self) -> Vec<Place> {
        let most = if self.dice.one_in(6) { 400 } else { 8 };
        (0..=self.dice.roll(most)).map(|_| self.place()).collect()
    }

    fn some_sessions(&mut self) -> Vec<Session> {
        let now = self.now.load(Ordering::Relaxed);
        let mut some: Vec<_> = self
            .sessions
            .iter()
            .rev()
            .take(self.dice.roll(6) as usize)
            .copied()
            .collect();
        if self.dice.one_in(2) {
            let claimed_at = Stamp(now - self.dice.roll(90_000_000));
            let expires_at = claimed_at.plus(self.policy.session_ttl);
            some.push(Session {
                place: self.place(),
                claimed_at,
                expires_at,
            });
        }
        some.extend(some.first().copied());
        some
    }

    fn settings(&mut self) -> LiveSettings {
        LiveSettings {
            version: self.dice.roll(5),
            capacity: self.dice.one_in(2).then(|| self.dice.roll(50)),
            rate: self
                .dice
                .one_in(2)
                .then(|| Rate::new(1 + self.dice.roll(500), Duration::from_secs(10)).unwrap()),
            paused: self.dice.one_in(4).then(|| "Die Lösung kommt — bald".to_owned()),
            closed: self.dice.one_in(8),
            message: self.dice.one_in(3).then(|| "\"quoted\" 列".to_owned()),
        }
    }

    async fn tick(&mut self) -> (Result<Snapshot, StoreError>, Result<Snapshot, StoreError>) {
        let edge = self.dice.roll(self.edges.len() as u64) as usize;
        let memory = self.edges[edge].clone();
        let new_epoch_id = 1 + self.dice.roll((1 << 53) - 1);
        let newborn = self.dice.one_in(2);
        let call = Tick {
            policy: &self.policy,
            memory: &memory,
            new_epoch_id,
            newborn,
        };
        let both = (self.memory.tick(&call).await, self.redis.tick(&call).await);
        if let Ok(seen) = &both.0 {
            let remembered = &mut self.edges[edge];
            *remembered = EdgeMemory {
                epoch: seen.epoch,
                seq: seen.seq,
                frontier: seen.frontier.max(remembered.frontier),
                grace_frontier: seen.grace_frontier.max(remembered.grace_frontier),
                active: seen.active + seen.ghosts,
                admitted: seen.admitted,
                as_of: seen.now,
                settings: seen.settings.clone(),
            };
        }
        both
    }

    fn advance(&mut self) {
        let span = match self.dice.roll(12) {
            0 => self.dice.roll(20_000_000),
            1 => 0,
            2 => self.dice.roll(400_000_000),
            _ => self.dice.roll(1_500_000),
        };
        let back = if self.dice.one_in(20) {
            self.dice.roll(5_000_000)
        } else {
            0
        };
        self.now.fetch_add(span, Ordering::Relaxed);
        self.now.fetch_sub(back, Ordering::Relaxed);
    }

    fn wipe(&self) {
        self.memory.wipe();
        self.server.run(&["FLUSHALL"]);
    }

    /// One operation on both; what each said.
    async fn step(&mut self) -> (String, String) {
        match self.dice.roll(26) {
            0..=9 => self.somebody_comes().await,
            10..=15 => {
                let (a, b) = self.tick().await;
                show("tick", &a, &b)
            }
            16..=19 => {
                let (policy, place) = (self.policy.clone(), self.place());
                let (a, b) = (
                    self.memory.claim(&policy, place).await,
                    self.redis.claim(&policy, place).await,
                );
                if let Ok(Claim::Inside(session)) = a {
                    self.sessions.push(session);
                }
                show("claim", &a, &b)
            }
            20..=24 => self.somebody_ends().await,
            _ if self.dice.one_in(4) => {
                self.wipe();
                (String::new(), String::new())
            }
            _ => self.put_settings().await,
        }
    }

    async fn somebody_comes(&mut self) -> (String, String) {
        let policy = self.policy.clone();
        match self.dice.roll(10) {
            0..=2 => {
                let place = self.place();
                let a = self.memory.enter(&policy, place).await;
                show("enter", &a, &self.redis.enter(&policy, place).await)
            }
            3..=5 => {
                let places = self.some_places();
                let a = self.memory.join(&policy, &places).await;
                show("join", &a, &self.redis.join(&policy, &places).await)
            }
            _ => {
                let places = self.some_places();
                let a = self.memory.present(&policy, &places).await;
                show("present", &a, &self.redis.present(&policy, &places).await)
            }
        }
    }

    async fn somebody_ends(&mut self) -> (String, String) {
        let policy = self.policy.clone();
        match self.dice.roll(5) {
            0 | 1 => {
                let sessions = self.some_sessions();
                let a = self.memory.touch(&policy, &sessions).await;
                show("touch", &a, &self.redis.touch(&policy, &sessions).await)
            }
            2 => {
                let places = self.some_places();
                let a = self.memory.spent(&policy, &places).await;
                show("spent", &a, &self.redis.spent(&policy, &places).await)
            }
            _ => {
                let place = self.place();
                let how = if self.dice.one_in(2) {
                    End::Released
                } else {
                    End::Revoked
                };
                let a = self.memory.end(&policy, place, how).await;
                show("end", &a, &self.redis.end(&policy, place, how).await)
            }
        }
    }

    async fn put_settings(&mut self) -> (String, String) {
        let policy = self.policy.clone();
        let expected = if self.dice.one_in(3) {
            self.dice.roll(4)
        } else {
            self.version
        };
        let new = self.settings();
        let a = self.memory.settings_put(&policy, expected, new.clone()).await;
        if let Ok(stored) = &a {
            self.version = stored.version;
        }
        show("settings", &a, &self.redis.settings_put(&policy, expected, new).await)
    }
}

fn show(what: &str, memory: &dyn std::fmt::Debug, redis: &dyn std::fmt::Debug) -> (String, String) {
    (format!("{what}: {memory:?}"), format!("{what}: {redis:?}"))
}

async fn walk(server: &Redis, redis: &RedisStore, now: &Arc<AtomicU64>, seed: u64) {
    now.store(START_US, Ordering::Relaxed);
    let clock = Arc::clone(now);
    let mut dice = Dice(seed);
    let policy = policy(&mut dice, seed);
    let mut walk = Walk {
        dice,
        now: Arc::clone(now),
        memory: MemoryStore::with_clock(move || Stamp(clock.load(Ordering::Relaxed))),
        redis,
        server,
        policy,
        places: Vec::new(),
        edges: vec![EdgeMemory::default(); 3],
        sessions: Vec::new(),
        version: 0,
    };
    for step in 0..STEPS {
        walk.advance();
        let (memory, redis) = walk.step().await;
        if std::env::var_os("STANCHION_TRACE").is_some() {
            eprintln!("{step} {memory}");
        }
        assert_eq!(memory, redis, "STANCHION_SEED={seed}, step {step}, {:?}", walk.policy);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_redis_walk_alike() {
    let server = Redis::single();
    let now = Arc::new(AtomicU64::new(START_US));
    let clock = Arc::clone(&now);
    // What is compared here is what the scripts decide, however busy this machine is.
    let patient = RedisOptions {
        call_within: Some(Duration::from_secs(5)),
        ..RedisOptions::default()
    };
    let redis = RedisStore::connect(&server.url(), patient)
        .await
        .unwrap()
        .with_clock(move || Stamp(clock.load(Ordering::Relaxed)));
    let seeds = match number("STANCHION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("STANCHION_SEEDS").unwrap_or(25),
    };
    for seed in seeds {
        walk(&server, &redis, &now, seed).await;
    }
}
