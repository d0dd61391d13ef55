//! The line under attack: three or more edges, one store, a few hundred visitors, and everything that goes wrong with
//! networks, clocks, processes and data. Same seed, same run. `STANCHION_SEED=n` replays one, `STANCHION_SEEDS=n` says
//! how many are run.

#![allow(clippy::unwrap_used)]

mod check;
mod edge;
mod flaws;
mod network;
mod plan;
mod rng;
mod store;
mod trouble;
mod visitor;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use check::Violation;
use flaws::Flaw;
use plan::Plan;
use world::{Run, run};

const SEEDS: u64 = 1_000;
const CAUGHT_WITHIN: u64 = 200;
const THREADS: u64 = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What many seeds came to.
#[derive(Default)]
struct Survey {
    events: u64,
    admitted: u64,
    faults: usize,
    /// By invariant: how many seeds, and the first of them.
    violations: BTreeMap<&'static str, (u64, u64, Violation)>,
}

impl Survey {
    fn add(&mut self, seed: u64, run: Run) {
        self.events += run.events;
        self.admitted += run.admitted;
        self.faults += run.faults;
        let Some(violation) = run.violation else { return };
        let invariant = violation.invariant;
        let entry = self.violations.entry(invariant).or_insert((0, seed, violation.clone()));
        entry.0 += 1;
        if seed < entry.1 {
            (entry.1, entry.2) = (seed, violation);
        }
    }

    fn of(seeds: Range<u64>) -> Survey {
        let next = AtomicU64::new(seeds.start);
        let survey = Mutex::new(Survey::default());
        let work = || {
            while let Some(seed) = Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < seeds.end) {
                let run = run(seed, None);
                survey.lock().unwrap().add(seed, run);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(work);
            }
        });
        survey.into_inner().unwrap()
    }
}

/// I1–I11, I13–I15, F3, F4, F9–F12, T3: whatever goes wrong, the promises hold.
#[test]
fn every_invariant_holds_for_every_seed() {
    let seeds = match number("STANCHION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STANCHION_SEEDS").unwrap_or(SEEDS),
    };
    let (count, began) = (seeds.end - seeds.start, Instant::now());
    let survey = Survey::of(seeds);
    let (events, faults, admitted) = (survey.events, survey.faults, survey.admitted);
    println!(
        "{count} seeds: {events} events, {faults} faults, {admitted} admissions in {:?}",
        began.elapsed()
    );
    for (seeds, seed, violation) in survey.violations.values() {
        println!("{seeds} seeds; STANCHION_SEED={seed}: {violation}");
    }
    assert!(
        survey.violations.is_empty(),
        "replay with STANCHION_SEED=<seed>, as above"
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let traces = |seed| (run(seed, None).trace, run(seed, None).trace);
    for seed in 0..5 {
        let (first, second) = traces(seed);
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(run(1, None).trace, run(2, None).trace);
}

#[test]
fn a_run_is_long_and_troubled_enough() {
    for seed in 0..20 {
        let plan = Plan::new(seed);
        assert!(plan.faults.len() >= 10 && plan.edges >= 3, "seed {seed}");
    }
    assert_eq!(plan::ENDS, 500 * plan::SECOND);
}

/// Each broken design is caught by an invariant that speaks of it, within 200 seeds.
#[test]
fn every_broken_design_is_caught() {
    let caught = |flaw: Flaw| {
        (0..CAUGHT_WITHIN).find_map(|seed| {
            let violation = run(seed, Some(flaw)).violation?;
            flaw.breaks()
                .contains(&violation.invariant)
                .then_some((seed, violation))
        })
    };
    let mut missed = Vec::new();
    for flaw in flaws::ALL {
        match caught(flaw) {
            Some((seed, violation)) => println!("{flaw:?}: seed {seed}: {violation}"),
            None => missed.push(flaw),
        }
    }
    assert!(missed.is_empty(), "not caught within {CAUGHT_WITHIN} seeds: {missed:?}");
}
