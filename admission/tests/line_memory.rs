//! First come, first served, on the store in memory: three edges with clocks of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod line;

use std::sync::Arc;
use std::time::Duration;

use stanchion_admission::clock::SystemClock;
use stanchion_admission::store::memory::MemoryStore;
use tokio::time::Instant;

/// F9, I7: 2,000 arrivals in 3 s at three edges with clocks up to 2 s off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_edges_keep_the_order_of_arrival() {
    let policy = Arc::new(line::room(10_000, 60_000));
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock::default())));
    let edges: Vec<_> = [0, 1_900, -1_900]
        .map(|skew| line::edge(store.clone(), &policy, skew))
        .into();
    line::warm(&edges, &policy).await;
    let (book, began) = (Arc::new(line::Book::default()), Instant::now());
    let edges = Arc::new(edges);
    let visitors: Vec<_> = (0..2_000)
        .map(|_| Duration::from_secs_f64(fastrand::f64() * 3.0))
        .map(|at| tokio::spawn(line::visit(edges.clone(), policy.clone(), began, at, book.clone())))
        .collect();
    for visitor in visitors {
        tokio::time::timeout(Duration::from_secs(60), visitor)
            .await
            .expect("everybody gets in within a minute")
            .unwrap();
    }
    let records: Vec<_> = book.visitors.lock().values().copied().collect();
    assert_eq!(records.len(), 2_000);
    assert!(records.iter().all(|record| record.inside.is_some()));
    let error = edges
        .iter()
        .filter_map(|edge| edge.health().clock_uncertainty)
        .max()
        .unwrap()
        + Duration::from_millis(100);
    println!("stated error {error:?}");
    assert!(error < Duration::from_millis(300), "{error:?}");
    assert_eq!(line::stamp_inversions(&records, error), 0);
    assert!(line::stamp_inversions(&records, Duration::ZERO) < 2_000);
}
