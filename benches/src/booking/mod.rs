//! The booking service: holds a second beside what others do with the same database, the best seats of a large hall, and
//! thousands who watch one event. Servers are started here and belong to this run alone.

mod commands;
mod crowd;
mod engine;
mod hall;
mod postgres;
mod readers;
mod served;
mod sqlite;
mod table;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use stanchion_booking::Database;
use stanchion_testkit::Postgres;
use tempfile::TempDir;

use crate::report::median;
use commands::Kept;
use served::Service;
use table::{Lane, Table};

/// Who asks at one time, in process: two full batches, so that one fills while the other is committed.
const IN_FLIGHT: usize = 1_024;
const CLIENTS: usize = 16;
const CONNECTIONS: usize = 256;

pub struct Plan {
    pub rounds: usize,
    /// How long each lane runs in each round.
    pub lap: Duration,
    pub readers: usize,
    /// A flush of PostgreSQL's is made to take this much longer (needs strace): as a disk that really flushes.
    pub flush_us: u64,
}

pub fn run(plan: &Plan) -> Result<()> {
    stanchion_booking::install_crypto();
    served::raise_file_limit(plan.readers)?;
    let kept = Kept::new()?;
    println!("\n# Booking\n\n{}", conditions(plan)?);
    println!("{}", on_sqlite(plan, &kept)?);
    println!("{}", on_postgres(plan, &kept)?);
    println!("{}", hall::run()?);
    println!("{}", readers::run(plan.readers)?);
    Ok(())
}

fn conditions(plan: &Plan) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    Ok(format!(
        "{cores} cores, load {load} before; a flush of 8 KiB takes {:.2} ms here{}. {} rounds of {:.1} s a lane, {IN_FLIGHT} \
         holds in flight in process, {CONNECTIONS} connections, {CLIENTS} clients of the yardsticks.",
        flush_ms()?,
        match plan.flush_us {
            0 => String::new(),
            us => format!(", and {us} µs more in PostgreSQL"),
        },
        plan.rounds,
        plan.lap.as_secs_f64()
    ))
}

/// What a commit costs at least: 8 KiB more in a file, flushed.
fn flush_ms() -> Result<f64> {
    let dir = tempfile::tempdir()?;
    let mut file = File::create(dir.path().join("flush"))?;
    let mut took_ms = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        file.write_all(&[7; 8_192])?;
        file.sync_data()?;
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&took_ms))
}

/// Everybody in turn, in each round, on a database of their own.
fn in_rounds(plan: &Plan, lanes: &mut [Lane<'_>]) -> Result<()> {
    for round in 1..=plan.rounds {
        for lane in lanes.iter_mut() {
            let per_s = (lane.run)()?;
            eprintln!("round {round}: {}: {per_s:.0}/s", lane.name);
            lane.per_s.push(per_s);
        }
    }
    Ok(())
}

fn on_sqlite(plan: &Plan, kept: &Kept) -> Result<Table> {
    let lap = plan.lap;
    let with_file = |lane: &dyn Fn(&Path) -> Result<f64>| {
        let dir = TempDir::new()?;
        lane(&dir.path().join("booking.db"))
    };
    let address = |path: &Path| Database::Sqlite(path.to_owned());
    let mut lanes = vec![
        Lane::new(table::IN_PROCESS, || {
            with_file(&|path| engine::holds(&address(path), lap))
        }),
        Lane::new(table::RAW, || with_file(&|path| sqlite::batches(path, kept, lap))),
        Lane::new(table::EACH, || with_file(&|path| sqlite::one_by_one(path, kept, lap))),
        Lane::new(table::HTTP, || {
            with_file(&|path| Service::start(&format!("sqlite:{}", path.display()))?.holds(lap))
        }),
    ];
    in_rounds(plan, &mut lanes)?;
    Ok(Table::new("SQLite (WAL, synchronous=FULL)", lanes))
}

fn on_postgres(plan: &Plan, kept: &Kept) -> Result<Table> {
    let lap = plan.lap;
    let server = Postgres::start_durable(plan.flush_us);
    let fresh = |lane: &dyn Fn(&str) -> Result<f64>| {
        server.sql("DROP DATABASE IF EXISTS lane WITH (FORCE)");
        server.sql("CREATE DATABASE lane");
        lane(&server.url_of("lane"))
    };
    let mut lanes = vec![
        Lane::new(table::IN_PROCESS, || {
            fresh(&|url| engine::holds(&Database::Postgres(url.to_owned()), lap))
        }),
        Lane::new(table::RAW, || fresh(&|url| postgres::batches(url, kept, lap))),
        Lane::new(table::ADVISORY, || {
            fresh(&|url| postgres::advisory_lock(url, kept, lap))
        }),
        Lane::new(table::ROW, || fresh(&|url| postgres::row_locks(url, kept, lap))),
        Lane::new(table::EACH, || fresh(&|url| postgres::one_by_one(url, kept, lap))),
        Lane::new(table::HTTP, || fresh(&|url| Service::start(url)?.holds(lap))),
    ];
    in_rounds(plan, &mut lanes)?;
    Ok(Table::new("PostgreSQL (fsync, synchronous_commit=on)", lanes))
}
