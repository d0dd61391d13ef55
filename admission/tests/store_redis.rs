//! The Redis store keeps the contract of the line, on one server and in a cluster.
#![allow(clippy::unwrap_used)] // helpers of tests, outside of the test functions

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use stanchion_admission::ids::{RoomName, Stamp};
use stanchion_admission::store::Store;
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_testkit::{Redis, RedisCluster};

mod contract;

use contract::kit::{Bench, START};

/// One for all tests here; they end with the process.
static SINGLE: LazyLock<Redis> = LazyLock::new(Redis::single);
static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start(0));

const PARTS: [&str; 12] = [
    "state", "queue", "present", "seen", "admitted", "active", "places", "claimed", "spent", "ended", "revoked",
    "unproven",
];

struct RedisBench {
    store: RedisStore,
    now_us: Arc<AtomicU64>,
    room: RoomName,
    servers: Vec<&'static Redis>,
}

impl RedisBench {
    async fn new(url: &str, servers: Vec<&'static Redis>) -> RedisBench {
        static ROOMS: AtomicU64 = AtomicU64::new(0);
        let now_us = Arc::new(AtomicU64::new(START.0));
        let clock = Arc::clone(&now_us);
        // What is shown here is what the scripts decide, however busy this machine is.
        let patient = RedisOptions {
            call_within: Some(Duration::from_secs(5)),
            ..RedisOptions::default()
        };
        let store = RedisStore::connect(url, patient).await.unwrap();
        RedisBench {
            store: store.with_clock(move || Stamp(clock.load(Ordering::SeqCst))),
            now_us,
            room: RoomName::new(&format!("sale-{}", ROOMS.fetch_add(1, Ordering::Relaxed))).unwrap(),
            servers,
        }
    }
}

#[async_trait]
impl Bench for RedisBench {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn set_clock(&self, now: Stamp) {
        self.now_us.store(now.0, Ordering::SeqCst);
    }

    fn room(&self) -> RoomName {
        self.room.clone()
    }

    async fn wipe(&self, room: &RoomName) {
        let keys: Vec<_> = PARTS
            .iter()
            .map(|part| format!("stanchion:{{{room}}}:{part}"))
            .collect();
        let command: Vec<_> = std::iter::once("DEL").chain(keys.iter().map(String::as_str)).collect();
        let done = self.servers.iter().any(|server| !server.command(&command).is_error());
        assert!(done, "no server has the room");
    }
}

async fn on_one() -> RedisBench {
    RedisBench::new(&SINGLE.url(), vec![&SINGLE]).await
}

async fn in_cluster() -> RedisBench {
    RedisBench::new(&CLUSTER.url(), CLUSTER.nodes.iter().collect()).await
}

mod single {
    use super::{contract, on_one};
    use crate::contract_suite;
    contract_suite!(on_one);
}

mod cluster {
    use super::{contract, in_cluster};
    use crate::contract_suite;
    contract_suite!(in_cluster);
}

#[test]
fn random_histories_answer_as_the_plain_model() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    contract::random::histories(30, 120, |case| {
        runtime.block_on(async {
            let bench = on_one().await;
            contract::random::history(&bench, case).await
        })
    });
}
