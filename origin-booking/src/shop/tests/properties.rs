//! O1, I19: whatever is asked in whatever order, `sold + held <= stock`, no seat is had twice, points are conserved, one
//! key has one outcome, and a replay makes the same sale. Each guard, switched off, is missed by the same test.

use super::model::Model;
use super::trace::{Dice, opening, random};
use crate::shop::Sale;
use crate::shop::command::Command;
use crate::shop::fact::Fact;
use crate::shop::guard::Guard;

const STEPS: u64 = 500;

fn seeds() -> u64 {
    let asked = std::env::var("STANCHION_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    asked.unwrap_or(150_u64).min(20_000)
}

fn run(seed: u64) -> Result<(), String> {
    let (mut sale, mut model, mut facts) = (Sale::default(), Model::default(), Vec::new());
    for ask in opening() {
        facts.extend(sale.apply(&Command::from(ask), 0).facts);
    }
    let mut dice = Dice(seed);
    let mut now_ms = 1;
    for number in 0..STEPS {
        // Mostly seconds; now and then past the end of every hold.
        now_ms += match dice.below(40) {
            0 => 301_000,
            1 => 0,
            _ => dice.below(9_000),
        };
        let command = random(&mut dice, number, &sale);
        let applied = sale.apply(&command, now_ms);
        model
            .hear(&command, &applied, now_ms)
            .and_then(|()| model.check(&sale))
            .map_err(|why| format!("seed {seed}, step {number}, {command:?}: {why}"))?;
        facts.extend(applied.facts);
    }
    replays(&sale, &facts).map_err(|why| format!("seed {seed}: {why}"))
}

/// Through the same text that the journal keeps.
fn replays(sale: &Sale, facts: &[Fact]) -> Result<(), String> {
    let mut again = Sale::default();
    for fact in facts {
        let text = serde_json::to_string(fact).map_err(|error| error.to_string())?;
        again.evolve(&serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))?);
    }
    if again != *sale {
        return Err("a replay makes another sale".to_owned());
    }
    let text = serde_json::to_string(sale).map_err(|error| error.to_string())?;
    let again: Sale = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match again == *sale {
        true => Ok(()),
        false => Err("a snapshot makes another sale".to_owned()),
    }
}

#[test]
fn o1_i19_random_traces_keep_every_promise() {
    for seed in 0..seeds() {
        if let Err(why) = run(seed) {
            panic!("{why}");
        }
    }
}

#[test]
fn o1_control_each_guard_that_is_off_is_noticed() {
    for guard in [
        Guard::Stock,
        Guard::Seat,
        Guard::Cap,
        Guard::Holder,
        Guard::Stage,
        Guard::CouponStock,
        Guard::CouponOnce,
        Guard::CodeUses,
        Guard::Points,
        Guard::VoteOnce,
        Guard::KeyOnce,
    ] {
        let noticed = (0..60).any(|seed| guard.without(|| run(seed)).is_err());
        assert!(noticed, "{guard:?} was off, and nothing was wrong");
    }
}
