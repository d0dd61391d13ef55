//! Holds through the writer itself, without HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use stanchion_booking::engine::Engine;
use stanchion_booking::{Database, clock};
use tokio::task::JoinSet;

use super::{IN_FLIGHT, commands};

/// Durable holds a second, asked by [`IN_FLIGHT`] at a time.
pub fn holds(database: &Database, lap: Duration) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let engine = Arc::new(Engine::start(database, clock::system(), commands::opening())?);
    ensure!(engine.is_leading(), "somebody else is the writer");
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut clerks = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (engine, next) = (Arc::clone(&engine), Arc::clone(&next));
        let clerk = async move {
            let mut made: u64 = 0;
            while began.elapsed() < lap {
                let answer = engine.submit(commands::hold(next.fetch_add(1, Relaxed))).await;
                let applied = answer.map_err(|why| anyhow!("{why:?}"))?;
                applied.reply.map_err(|refusal| anyhow!("{refusal:?}"))?;
                made += 1;
            }
            anyhow::Ok(made)
        };
        clerks.spawn_on(clerk, runtime.handle());
    }
    let made = runtime.block_on(clerks.join_all()).into_iter().sum::<Result<u64>>()?;
    let took = began.elapsed();
    let held: u64 = engine.look(|sale| sale.offers().map(|offer| u64::from(offer.held())).sum());
    ensure!(held == made, "{held} places held, {made} holds acknowledged");
    if let Some(engine) = Arc::into_inner(engine) {
        engine.stop();
    }
    Ok(made as f64 / took.as_secs_f64())
}
