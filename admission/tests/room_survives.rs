//! A lost store loses nobody's place, admits nobody too many and does not stay shut; in the pure form.

mod room_crowd;

use std::time::Duration;

use room_crowd::{Crowd, Stage, policy};
use stanchion_admission::room::Room;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// F3, I2, I6: 50,000 wait when everything is lost. Some of those inside ask for nothing any more; their slots are kept.
#[test]
fn fifty_thousand_keep_their_places_through_a_wipe() {
    let mut crowd = Crowd::new(policy(300, 600));
    crowd.arrive(51_500, secs(20), |_| false);
    crowd.run(60);
    for who in (0..600).filter(|n| n % 3 == 0) {
        crowd.people[who].busy = false;
    }
    let before = crowd.seen.clone();
    assert!(
        before.waiting >= 50_000 && before.active > 100,
        "{} wait, {} inside",
        before.waiting,
        before.active
    );

    crowd.room = Room::new();
    let mut resumed_after = None;
    for second in 1..=300 {
        crowd.run(1);
        let inside = crowd.really_inside();
        assert!(inside + crowd.seen.admitted <= 300, "second {second}: {inside} inside");
        assert!(crowd.seen.frontier >= before.frontier, "I9");
        if resumed_after.is_none() && crowd.seen.admitted_total > 0 {
            resumed_after = Some(second);
        }
    }
    let resumed_after = resumed_after.unwrap();
    assert!(resumed_after <= 15, "admission went on after {resumed_after} s");
    // Who was granted and had not claimed waits until admission goes on; nobody else is overtaken by so much.
    assert!(
        crowd.worst_overtaking() <= secs(15),
        "overtaken by {:?}",
        crowd.worst_overtaking()
    );
    assert_eq!(crowd.forgotten(secs(5)), Vec::<usize>::new());
    assert_eq!(crowd.seen.left_total, 0, "nobody lost a place");
    println!(
        "resumed after {resumed_after} s; worst overtaking {:?}",
        crowd.worst_overtaking()
    );
}

/// F3 again and again: each loss at another moment of the room's life.
#[test]
fn many_wipes_in_a_row_admit_nobody_too_many() {
    let mut crowd = Crowd::new(policy(50, 600));
    crowd.arrive(3_000, secs(10), |n| n % 5 == 0);
    for round in 0..20 {
        crowd.run(3 + 7 * (round % 5));
        crowd.room = Room::new();
        for _ in 0..25 {
            crowd.run(1);
            let inside = crowd.really_inside();
            assert!(inside <= 50, "round {round}: {inside} inside");
        }
    }
    assert!(
        crowd.entries.len() > 300,
        "{} got in between the losses",
        crowd.entries.len()
    );
    // A slot granted but not claimed when the data was lost is held for a freeze and a claim window.
    assert!(
        crowd.worst_overtaking() <= secs(6 + 60),
        "overtaken by {:?}",
        crowd.worst_overtaking()
    );
    let twice = crowd.entries.len()
        - crowd
            .entries
            .iter()
            .map(|e| e.1)
            .collect::<std::collections::HashSet<_>>()
            .len();
    assert_eq!(twice, 0, "I4: one ticket, one session");
}

/// F4: a replica some seconds behind takes over.
#[test]
fn a_lagged_replica_admits_nobody_too_many() {
    for lag in 1..=5 {
        let mut crowd = Crowd::new(policy(100, 1_200));
        crowd.arrive(5_000, secs(10), |_| false);
        crowd.run(40);
        let replica = crowd.room.clone();
        crowd.run(lag);
        crowd.room = replica;
        for second in 0..120 {
            crowd.run(1);
            let inside = crowd.really_inside();
            assert!(inside <= 100, "lag {lag} s, second {second}: {inside} inside");
        }
        assert_eq!(crowd.seen.epoch.ordinal, 2, "noticed, once");
    }
}

/// F1, F12: an outage longer than a session, a claim window and the grace: the line goes on as it was.
#[test]
fn a_long_outage_with_its_data_kept_changes_nothing() {
    let mut crowd = Crowd::new(policy(100, 600));
    crowd.arrive(2_000, secs(10), |_| false);
    crowd.run(60);
    let before = crowd.seen.clone();
    crowd.store_is_up = false;
    crowd.run(900);
    crowd.store_is_up = true;
    crowd.run(1);
    assert_eq!((crowd.seen.epoch, crowd.seen.left_total), (before.epoch, 0));
    assert!(crowd.seen.active + crowd.seen.admitted <= 100);
    crowd.run(120);
    assert!(crowd.worst_overtaking() <= secs(70), "{:?}", crowd.worst_overtaking());
    let lost = crowd.people.iter().filter(|v| v.stage == Stage::Done).count();
    assert!(lost <= crowd.entries.len(), "somebody was told that the place is gone");
    assert!(crowd.entries.len() > 200, "{}", crowd.entries.len());
}
