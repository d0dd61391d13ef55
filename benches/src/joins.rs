//! Joins into a real Redis through one edge's agent, in this process: newcomers get tickets, their first polls report
//! them, batches index them. How many a second, with how many store commands; and what a tick costs with a short line
//! and a long one. Beside it the least that any index in Redis costs: plain `ZADD` in the same batches.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use stanchion_admission::clock::SystemClock;
use stanchion_admission::edge::agent::{Agent, Arrival, Seen, Status};
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::{Place, RoomName};
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_admission::store::{MAX_BATCH, Store};
use stanchion_testkit::redis::Redis;
use tokio::time::sleep;

/// The short line of the comparison.
const FEW: usize = 1_000;
const WATCHED_S: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(120);
/// The index of the bench's room.
const QUEUE: &str = "stanchion:{bench}:queue";
/// How often it is looked whether all are indexed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What Redis did between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    scripts: u64,
    commands: u64,
    cpu_s: f64,
}

#[derive(Debug)]
pub struct Figures {
    places: usize,
    took: Duration,
    joining: Work,
    plain: Duration,
    watched: Vec<(usize, Work)>,
}

pub fn run(places: usize) -> Result<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(places.max(2 * FEW)))
}

async fn measure(places: usize) -> Result<Figures> {
    let redis = Redis::single();
    let plain = plain_zadd(&redis, places)?;
    let store = RedisStore::connect(&redis.url(), RedisOptions::default()).await?;
    let edge = Edge::start(Arc::new(store)).await?;
    edge.join(FEW).await?;
    until_indexed(&redis, FEW).await?;
    let mut watched = vec![(FEW, watch(&redis).await)];
    let (before, began) = (look(&redis), Instant::now());
    edge.join(places - FEW).await?;
    let looks = until_indexed(&redis, places).await?;
    let took = began.elapsed();
    let mut joining = look(&redis).since(before);
    joining.commands -= looks;
    watched.push((places, watch(&redis).await));
    edge.agent.shutdown().await;
    Ok(Figures {
        places: places - FEW,
        took,
        joining,
        plain,
        watched,
    })
}

/// One edge without HTTP, in front of a room that lets one visitor a day in.
struct Edge {
    agent: Arc<Agent>,
    room: RoomName,
}

impl Edge {
    async fn start(store: Arc<dyn Store>) -> Result<Edge> {
        let policy = policy()?;
        let room = policy.name.clone();
        let clock = Arc::new(SystemClock::default());
        let agent = Agent::start(store, clock, Arc::new(SystemEntropy), vec![policy], true, Vec::new());
        let deadline = Instant::now() + PATIENCE;
        while agent.snapshot(&room).is_none() {
            ensure!(Instant::now() < deadline, "the store did not answer");
            sleep(LOOK_EVERY).await;
        }
        Ok(Edge { agent, room })
    }

    /// So many newcomers and their first polls, as fast as they are taken.
    async fn join(&self, count: usize) -> Result<()> {
        let mut joined = 0;
        while joined < count {
            let Arrival::Waiting { place, facts, .. } = self.agent.arrive(&self.room, None, None).await else {
                continue; // the first of all is let in
            };
            self.first_poll(place, facts.seen).await?;
            joined += 1;
        }
        Ok(())
    }

    /// Asks until the place is in a batch: the edge holds so many unsent joins and no more.
    async fn first_poll(&self, place: Place, mut seen: Seen) -> Result<()> {
        loop {
            let Status::Waiting(facts) = self.agent.status(&self.room, place, Some(seen)) else {
                anyhow::bail!("somebody deep in the line may claim");
            };
            seen = facts.seen;
            if seen.epoch_id > 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits until so many places are in the index; how often it was looked.
async fn until_indexed(redis: &Redis, places: usize) -> Result<u64> {
    let mut connection = redis.connect();
    let (mut looks, deadline) = (0, Instant::now() + PATIENCE);
    loop {
        looks += 1;
        let indexed = connection.command(&["ZCARD", QUEUE]).integer();
        if indexed >= places as i64 {
            return Ok(looks);
        }
        ensure!(
            Instant::now() < deadline,
            "{indexed} of {places} places in the index after {PATIENCE:?}"
        );
        sleep(LOOK_EVERY).await;
    }
}

fn policy() -> Result<RoomPolicy> {
    Ok(RoomPolicy {
        name: RoomName::new("bench").context("a room's name")?,
        mode: Mode::Fifo,
        capacity: 1_000,
        rate: Rate::new(1, Duration::from_secs(86_400)).context("a rate")?,
        session_ttl: Duration::from_secs(3_600),
        claim_window: Duration::from_secs(60),
        return_grace: Duration::from_secs(3_600),
        near_poll: Duration::from_secs(3),
        max_poll: Duration::from_secs(60),
        max_waiting: 10_000_000,
        opens_at: None,
    })
}

/// The same number of members of the same size into one sorted set, one `ZADD` for each batch, one after the other.
fn plain_zadd(redis: &Redis, places: usize) -> Result<Duration> {
    let mut connection = redis.connect();
    let members: Vec<String> = (0..places).map(|n| format!("{n:016}")).collect();
    let began = Instant::now();
    for batch in members.chunks(MAX_BATCH) {
        let mut parts = vec!["ZADD", "plain", "NX"];
        parts.extend(batch.iter().flat_map(|member| [member.as_str(), member.as_str()]));
        connection.command(&parts);
    }
    let took = began.elapsed();
    let indexed = redis.run(&["ZCARD", "plain"]).integer();
    ensure!(indexed == places as i64, "{indexed} of {places} members");
    redis.run(&["DEL", "plain"]);
    Ok(took)
}

/// Redis, while nobody comes and everybody waits.
async fn watch(redis: &Redis) -> Work {
    sleep(Duration::from_millis(500)).await;
    let before = look(redis);
    sleep(Duration::from_secs(WATCHED_S)).await;
    look(redis).since(before)
}

fn look(redis: &Redis) -> Work {
    let (calls, cpu) = (redis.commandstats(), redis.info("cpu"));
    let scripts = ["eval", "evalsha"].iter().filter_map(|name| calls.get(*name)).sum();
    let ours = |name: &str| name != "info" && !name.starts_with("config");
    let commands = calls
        .iter()
        .filter(|(name, _)| ours(name))
        .map(|(_, count)| count)
        .sum();
    let cpu_s = ["used_cpu_sys", "used_cpu_user"]
        .iter()
        .filter_map(|name| cpu.get(*name)?.parse::<f64>().ok())
        .sum();
    Work {
        scripts,
        commands,
        cpu_s,
    }
}

impl Work {
    fn since(self, before: Work) -> Work {
        Work {
            scripts: self.scripts.saturating_sub(before.scripts),
            commands: self.commands.saturating_sub(before.commands),
            cpu_s: self.cpu_s - before.cpu_s,
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as f64;
        let (per_s, plain_per_s) = (places / self.took.as_secs_f64(), places / self.plain.as_secs_f64());
        writeln!(
            f,
            "\n## Joins: {} newcomers at one edge, Redis behind it\n",
            self.places
        )?;
        writeln!(f, "| | |\n|---|---|")?;
        writeln!(f, "| joins/s, from ticket to index | {per_s:.0} |")?;
        writeln!(
            f,
            "| of plain `ZADD` in batches of {MAX_BATCH} ({plain_per_s:.0}/s) | {:.2} |",
            per_s / plain_per_s
        )?;
        writeln!(
            f,
            "| scripts called per join, ticks included | {:.4} |",
            self.joining.scripts as f64 / places
        )?;
        writeln!(
            f,
            "| commands per join, those inside scripts included | {:.4} |",
            self.joining.commands as f64 / places
        )?;
        writeln!(
            f,
            "| Redis CPU µs per join | {:.2} |",
            self.joining.cpu_s * 1e6 / places
        )?;
        writeln!(
            f,
            "\n| nobody comes, so many wait | scripts/s | commands/s | Redis CPU ms/s |\n|---|---|---|---|"
        )?;
        let second = WATCHED_S as f64;
        for (waiting, work) in &self.watched {
            writeln!(
                f,
                "| {waiting} | {:.1} | {:.0} | {:.1} |",
                work.scripts as f64 / second,
                work.commands as f64 / second,
                work.cpu_s * 1e3 / second
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_was_counted_over_what_was_done() {
        let work = |scripts, commands, cpu_s| Work {
            scripts,
            commands,
            cpu_s,
        };
        let figures = Figures {
            places: 10_000,
            took: Duration::from_millis(250),
            joining: work(120, 10_500, 0.5).since(work(20, 500, 0.25)),
            plain: Duration::from_millis(100),
            watched: vec![(1_000, work(20, 300, 0.02))],
        };
        let text = figures.to_string();
        for row in [
            "from ticket to index | 40000 |",
            "(100000/s) | 0.40 |",
            "ticks included | 0.0100 |",
            "inside scripts included | 1.0000 |",
            "CPU µs per join | 25.00 |",
            "| 1000 | 2.0 | 30 | 2.0 |",
        ] {
            assert!(text.contains(row), "{row} in {text}");
        }
    }
}
