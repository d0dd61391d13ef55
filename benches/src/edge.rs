//! The two paths of the edge: an admitted request that goes to the origin, and a waiting poll that does not.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use stanchion_testkit::net::free_port;

use crate::contestant::{Contestant, LOAD_CORE, Start, cookies, fetch, nginx, server_core};
use crate::report::{self, Row};
use crate::{instructions, load};

pub struct Plan {
    pub rounds: usize,
    pub seconds: u64,
    pub instructions: bool,
}

type Starter<'a> = (&'static str, Box<dyn Fn(bool) -> Result<Contestant> + 'a>);

/// 1 KiB from the same origin through each of them.
pub fn admitted(plan: &Plan) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let origin = nginx(
        "origin",
        dir.path(),
        LOAD_CORE,
        &format!("return 200 '{}';", "o".repeat(1024)),
        false,
    )?;
    let origin_port = origin.port;
    let proxy_pass =
        format!("proxy_pass http://127.0.0.1:{origin_port}; proxy_http_version 1.1; proxy_set_header Connection '';");
    let contestants: Vec<Starter<'_>> = vec![
        (
            "bare Pingora",
            Box::new(|slow| {
                bare(
                    dir.path(),
                    "bare Pingora",
                    &["proxy", &format!("127.0.0.1:{origin_port}")],
                    slow,
                )
            }),
        ),
        (
            "Stanchion",
            Box::new(|slow| stanchion_admitted(dir.path(), origin_port, slow)),
        ),
        (
            "nginx",
            Box::new(|slow| nginx("nginx", dir.path(), server_core(), &proxy_pass, slow)),
        ),
    ];
    let rows = measure(plan, contestants)?;
    report::print(
        "Admitted requests, 1 KiB, keep-alive, 64 connections",
        &rows,
        "bare Pingora",
    );
    origin.finish().map(drop)
}

/// The answer to a waiting poll, against a fixed answer of the same size.
pub fn polls(plan: &Plan) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let body = body_of(&fetch_poll(dir.path())?).len().to_string();
    let fixed = format!(
        "default_type application/json; return 200 '{}';",
        "x".repeat(body.parse()?)
    );
    let contestants: Vec<Starter<'_>> = vec![
        (
            "bare Pingora app",
            Box::new(|slow| bare(dir.path(), "bare Pingora app", &["answer", &body], slow)),
        ),
        (
            "bare Pingora filter",
            Box::new(|slow| bare(dir.path(), "bare Pingora filter", &["filter", &body], slow)),
        ),
        ("Stanchion", Box::new(|slow| stanchion_poll(dir.path(), slow))),
        (
            "nginx",
            Box::new(|slow| nginx("nginx", dir.path(), server_core(), &fixed, slow)),
        ),
    ];
    let rows = measure(plan, contestants)?;
    report::print(
        "Waiting polls (JSON status), keep-alive, 64 connections",
        &rows,
        "bare Pingora app",
    );
    Ok(())
}

fn measure(plan: &Plan, starters: Vec<Starter<'_>>) -> Result<Vec<Row>> {
    let running: Vec<Contestant> = starters.iter().map(|(_, start)| start(false)).collect::<Result<_>>()?;
    let mut rows: Vec<Row> = running
        .iter()
        .map(|c| Row {
            name: c.name,
            rounds: Vec::new(),
            instructions: None,
            rss_kib: 0,
        })
        .collect();
    for number in 0..=plan.rounds {
        for (row, contestant) in rows.iter_mut().zip(&running) {
            let round = load::round(contestant, plan.seconds)?;
            let warm_up = number == 0;
            eprintln!(
                "round {number}{}: {}: {:.0}/s",
                if warm_up { " (warm-up)" } else { "" },
                row.name,
                round.requests_per_s
            );
            if !warm_up {
                row.rounds.push(round);
            }
            row.rss_kib = contestant.rss_kib();
        }
    }
    for contestant in running {
        contestant.finish()?;
    }
    if plan.instructions {
        for (row, (name, start)) in rows.iter_mut().zip(&starters) {
            eprintln!("counting instructions: {name}");
            row.instructions = Some(instructions::per_request(&|| start(true))?);
        }
    }
    Ok(rows)
}

fn bare(dir: &Path, name: &'static str, work: &[&str], under_callgrind: bool) -> Result<Contestant> {
    let port = free_port();
    let mut command = vec![binary("bare-pingora")?, "--listen".into(), format!("127.0.0.1:{port}")];
    command.extend(work.iter().map(|word| (*word).to_owned()));
    Contestant::start(&Start {
        name,
        command,
        port,
        core: server_core(),
        dir,
        under_callgrind,
    })
}

fn stanchion_admitted(dir: &Path, origin: u16, under_callgrind: bool) -> Result<Contestant> {
    let mut edge = stanchion(dir, origin, "capacity = 1000\nrate = \"10000/min\"", under_callgrind)?;
    let pass = enter(&edge)?;
    edge.headers.push(("Cookie".into(), pass));
    Ok(edge)
}

/// Asks until the room lets the bench in.
fn enter(edge: &Contestant) -> Result<String> {
    let mut jar = Vec::new();
    for _ in 0..40 {
        let answer = fetch(edge.port, "/", &jar)?;
        let set = cookies(&answer);
        if body_of(&answer).starts_with("ooo") {
            ensure!(!set.is_empty(), "let in without a pass:\n{answer}");
            return Ok(set);
        }
        jar = vec![("Cookie".to_owned(), set)];
        std::thread::sleep(std::time::Duration::from_millis(1_000));
    }
    anyhow::bail!("the room never let the bench in")
}

fn stanchion_poll(dir: &Path, under_callgrind: bool) -> Result<Contestant> {
    let mut edge = stanchion(dir, 9, "capacity = 1\nrate = \"1/min\"", under_callgrind)?;
    let mut ticket = String::new();
    for _ in 0..20 {
        let answer = fetch(edge.port, "/", &[])?;
        if answer.contains("ticket-bench") && !answer.contains("pass-bench") {
            ticket = cookies(&answer);
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    ensure!(!ticket.is_empty(), "the room gave the bench no ticket");
    edge.headers.push(("Cookie".into(), ticket));
    edge.headers.push(("Accept".into(), "application/json".into()));
    edge.path = "/.well-known/stanchion/rooms/bench/status";
    Ok(edge)
}

fn fetch_poll(dir: &Path) -> Result<String> {
    let edge = stanchion_poll(dir, false)?;
    let answer = fetch(edge.port, edge.path, &edge.headers)?;
    ensure!(answer.contains("\"waiting\""), "not a waiting answer:\n{answer}");
    edge.finish()?;
    Ok(answer)
}

fn stanchion(dir: &Path, origin: u16, room: &str, under_callgrind: bool) -> Result<Contestant> {
    let port = free_port();
    let text = format!(
        "[edge]\nlisten = [\"127.0.0.1:{port}\"]\nadmin = \"127.0.0.1:{}\"\n\
         [edge.guard]\nmax_connections = 10000\nconnections_per_prefix = 10000\n\
         [store]\nurl = \"memory://\"\n[keys]\ndir = \"keys-{port}\"\n[log]\nlevel = \"warn\"\n\
         [[origins]]\nname = \"origin\"\nservers = [\"127.0.0.1:{origin}\"]\n\
         [[rooms]]\nname = \"bench\"\norigin = \"origin\"\nhosts = [\"*\"]\npaths = [\"/\"]\nsession_ttl = \"10m\"\n{room}\n",
        free_port()
    );
    let config = dir.join(format!("stanchion-{port}.toml"));
    fs::write(&config, text)?;
    let command = vec![
        binary("stanchion")?,
        "serve".into(),
        "--config".into(),
        config.display().to_string(),
    ];
    Contestant::start(&Start {
        name: "Stanchion",
        command,
        port,
        core: server_core(),
        dir,
        under_callgrind,
    })
}

fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// A binary of the same profile as this one.
fn binary(name: &str) -> Result<String> {
    let path: PathBuf = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "{} is not built: cargo build --release -p stanchion -p stanchion-benches",
        path.display()
    );
    path.to_str()
        .map(str::to_owned)
        .context("the target folder's path is not UTF-8")
}
