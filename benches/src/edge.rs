//! The two paths of the edge: an admitted request that goes to the origin, and a waiting poll that does not. Every
//! contestant gets the same bytes, one after the other in each round, and a wrong answer ends the run.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::contestant::{Callgrind, Contestant, Expected, LOAD_CORE, server_core};
use crate::http::Field;
use crate::report::{Row, Table};
use crate::yardsticks::{answering, bare, forwarding, nginx};
use crate::{instructions, line, load};

const BARE: &str = "bare Pingora";
const BARE_FILTER: &str = "bare Pingora, filter";
pub const STANCHION: &str = "Stanchion";

pub struct Plan {
    pub rounds: usize,
    pub seconds: u64,
    pub instructions: bool,
    /// Where callgrind's own accounts go.
    pub profiles: Option<PathBuf>,
}

impl Plan {
    fn callgrind(&self) -> Callgrind<'_> {
        Callgrind::Count {
            profiles: self.profiles.as_deref(),
        }
    }
}

type Starter<'a> = Box<dyn Fn(Callgrind<'_>) -> Result<Contestant> + 'a>;

/// 1 KiB from the same origin through each of them.
pub fn admitted(plan: &Plan) -> Result<Table> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let body = "o".repeat(1024);
    let origin = nginx(
        "origin",
        dir,
        LOAD_CORE,
        &answering("text/plain", &body),
        Callgrind::Off,
    )?;
    let port = origin.port;
    let first = line::admitted(dir, port, &body, Callgrind::Off)?;
    let fields = first.fields.clone();
    let expecting = |contestant| as_asked(contestant, "/", &fields, &body);
    let others: Vec<Starter<'_>> = vec![
        Box::new(|how| bare(dir, BARE, &["proxy", &format!("127.0.0.1:{port}")], how).map(expecting)),
        Box::new(|how| nginx("nginx", dir, server_core(), &forwarding(port), how).map(expecting)),
    ];
    let ours = |how: Callgrind<'_>| line::admitted(dir, port, &body, how);
    let table = Table {
        title: "Admitted requests: 1 KiB from one origin, keep-alive",
        base: BARE,
        aim: Some((STANCHION, 0.90)),
        rows: measure(plan, dir, first, &ours, &others)?,
    };
    origin.finish()?;
    Ok(table)
}

/// The answer to a waiting poll, against a fixed answer of the same size.
pub fn polls(plan: &Plan) -> Result<Table> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let first = line::waiting(dir, Callgrind::Off)?;
    let (path, fields) = (first.path, first.fields.clone());
    let length = first.probe()?.body.len();
    let (body, bytes) = ("x".repeat(length), length.to_string());
    let expecting = |contestant| as_asked(contestant, path, &fields, &body);
    let fixed = answering("application/json", &body);
    let others: Vec<Starter<'_>> = vec![
        Box::new(|how| bare(dir, BARE, &["answer", &bytes], how).map(expecting)),
        Box::new(|how| bare(dir, BARE_FILTER, &["filter", &bytes], how).map(expecting)),
        Box::new(|how| nginx("nginx", dir, server_core(), &fixed, how).map(expecting)),
    ];
    let ours = |how: Callgrind<'_>| line::waiting(dir, how);
    Ok(Table {
        title: "Waiting polls: the JSON status, keep-alive; the others give a fixed answer of that size",
        base: BARE,
        aim: Some((STANCHION, 0.70)),
        rows: measure(plan, dir, first, &ours, &others)?,
    })
}

/// The same request bytes as Stanchion gets, cookies included.
fn as_asked(mut contestant: Contestant, path: &'static str, fields: &[Field], body: &str) -> Contestant {
    contestant.path = path;
    contestant.fields = fields.to_vec();
    contestant.expected = Expected::Body(body.to_owned());
    contestant
}

fn measure(
    plan: &Plan,
    dir: &Path,
    first: Contestant,
    ours: &dyn Fn(Callgrind<'_>) -> Result<Contestant>,
    others: &[Starter<'_>],
) -> Result<Vec<Row>> {
    let mut running = vec![first];
    for start in others {
        running.push(start(Callgrind::Off)?);
    }
    let mut rows = in_rounds(plan, dir, &running)?;
    for contestant in running {
        contestant.finish()?;
    }
    if plan.instructions {
        let starters = std::iter::once(ours).chain(others.iter().map(|start| &**start));
        for (row, start) in rows.iter_mut().zip(starters) {
            eprintln!("counting instructions: {}", row.name);
            row.instructions = Some(instructions::per_request(&|| start(plan.callgrind()))?);
        }
    }
    Ok(rows)
}

/// Round by round, everybody in turn, so that what else the machine does meets them all. The first round warms up.
fn in_rounds(plan: &Plan, dir: &Path, running: &[Contestant]) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = running.iter().map(|contestant| Row::named(contestant.name)).collect();
    for number in 0..=plan.rounds {
        for (row, contestant) in rows.iter_mut().zip(running) {
            let round = load::round(contestant, plan.seconds, dir)?;
            let warm_up = if number == 0 { " (warm-up)" } else { "" };
            eprintln!("round {number}{warm_up}: {}: {:.0}/s", row.name, round.requests_per_s);
            if number > 0 {
                row.rounds.push(round);
            }
            row.rss_kib = contestant.rss_kib();
        }
    }
    Ok(rows)
}
