//! What the fault tests share: a room, visitors, and calls that are timed.

use std::time::{Duration, Instant};

use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::redis::{BreakerState, RedisOptions, RedisStore};
use stanchion_admission::store::{Claim, EdgeMemory, Enter, Session, Snapshot, Store, StoreError, Tick};

/// The longest an operation may take: its deadline, and something for a busy machine.
pub const CALL_MOST: Duration = Duration::from_millis(200);
/// A refusal that asked nobody.
pub const REFUSAL_MOST: Duration = Duration::from_millis(40);

pub fn policy(room: &str) -> RoomPolicy {
    let second = Duration::from_secs(1);
    RoomPolicy {
        name: RoomName::new(room).unwrap(),
        mode: Mode::Fifo,
        capacity: 10_000,
        rate: Rate::new(10_000, second).unwrap(),
        session_ttl: 600 * second,
        claim_window: 30 * second,
        return_grace: 60 * second,
        near_poll: second,
        max_poll: 30 * second,
        max_waiting: 1_000_000,
        opens_at: None,
    }
}

pub fn place(n: u64) -> Place {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    Place {
        stamp: Stamp(1_700_000_000_000_000 + n),
        visitor: VisitorId(id),
    }
}

pub async fn open(url: &str) -> RedisStore {
    RedisStore::connect(url, RedisOptions::default()).await.unwrap()
}

/// For tests that count or compare, on a machine as busy as it likes.
pub async fn open_patient(url: &str) -> RedisStore {
    let patient = RedisOptions {
        call_within: Some(Duration::from_secs(5)),
        ..RedisOptions::default()
    };
    RedisStore::connect(url, patient).await.unwrap()
}

pub async fn tick(store: &RedisStore, policy: &RoomPolicy, memory: &EdgeMemory) -> Result<Snapshot, StoreError> {
    let call = Tick {
        policy,
        memory,
        new_epoch_id: 42,
        newborn: *memory == EdgeMemory::default(),
    };
    store.tick(&call).await
}

/// Makes the room and lets one visitor in.
pub async fn somebody_inside(store: &RedisStore, policy: &RoomPolicy) -> Session {
    tick(store, policy, &EdgeMemory::default()).await.unwrap();
    match store.enter(policy, place(1)).await.unwrap() {
        Enter::Entered(session) => session,
        Enter::Queue => panic!("an empty room lets the first one in"),
    }
}

pub async fn is_inside(store: &RedisStore, policy: &RoomPolicy, session: &Session) -> Result<bool, StoreError> {
    let claim = store.claim(policy, session.place).await?;
    Ok(matches!(claim, Claim::Inside(now) if now.claimed_at == session.claimed_at))
}

/// Runs an operation; how long it took.
pub async fn timed<T>(operation: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let result = operation.await;
    (result, began.elapsed())
}

/// Calls every 50 ms until the breaker is open; no call takes too long. Says when it opened.
pub async fn until_open(store: &RedisStore, policy: &RoomPolicy) -> Duration {
    let began = Instant::now();
    while store.status().breaker == BreakerState::Closed {
        let (result, took) = timed(store.claim(policy, place(1))).await;
        assert!(matches!(result, Err(StoreError::Away(_))), "{result:?}");
        assert!(took <= CALL_MOST, "{took:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "the breaker never opened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

/// Calls every 20 ms until it works; says how long that took. No call may take too long meanwhile.
pub async fn until_well(store: &RedisStore, policy: &RoomPolicy, within: Duration) -> Duration {
    let began = Instant::now();
    loop {
        let (result, took) = timed(store.claim(policy, place(1))).await;
        assert!(took <= CALL_MOST, "{took:?}");
        match result {
            Ok(_) => return began.elapsed(),
            Err(StoreError::Away(_)) => {}
            Err(other) => panic!("{other}"),
        }
        assert!(
            began.elapsed() < within,
            "not back after {within:?}: {:?}",
            store.status()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
