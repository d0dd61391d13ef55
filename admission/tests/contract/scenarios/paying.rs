//! B2: an answer to a challenge counts once, and is remembered for longer than it is good.

use std::time::Duration;

use stanchion_admission::challenge::LIFE;

use crate::contract::kit::{Bench, Line};

pub async fn an_answer_counts_once(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let store = line.bench.store();
    assert!(store.pay(&line.policy, [1; 16]).await.unwrap());
    assert!(!store.pay(&line.policy, [1; 16]).await.unwrap());
    assert!(store.pay(&line.policy, [2; 16]).await.unwrap());
    line.now = line.now.plus(LIFE + Duration::from_secs(5));
    line.bench.set_clock(line.now);
    assert!(
        !store.pay(&line.policy, [1; 16]).await.unwrap(),
        "as long as it is good"
    );
    line.now = line.now.plus(Duration::from_secs(60));
    line.bench.set_clock(line.now);
    assert!(
        store.pay(&line.policy, [1; 16]).await.unwrap(),
        "no edge takes it by then"
    );
}

/// Fifty at once: one of them.
pub async fn of_many_at_once_one_counts(bench: &dyn Bench) {
    let line = Line::newborn(bench, |_| {}).await;
    let store = line.bench.store();
    let all = futures::future::join_all((0..50).map(|_| store.pay(&line.policy, [3; 16]))).await;
    assert_eq!(all.into_iter().filter(|paid| *paid == Ok(true)).count(), 1);
}
