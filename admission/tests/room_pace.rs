//! The pace is kept: never above it, never much below while people wait, whatever happened before. Visitors poll as an
//! edge directs them; the clock is fake.

mod room_crowd;

use std::time::Duration;

use room_crowd::{Crowd, policy};
use stanchion_admission::rate::Rate;
use stanchion_admission::room::bounds;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// One batch, in whole visitors, rounded up.
fn batch(rate: Rate) -> u64 {
    bounds::credit_cap(rate).div_ceil(rate.period_us())
}

/// Visitors sorted into so many parts, spread as if by chance.
fn mixed(n: u64, parts: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) % parts
}

/// I3, F13: an hour of nobody, then everybody.
#[test]
fn a_spike_after_an_idle_hour_gets_rate_and_one_batch() {
    for per_minute in [1, 37, 500, 10_000] {
        let mut crowd = Crowd::new(policy(1_000_000, per_minute));
        crowd.run(3_600);
        let from = crowd.now;
        crowd.arrive(3 * per_minute + 100, secs(1), |_| false);
        crowd.run(60);
        let most = per_minute + batch(crowd.policy.rate);
        assert!(
            crowd.seen.admitted_total <= most,
            "{} of {most}",
            crowd.seen.admitted_total
        );
        assert!(crowd.entered_since(from) <= most);
        crowd.run(60);
        assert!(
            crowd.seen.admitted_total * 100 >= per_minute * 2 * 95,
            "{}",
            crowd.seen.admitted_total
        );
    }
}

/// I3: ten minutes without a store are not made up for.
#[test]
fn the_first_minute_after_an_outage_gets_rate_and_one_batch() {
    let mut crowd = Crowd::new(policy(1_000_000, 600));
    crowd.arrive(20_000, secs(10), |_| false);
    crowd.run(120);
    let before = crowd.seen.admitted_total;
    crowd.store_is_up = false;
    crowd.run(600);
    crowd.store_is_up = true;
    let from = crowd.now;
    crowd.run(60);
    let most = 600 + batch(crowd.policy.rate);
    assert!(
        crowd.seen.admitted_total - before <= most,
        "{}",
        crowd.seen.admitted_total - before
    );
    assert!(
        crowd.entered_since(from) >= 600 * 95 / 100,
        "{}",
        crowd.entered_since(from)
    );
}

fn entered_in(crowd: &mut Crowd, seconds: u64) -> u64 {
    let from = crowd.now;
    crowd.run(seconds);
    crowd.entered_since(from)
}

/// F11: every second place is dead, at several paces.
#[test]
fn with_half_of_the_line_gone_the_pace_is_kept() {
    for per_minute in [30, 45, 600, 3_000] {
        let mut crowd = Crowd::new(policy(1_000_000, per_minute));
        crowd.arrive(per_minute * 14, secs(10), |n| mixed(n, 2) == 0);
        crowd.run(20);
        let entered = entered_in(&mut crowd, 300);
        assert!(
            entered * 100 >= per_minute * 5 * 95,
            "{entered} in five minutes at {per_minute} a minute"
        );
        println!(
            "half gone, {per_minute}/min: {:.1} % of the pace",
            entered as f64 * 20.0 / per_minute as f64
        );
    }
}

/// F11: nine of ten are dead. The horizon widens until enough of the living are seen.
#[test]
fn with_nine_of_ten_gone_the_pace_is_kept_after_adapting() {
    for per_minute in [30, 600] {
        let mut crowd = Crowd::new(policy(1_000_000, per_minute));
        crowd.arrive(per_minute * 100, secs(10), |n| mixed(n, 10) != 0);
        crowd.run(120);
        let entered = entered_in(&mut crowd, 300);
        assert!(
            entered * 100 >= per_minute * 5 * 95,
            "{entered} in five minutes at {per_minute} a minute"
        );
        println!(
            "nine of ten gone, {per_minute}/min: {:.1} %",
            entered as f64 * 20.0 / per_minute as f64
        );
    }
}

/// I10: whoever is left behind a thousand dead places is let in.
#[test]
fn a_last_living_visitor_is_reached() {
    let mut crowd = Crowd::new(policy(10, 1));
    crowd.arrive(5_000, secs(5), |n| n != 4_999);
    crowd.run(240);
    assert_eq!(crowd.entries.len(), 1);
}

#[test]
fn one_visitor_a_minute_works() {
    let mut crowd = Crowd::new(policy(5, 1));
    crowd.arrive(12, secs(1), |_| false);
    for minute in 1..=10 {
        crowd.run(60);
        let entered = crowd.entries.len() as u64;
        assert!(
            (minute..=minute + 1).contains(&entered),
            "{entered} after {minute} minutes"
        );
    }
}

#[test]
fn ten_thousand_a_minute_works_in_batches() {
    let mut crowd = Crowd::new(policy(1_000_000, 10_000));
    crowd.arrive(40_000, secs(10), |_| false);
    crowd.run(15);
    let mut largest = 0;
    let from = crowd.now;
    for _ in 0..120 {
        let before = crowd.seen.admitted_total;
        crowd.run(1);
        largest = largest.max(crowd.seen.admitted_total - before);
    }
    assert!(largest <= batch(crowd.policy.rate), "{largest} at once");
    let entered = crowd.entered_since(from);
    assert!((19_000..=20_334).contains(&entered), "{entered} in two minutes");
    assert!(crowd.worst_overtaking() <= secs(5), "{:?}", crowd.worst_overtaking());
}

/// F11: where space and not pace is what lacks, a freed slot does not lie idle.
#[test]
fn a_full_room_stays_full_while_people_wait() {
    let mut crowd = Crowd::new(policy(200, 6_000));
    crowd.arrive(6_000, secs(10), |n| mixed(n, 2) == 0);
    crowd.run(30);
    let (mut taken, mut sampled) = (0, 0);
    for _ in 0..120 {
        crowd.run(1);
        let used = crowd.seen.active + crowd.seen.admitted;
        assert!(used <= 200, "{used}");
        (taken, sampled) = (taken + used, sampled + 200);
    }
    assert!(taken * 100 >= sampled * 95, "{taken} of {sampled} slots");
}

/// F14: halved nobody is put out and grants stop; doubled they go on.
#[test]
fn capacity_changes_while_full() {
    let mut crowd = Crowd::new(policy(400, 6_000));
    crowd.arrive(10_000, secs(5), |_| false);
    crowd.run(40);
    let put = |crowd: &mut Crowd, capacity| {
        let mut new = crowd.seen.settings.clone();
        let version = new.version;
        new.capacity = Some(capacity);
        crowd.room.settings_put(&crowd.policy, version, new, crowd.now).unwrap();
    };
    put(&mut crowd, 200);
    let inside = crowd.really_inside();
    assert!(inside > 300, "{inside}");
    let before = crowd.seen.admitted_total;
    while crowd.seen.active + crowd.seen.admitted > 200 {
        assert_eq!(crowd.seen.admitted_total, before, "a grant above the capacity");
        crowd.run(1);
    }
    crowd.run(30);
    assert!(crowd.seen.active + crowd.seen.admitted <= 200);
    put(&mut crowd, 800);
    crowd.run(30);
    let used = crowd.seen.active + crowd.seen.admitted;
    assert!((760..=800).contains(&used), "{used}");
}
