//! Payment truth: every interleaving of {hold expires, authorised, declined, capture fails, webhook before the reply, twice
//! or never, provider silent, refund asked, its reply lost, its webhook first, refund refused, process killed} ends with
//! money and places in agreement, or on the list of differences; nothing stays set aside for a dead order (O1).

mod world;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::shop::guard::Guard;
use world::{Script, World};

/// How many different sequences lead from here to where nothing more can happen. Each state on the way is also ended at
/// once, as if the process were killed there.
fn explore(world: &World, seen: &mut HashMap<u64, u128>, trail: &mut Vec<String>) -> Result<u128, String> {
    let mut hasher = DefaultHasher::new();
    format!("{world:?}").hash(&mut hasher);
    let key = hasher.finish();
    if let Some(paths) = seen.get(&key) {
        return Ok(*paths);
    }
    for late_hooks in [false, true] {
        let mut killed = world.clone();
        killed.settle(late_hooks);
        killed
            .check()
            .map_err(|why| format!("{why}\n  after {trail:#?}\n  then killed; webhooks afterwards: {late_hooks}"))?;
    }
    let moves = world.moves();
    let mut paths = u128::from(moves.is_empty());
    for next in moves {
        let mut after = world.clone();
        trail.push(format!("{next:?}"));
        after.make(&next);
        paths += explore(&after, seen, trail)?;
        trail.pop();
    }
    seen.insert(key, paths);
    Ok(paths)
}

/// The longer form of the suite's deep runs.
fn deep() -> bool {
    std::env::var("STANCHION_SEEDS").is_ok_and(|seeds| seeds.len() > 3)
}

fn run(script: Script) -> Result<(u128, usize), String> {
    let mut seen = HashMap::new();
    let paths = explore(&World::new(script, deep()), &mut seen, &mut Vec::new())?;
    Ok((paths, seen.len()))
}

#[test]
fn o1_every_interleaving_ends_where_money_and_places_agree_or_is_listed() {
    let (mut sequences, mut states) = (0, 0);
    for script in Script::ALL {
        let (paths, seen) = run(script).unwrap_or_else(|why| panic!("{script:?}: {why}"));
        println!("{script:?}: {paths} sequences through {seen} states");
        assert!(paths > 1_000, "{script:?}: only {paths} sequences were tried");
        (sequences, states) = (sequences + paths, states + seen);
    }
    println!("{sequences} sequences through {states} states");
    assert!(sequences > 200_000_000 && states > 50_000, "{sequences}, {states}");
}

/// Each is a way to lose money or places that the same test has to notice.
#[test]
fn o1_control_each_guard_of_money_that_is_off_is_noticed() {
    for guard in [Guard::Doubt, Guard::Unwanted, Guard::Attempt, Guard::Refund] {
        let noticed = Script::ALL
            .into_iter()
            .any(|script| guard.without(|| run(script)).is_err());
        assert!(noticed, "{guard:?} was off, and nothing was wrong");
    }
}
