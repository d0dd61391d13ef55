//! Each algorithm against the exact log of what it allowed; the limiter against crowds.

use std::hash::RandomState;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000;

/// Steps of a clock (some of them back) and costs.
fn trace() -> impl Strategy<Value = Vec<(i64, u32)>> {
    let step = prop_oneof![
        4 => 0_i64..200_000,
        2 => Just(0_i64),
        1 => -50_000_i64..0,
        1 => 200_000_i64..3_000_000,
    ];
    prop::collection::vec((step, 1_u32..4), 1..200)
}

/// One request of a trace: when (by a clock that never steps back), what it cost, what was said.
struct Asked {
    at: u64,
    cost: u32,
    finding: Finding,
}

/// Plays a trace, and checks of each refusal that the promised moment is the first one.
fn play(algorithm: Algorithm, trace: &[(i64, u32)]) -> Vec<Asked> {
    let (mut state, mut now, mut latest) = (State::fresh(&algorithm), 10 * SECOND, 0);
    let mut asked = Vec::new();
    for (step, cost) in trace {
        now = now.saturating_add_signed(*step);
        latest = latest.max(now);
        let finding = state.judge(&algorithm, now, *cost);
        if finding.allowed {
            state.take(&algorithm, now, *cost);
        } else {
            check_retry(&algorithm, &state, now, *cost, &finding);
        }
        let reset = now + finding.reset_us;
        assert!(state.is_fresh(&algorithm, reset), "{algorithm:?} at {reset}: {state:?}");
        asked.push(Asked {
            at: latest,
            cost: *cost,
            finding,
        });
    }
    asked
}

fn check_retry(algorithm: &Algorithm, state: &State, now: u64, cost: u32, finding: &Finding) {
    let allowed_at = |at: u64| state.clone().judge(algorithm, at, cost).allowed;
    match finding.retry_us {
        None => assert!(cost > finding.limit, "{algorithm:?}: never, though {cost} fits"),
        Some(retry) => {
            assert!(allowed_at(now + retry), "{algorithm:?}: not after {retry}");
            assert!(
                retry > 0 && !allowed_at(now + retry - 1),
                "{algorithm:?}: sooner than {retry}"
            );
        }
    }
}

/// What was allowed after `from` and up to `to`.
fn taken(asked: &[Asked], from: u64, to: u64) -> u32 {
    let inside = |one: &&Asked| one.finding.allowed && one.at > from && one.at <= to;
    asked.iter().filter(inside).map(|one| one.cost).sum()
}

proptest! {
    #[test]
    fn a_sliding_window_never_exceeds_its_limit_and_refuses_little_too_much(
        trace in trace(), count in 1_u32..20, window_us in 8_u64..2_000_000,
    ) {
        let asked = play(Algorithm::SlidingWindow { count, window_us }, &trace);
        let longer = window_us + window_us.div_ceil(8) + 8;
        for (n, one) in asked.iter().enumerate() {
            if one.finding.allowed {
                prop_assert!(taken(&asked[..=n], one.at.saturating_sub(window_us), one.at) <= count);
            } else {
                let known = taken(&asked[..n], one.at.saturating_sub(longer), one.at);
                prop_assert!(known + one.cost > count, "refused with {known} of {count} taken");
            }
        }
    }

    #[test]
    fn a_sliding_log_is_exact(trace in trace(), count in 1_u32..20, window_us in 1_u64..2_000_000) {
        let asked = play(Algorithm::SlidingLog { count, window_us }, &trace);
        for (n, one) in asked.iter().enumerate() {
            let known = taken(&asked[..n], one.at.saturating_sub(window_us), one.at);
            prop_assert_eq!(one.finding.allowed, known + one.cost <= count, "{} of {}", known, count);
            if one.finding.allowed {
                prop_assert_eq!(one.finding.remaining, count - known - one.cost);
            }
        }
    }

    /// Against a bucket of rational tokens: `count × window` parts each, so that nothing is rounded.
    #[test]
    fn a_token_bucket_is_exact_where_its_units_are_whole(
        trace in trace(), count in 1_u32..20, each_us in 1_u64..100_000,
    ) {
        let window_us = each_us * u64::from(count);
        let asked = play(Algorithm::TokenBucket { count, window_us }, &trace);
        let (mut level_us, mut last) = (window_us, 0);
        for one in &asked {
            level_us = (level_us + (one.at - last)).min(window_us);
            last = one.at;
            let wanted = each_us * u64::from(one.cost);
            prop_assert_eq!(one.finding.allowed, wanted <= level_us);
            if one.finding.allowed {
                level_us -= each_us * u64::from(one.cost);
            }
        }
    }

    #[test]
    fn a_token_bucket_never_exceeds_its_pace(trace in trace(), count in 1_u32..20, window_us in 1_u64..2_000_000) {
        let asked = play(Algorithm::TokenBucket { count, window_us }, &trace);
        for (n, last) in asked.iter().enumerate() {
            for first in &asked[..=n] {
                let known = u128::from(taken(&asked[..=n], first.at.saturating_sub(1), last.at));
                let most = u128::from(count) * u128::from(window_us + (last.at - first.at));
                prop_assert!(known * u128::from(window_us) <= most);
            }
        }
    }

    #[test]
    fn a_fixed_window_counts_each_window_exactly(trace in trace(), count in 1_u32..20, window_us in 1_u64..2_000_000) {
        let asked = play(Algorithm::FixedWindow { count, window_us }, &trace);
        for (n, one) in asked.iter().enumerate() {
            let begin = one.at / window_us * window_us;
            let known = taken(&asked[..n], begin.saturating_sub(1), one.at);
            prop_assert_eq!(one.finding.allowed, known + one.cost <= count);
        }
    }

    /// What leaves the queue leaves evenly, and nobody waits longer than was said.
    #[test]
    fn a_leaky_bucket_spreads_and_never_holds_too_long(
        trace in trace(), count in 1_u32..20, window_us in 1_000_u64..2_000_000, max_delay_us in 0_u64..1_000_000,
    ) {
        let asked = play(Algorithm::LeakyBucket { count, window_us, max_delay_us }, &trace);
        let each = window_us / u64::from(count);
        let mut leaves_after = 0;
        for one in asked.iter().filter(|one| one.finding.allowed) {
            prop_assert!(one.finding.delay_us <= max_delay_us);
            let leaves = one.at + one.finding.delay_us;
            prop_assert!(leaves + 1 >= leaves_after, "{leaves} after {leaves_after}");
            leaves_after = leaves + each * u64::from(one.cost);
        }
    }
}

fn limiter(rules: &[(Algorithm, bool)], capacity: usize) -> Arc<Limiter> {
    Arc::new(Limiter::new(
        rules.iter().copied(),
        Capacity(capacity),
        RandomState::new(),
    ))
}

fn window(count: u32) -> Algorithm {
    Algorithm::SlidingWindow {
        count,
        window_us: 10 * SECOND,
    }
}

fn ask(rule: usize, key: u64) -> Ask {
    Ask { rule, key, cost: 1 }
}

#[test]
fn all_rules_are_charged_or_none() {
    let limiter = limiter(&[(window(5), false), (window(2), false), (window(9), false)], 100);
    let all = [ask(0, 1), ask(1, 1), ask(2, 1)];
    for left in [(4, 1, 8), (3, 0, 7)] {
        let verdict = limiter.decide(&all, SECOND);
        let remaining: Vec<_> = verdict.findings.iter().map(|finding| finding.remaining).collect();
        assert_eq!((remaining, verdict.refused_by), (vec![left.0, left.1, left.2], None));
    }
    for _ in 0..3 {
        let verdict = limiter.decide(&all, SECOND);
        let remaining: Vec<_> = verdict.findings.iter().map(|finding| finding.remaining).collect();
        assert_eq!(verdict.refused_by, Some(1), "the second of the three refuses");
        assert_eq!(
            remaining,
            [2, 0, 6],
            "what would be left; the refused request took nothing"
        );
    }
    assert_eq!(
        limiter.decide(&[ask(0, 1)], SECOND).findings[0].remaining,
        2,
        "three were left"
    );
}

#[test]
fn a_rule_in_the_shadow_counts_and_refuses_nobody() {
    let limiter = limiter(&[(window(1), true)], 100);
    let allowed: Vec<_> = (0..3)
        .map(|_| {
            let verdict = limiter.decide(&[ask(0, 7)], SECOND);
            (verdict.refused_by, verdict.findings[0].allowed)
        })
        .collect();
    assert_eq!(allowed, [(None, true), (None, false), (None, false)]);
}

#[test]
fn a_place_under_way_is_given_back_wherever_it_was_counted() {
    let rule = Algorithm::Concurrency { count: 2 };
    // One place a shard: whoever comes second there shares.
    let limiter = limiter(&[(rule, false)], 1);
    for key in 0..500_u64 {
        let key = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let first = limiter.decide(&[ask(0, key)], SECOND);
        let second = limiter.decide(&[ask(0, key)], SECOND);
        let third = limiter.decide(&[ask(0, key)], SECOND);
        assert!(first.refused_by.is_none() && second.refused_by.is_none(), "{key}");
        assert_eq!(third.refused_by, Some(0), "{key}");
        drop((first, second));
    }
}

/// A million strangers in a minute: memory keeps its bound, and a key that was known keeps its exact count.
#[test]
fn b7_strangers_crowd_out_strangers_only() {
    const CAPACITY: usize = 64 * 64;
    let limiter = limiter(&[(window(100), false)], CAPACITY);
    let honest: Vec<u64> = (0..100_u64).map(|n| limiter.key(&n.to_be_bytes())).collect();
    let mut allowed = vec![0; honest.len()];
    for n in 0..1_000_000_u64 {
        let now = SECOND + n * 60;
        let _ = limiter.decide(&[ask(0, limiter.key(format!("stranger {n}").as_bytes()))], now);
        // Each honest key asks every 60 ms: 166 in ten seconds, of which 100 are allowed, less an eighth at most.
        if n % 1_000 < 100 {
            let one = (n % 1_000) as usize;
            let verdict = limiter.decide(&[ask(0, honest[one])], now);
            allowed[one] += u32::from(verdict.refused_by.is_none());
        }
    }
    assert!(limiter.remembered(0) <= CAPACITY, "{}", limiter.remembered(0));
    for (n, count) in allowed.iter().enumerate() {
        assert!(
            (530..=700).contains(count),
            "honest key {n}: {count} in a minute at 100 in 10 s"
        );
    }
}

#[test]
fn a_key_is_forgotten_only_when_a_fresh_one_says_the_same() {
    let limiter = limiter(&[(window(1), false)], 64);
    let keys: Vec<u64> = (0..64_u64).map(|n| limiter.key(&n.to_be_bytes())).collect();
    for key in &keys {
        let _ = limiter.decide(&[ask(0, *key)], SECOND);
    }
    // Whoever has a place of their own is still known after any number of strangers, until the window is over.
    let known: Vec<_> = keys
        .iter()
        .filter(|key| limiter.decide(&[ask(0, **key)], SECOND + 1).refused_by.is_some())
        .collect();
    for n in 0..10_000_u64 {
        let _ = limiter.decide(&[ask(0, limiter.key(format!("{n}").as_bytes()))], 2 * SECOND);
    }
    let still = known
        .iter()
        .filter(|key| limiter.decide(&[ask(0, ***key)], 9 * SECOND).refused_by.is_some());
    assert_eq!(still.count(), known.len());
}

#[test]
fn threads_with_the_same_rules_do_not_wait_for_each_other_for_ever() {
    let rules: Vec<_> = (0..10).map(|_| (window(1_000_000), false)).collect();
    let limiter = limiter(&rules, 6_400);
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let limiter = limiter.clone();
            std::thread::spawn(move || {
                for n in 0..5_000_u64 {
                    let asks: Vec<_> = (0..10)
                        .map(|rule| ask(rule, (n * 7 + thread * rule as u64) << 32))
                        .collect();
                    assert!(limiter.decide(&asks, SECOND + n).refused_by.is_none());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let total: u32 = 1_000_000 - limiter.decide(&[ask(0, 0)], 2 * SECOND).findings[0].remaining;
    assert!(total >= 1);
}

#[test]
fn a_key_costs_no_more_memory_than_is_written() {
    assert!(
        std::mem::size_of::<(u64, State)>() <= 64,
        "{}",
        std::mem::size_of::<(u64, State)>()
    );
}
