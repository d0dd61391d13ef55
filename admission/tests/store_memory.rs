//! The memory store keeps the contract of the line.
#![allow(clippy::unwrap_used)] // helpers of tests, outside of the test functions

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use stanchion_admission::ids::{RoomName, Stamp};
use stanchion_admission::store::Store;
use stanchion_admission::store::memory::MemoryStore;

mod contract;

use contract::kit::{Bench, START};

struct MemoryBench {
    store: MemoryStore,
    now_us: Arc<AtomicU64>,
}

#[async_trait]
impl Bench for MemoryBench {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn set_clock(&self, now: Stamp) {
        self.now_us.store(now.0, Ordering::SeqCst);
    }

    fn room(&self) -> RoomName {
        RoomName::new("sale").unwrap()
    }

    async fn wipe(&self, room: &RoomName) {
        assert!(self.audit(room).is_ok(), "{:?}", self.audit(room));
        self.store.wipe();
    }
}

impl MemoryBench {
    fn audit(&self, room: &RoomName) -> Result<(), &'static str> {
        self.store.copy_of(room).map_or(Ok(()), |room| room.audit())
    }
}

async fn bench() -> MemoryBench {
    let now_us = Arc::new(AtomicU64::new(START.0));
    let clock = Arc::clone(&now_us);
    MemoryBench {
        store: MemoryStore::with_clock(move || Stamp(clock.load(Ordering::SeqCst))),
        now_us,
    }
}

contract_suite!(bench);

#[test]
fn random_histories_answer_as_the_plain_model() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    contract::random::histories(400, 160, |case| {
        runtime.block_on(async {
            let bench = bench().await;
            contract::random::history(&bench, case).await?;
            bench
                .audit(&bench.room())
                .map_err(proptest::test_runner::TestCaseError::fail)
        })
    });
}
