//! What SQLite itself can do with the same bytes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::{Connection, params};
use stanchion_booking::engine::MAX_BATCH;

use super::commands::Kept;

/// The writer's batch size, no decision: the limit of the store.
pub fn batches(path: &Path, kept: &Kept, lap: Duration) -> Result<f64> {
    insert(path, kept, lap, MAX_BATCH)
}

pub fn one_by_one(path: &Path, kept: &Kept, lap: Duration) -> Result<f64> {
    insert(path, kept, lap, 1)
}

fn insert(path: &Path, kept: &Kept, lap: Duration, batch: usize) -> Result<f64> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let table = "CREATE TABLE facts (seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, fact TEXT NOT NULL) STRICT";
    connection.execute_batch(table)?;
    let (mut made, mut seq, began) = (0, 0, Instant::now());
    while began.elapsed() < lap {
        let commit = connection.transaction()?;
        let mut insert = commit.prepare_cached("INSERT INTO facts (seq, epoch, fact) VALUES (?1, 1, ?2)")?;
        for fact in kept.of(made, batch) {
            seq += 1;
            insert.execute(params![seq, fact])?;
        }
        drop(insert);
        commit.commit()?;
        made += batch as u64;
    }
    Ok(made as f64 / began.elapsed().as_secs_f64())
}
