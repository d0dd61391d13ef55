//! A room's loop: report what has gathered, ask for news. A failed call ends the round; what it carried waits for the
//! next one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Shared;
use super::room::Room;
use crate::edge::batches::Batches;
use crate::ids::Stamp;
use crate::store::{StoreError, Tick};

const FLUSH_EVERY: Duration = Duration::from_millis(100);
const TICK_EVERY: Duration = Duration::from_secs(1);
/// Ticks of several edges spread by up to a tenth.
const TICK_JITTER_MS: u64 = 100;
/// Rounds of batches in a row; what is left waits a tenth of a second.
const MAX_ROUNDS: usize = 64;

pub(super) async fn run(shared: Arc<Shared>, room: Arc<Room>, mut stop: watch::Receiver<bool>) {
    let mut next_tick = shared.clock.monotonic();
    loop {
        // Sessions are reported before the tick: after an outage it must not expire those who are still there.
        flush(&shared, &room).await;
        if shared.clock.monotonic() >= next_tick {
            tick(&shared, &room).await;
            next_tick = shared.clock.monotonic() + TICK_EVERY - Duration::from_millis(random(&shared) % TICK_JITTER_MS);
        }
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            () = tokio::time::sleep(FLUSH_EVERY) => {}
        }
    }
    flush(&shared, &room).await;
    // What is remembered of the room is then true of its last moment.
    tick(&shared, &room).await;
}

pub(super) async fn tick(shared: &Shared, room: &Room) {
    let (policy, memory) = (room.policy(), room.with(|core| core.memory().clone()));
    let call = Tick {
        policy: &policy,
        memory: &memory,
        new_epoch_id: random(shared) & Stamp::MAX.0,
        newborn: room.newborn,
    };
    let sent = shared.clock.monotonic();
    let answer = shared.store.tick(&call).await;
    let received = shared.clock.monotonic();
    match answer {
        Ok(snapshot) => room.with(|core| tell_news(core, snapshot, sent, received)),
        Err(error) => {
            tracing::debug!(room = %policy.name, %error, "tick failed");
            // A queue that is full here says nothing about the store.
            if error != StoreError::Busy {
                room.with(|core| core.on_store_failure());
            }
        }
    }
}

fn tell_news(
    core: &mut crate::edge::core::EdgeRoom,
    snapshot: crate::store::Snapshot,
    sent: Duration,
    received: Duration,
) {
    let before = core.memory().epoch;
    core.on_snapshot(snapshot, sent, received);
    let (room, epoch) = (&core.view().policy.name, core.memory().epoch);
    if before != epoch {
        tracing::info!(%room, ordinal = epoch.ordinal, "the store began a new epoch");
    }
}

async fn flush(shared: &Shared, room: &Room) {
    for _ in 0..MAX_ROUNDS {
        let mut batches = room.with(|core| core.take_batches());
        if batches.is_empty() {
            return;
        }
        if let Err(error) = deliver(shared, room, &mut batches).await {
            tracing::debug!(room = %room.policy().name, %error, "batch failed");
            room.with(|core| core.give_back(batches));
            return;
        }
    }
}

/// Delivers in order and empties what was delivered.
async fn deliver(shared: &Shared, room: &Room, batches: &mut Batches) -> Result<(), StoreError> {
    let (store, policy) = (&shared.store, room.policy());
    while let Some(&(place, how)) = batches.ends.first() {
        store.end(&policy, place, how).await?;
        batches.ends.remove(0);
    }
    if !batches.touches.is_empty() {
        let sent = shared.clock.monotonic();
        let ended = store.touch(&policy, &batches.touches).await?;
        let touched = std::mem::take(&mut batches.touches);
        room.with(|core| core.touched(&touched, &ended, sent));
    }
    if !batches.spent.is_empty() {
        store.spent(&policy, &batches.spent).await?;
        batches.spent.clear();
    }
    if !batches.joins.is_empty() {
        let joined = store.join(&policy, &batches.joins).await?;
        batches.joins.clear();
        if joined.refused > 0 {
            tracing::debug!(room = %policy.name, refused = joined.refused, "the line is full");
        }
    }
    if !batches.present.is_empty() {
        store.present(&policy, &batches.present).await?;
        batches.present.clear();
    }
    Ok(())
}

fn random(shared: &Shared) -> u64 {
    let mut bytes = [0; 8];
    shared.entropy.fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
