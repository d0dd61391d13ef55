//! Races without end (O1, I19): a crowd that wants the same few things asks a writer that is killed at every step of a
//! commit, again and again on one database. Whatever anybody was told is then looked for in the journal, by a ledger
//! that shares no code with the shop. `STANCHION_RACES` says how many answers make a run; `cargo xtask test --profile
//! races` asks for a million on each database.

mod crowd;
mod ledger;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use stanchion_testkit::Postgres as Server;

use super::killed::STEPS;
use crate::journal::Database;
use crate::journal::tests::Step;
use ledger::Ledger;

/// In a run that is not asked to be long.
const USUAL: u64 = 6_000;
/// Answers between two kills, at most.
const BETWEEN_KILLS: u64 = 20_000;

fn wanted() -> u64 {
    let asked = std::env::var("STANCHION_RACES").ok();
    asked.and_then(|races| races.parse().ok()).unwrap_or(USUAL)
}

/// What a run came to.
#[derive(Default, Debug)]
struct Tally {
    answers: u64,
    refused: u64,
    kills: u64,
}

/// One writer after the other, each killed; after each the ledger takes in what the journal kept since, and compares.
fn race(database: &str, steps: &[(&str, Step)], wanted: u64, guard: &str) -> Result<(Tally, Ledger), String> {
    let (mut tally, mut ledger) = (Tally::default(), Ledger::default());
    let kills = (wanted / BETWEEN_KILLS).max(2 * steps.len() as u64);
    let mut round = 0;
    while tally.answers < wanted {
        let (step, _) = steps[usize::try_from(round).unwrap() % steps.len()];
        // Not at the same place of the crowd's work each time.
        let after = wanted / kills * (50 + round * 37 % 100) / 100;
        let said = run_child(&format!("{round} {step} {after} {guard} {database}"));
        ledger.read(&database.parse().unwrap())?;
        for line in &said {
            ledger
                .hold_true(line)
                .map_err(|why| format!("round {round}, {line:?}: {why}"))?;
        }
        if round == 0 && said.is_empty() {
            return Err("the child said nothing".to_owned());
        }
        tally.answers += said.len() as u64;
        tally.refused += said.iter().filter(|line| *line == "no").count() as u64;
        tally.kills += 1;
        round += 1;
    }
    Ok((tally, ledger))
}

/// Everything that a child heard before it died.
fn run_child(orders: &str) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "writer::tests::races::crowd::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(crowd::CHILD, orders)
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .filter_map(|line| Some(line.strip_prefix("@ ")?.to_owned()));
    let said = said.collect();
    assert!(!child.wait().unwrap().success(), "the child was to be killed: {orders}");
    said
}

fn run(name: &str, database: &str, steps: &[(&str, Step)]) {
    let began = std::time::Instant::now();
    let (tally, ledger) = race(database, steps, wanted(), "none").unwrap();
    let counts = ledger.compare(&database.parse::<Database>().unwrap()).unwrap();
    println!("{name}: {tally:?}, {counts}, {:.1} s", began.elapsed().as_secs_f64());
    assert!(
        tally.refused * 10 > tally.answers,
        "too little was contested: {tally:?}"
    );
    assert!(tally.kills >= 2 * steps.len() as u64);
}

#[test]
fn o1_i19_races_over_kills_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    run("SQLite", &sqlite(folder.path()), &STEPS);
}

#[test]
fn o1_i19_races_over_kills_postgres() {
    let server = Server::start();
    // One statement is the whole commit: there is no step in between.
    run("PostgreSQL", &server.url(), &[STEPS[0], STEPS[2]]);
}

/// The same crowd, the same ledger, one rule of the shop switched off: the ledger must notice.
#[test]
fn o1_control_without_a_guard_the_ledger_notices() {
    for (guard, noticed) in crowd::GUARDS.iter().map(|(name, _, noticed)| (name, noticed)) {
        let folder = tempfile::tempdir().unwrap();
        let found = race(&sqlite(folder.path()), &STEPS[2..], USUAL, guard).map(|(tally, _)| tally);
        let why = found.expect_err(guard);
        assert!(why.contains(noticed), "{guard}: {why}");
        println!("without {guard}: {why}");
    }
}

fn sqlite(folder: &std::path::Path) -> String {
    format!("sqlite:{}", folder.join("booking.db").display())
}
