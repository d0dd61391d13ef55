//! What others do with the same PostgreSQL, and what it can do at all. Statements are prepared; every client has a
//! connection of its own; everybody keeps the same bytes of a hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stanchion_booking::engine::MAX_BATCH;
use tokio_postgres::{Client, NoTls};

use super::CLIENTS;
use super::commands::Kept;

/// Seats that nobody has: more than a lap takes.
const SEATS: u64 = 200_000;

const TABLES: &str = "
    CREATE TABLE facts (seq BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, fact TEXT NOT NULL);
    CREATE TABLE orders (id BIGINT PRIMARY KEY, opened TEXT NOT NULL, answered TEXT NOT NULL);
    CREATE TABLE stock (event BIGINT PRIMARY KEY, left_count BIGINT NOT NULL);
    CREATE TABLE seat (id BIGINT PRIMARY KEY, holder BIGINT);
";

pub fn batches(url: &str, kept: &Kept, lap: Duration) -> Result<f64> {
    let runtime = runtime()?;
    runtime.block_on(insert(&runtime, url, kept, lap, MAX_BATCH))
}

pub fn one_by_one(url: &str, kept: &Kept, lap: Duration) -> Result<f64> {
    let runtime = runtime()?;
    runtime.block_on(insert(&runtime, url, kept, lap, 1))
}

/// One statement a batch is one commit.
async fn insert(runtime: &tokio::runtime::Runtime, url: &str, kept: &Kept, lap: Duration, batch: usize) -> Result<f64> {
    let client = connect(runtime, url).await?;
    client.batch_execute(TABLES).await?;
    let insert = "INSERT INTO facts SELECT $1 + place - 1, 1, fact FROM unnest($2::text[]) WITH ORDINALITY AS given (fact, place)";
    let insert = client.prepare(insert).await?;
    let (mut made, mut seq, began) = (0, 1_i64, Instant::now());
    while began.elapsed() < lap {
        let facts: Vec<&str> = kept.of(made, batch).collect();
        client.execute(&insert, &[&seq, &facts]).await?;
        seq += facts.len() as i64;
        made += batch as u64;
    }
    Ok(made as f64 / began.elapsed().as_secs_f64())
}

/// Everybody who wants a place of the event takes its lock first, looks what is left, takes one, keeps the order.
pub fn advisory_lock(url: &str, kept: &Kept, lap: Duration) -> Result<f64> {
    let prepare = "INSERT INTO stock VALUES (1, 100000000)".to_owned();
    let steps = [
        "SELECT pg_advisory_xact_lock(1), $1::bigint",
        "SELECT left_count FROM stock WHERE event = 1 AND $1::bigint >= 0",
        "UPDATE stock SET left_count = left_count - 1 WHERE event = 1 AND $1::bigint >= 0",
    ];
    clients(url, kept, lap, &prepare, &steps)
}

/// Everybody locks a seat that nobody else wants: no waiting, only the cost.
pub fn row_locks(url: &str, kept: &Kept, lap: Duration) -> Result<f64> {
    let prepare = format!("INSERT INTO seat SELECT number, NULL FROM generate_series(0, {SEATS} - 1) AS number");
    let steps = [
        "SELECT holder FROM seat WHERE id = $1::bigint FOR UPDATE",
        "UPDATE seat SET holder = 1 WHERE id = $1::bigint",
    ];
    clients(url, kept, lap, &prepare, &steps)
}

/// [`CLIENTS`] at once: begin, the steps, the order and its answer, commit.
fn clients(url: &str, kept: &Kept, lap: Duration, prepare: &str, steps: &[&'static str]) -> Result<f64> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let first = connect(&runtime, url).await?;
        first.batch_execute(&format!("{TABLES}{prepare}; ANALYZE")).await?;
        let next = Arc::new(AtomicU64::new(0));
        let mut connections = Vec::new();
        for _ in 0..CLIENTS {
            connections.push(connect(&runtime, url).await?);
        }
        let began = Instant::now();
        let work = connections
            .into_iter()
            .map(|client| buy(client, kept, began, lap, steps, Arc::clone(&next)));
        let made: Vec<u64> = futures::future::try_join_all(work).await?;
        Ok(made.iter().sum::<u64>() as f64 / began.elapsed().as_secs_f64())
    })
}

async fn buy(
    mut client: Client,
    kept: &Kept,
    began: Instant,
    lap: Duration,
    steps: &[&'static str],
    next: Arc<AtomicU64>,
) -> Result<u64> {
    let mut prepared = Vec::new();
    for step in steps {
        prepared.push(client.prepare(step).await?);
    }
    let keep = client.prepare("INSERT INTO orders VALUES ($1, $2, $3)").await?;
    let mut made = 0;
    while began.elapsed() < lap {
        let number = next.fetch_add(1, Relaxed);
        let id = i64::try_from(number)?;
        let commit = client.transaction().await?;
        for step in &prepared {
            commit.query(step, &[&(id % SEATS as i64)]).await?;
        }
        let mut facts = kept.of(number, 1);
        let (opened, answered) = (facts.next().context("the order")?, facts.next().context("its answer")?);
        commit.execute(&keep, &[&id, &opened, &answered]).await?;
        commit.commit().await?;
        made += 1;
    }
    Ok(made)
}

async fn connect(runtime: &tokio::runtime::Runtime, url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with its client.
    runtime.spawn(connection);
    Ok(client)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    Ok(runtime?)
}
