//! The line on a real Redis: first come, first served over three edges; a wipe in the middle of a sale; polls that
//! cost the store nothing. Sizes are those of the promise; `STANCHION_LINE_PERCENT=10` makes them a tenth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod line;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use stanchion_admission::edge::agent::{Agent, Arrival, Status};
use stanchion_admission::ids::{Stamp, VisitorId};
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_admission::store::{End, Store};
use stanchion_testkit::redis::{Redis, Value};
use tokio::time::{Instant, sleep, timeout};

/// One crowd at a time: they need the whole machine.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn scaled(full: usize) -> usize {
    let percent = std::env::var("STANCHION_LINE_PERCENT")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100);
    (full * percent / 100).max(100)
}

async fn edges_on(redis: &Redis, policy: &RoomPolicy, skews_ms: &[i64]) -> Vec<Arc<Agent>> {
    let mut edges = Vec::new();
    for skew in skews_ms {
        let store = RedisStore::connect(&redis.url(), RedisOptions::default())
            .await
            .unwrap();
        edges.push(line::edge(Arc::new(store) as Arc<dyn Store>, policy, *skew));
    }
    line::warm(&edges, policy).await;
    edges
}

/// Asks the store itself, all the time, who has been given a slot: in which order, and how many at once.
struct Watch {
    /// Visitors in the order of the samples in which they first had a slot, with the sample's number.
    granted: Mutex<Vec<(usize, VisitorId)>>,
    most_at_once: AtomicU64,
    stop: std::sync::atomic::AtomicBool,
}

impl Watch {
    fn start(redis: &Redis, policy: &RoomPolicy) -> (Arc<Watch>, std::thread::JoinHandle<()>) {
        let watch = Arc::new(Watch {
            granted: Mutex::default(),
            most_at_once: AtomicU64::new(0),
            stop: false.into(),
        });
        let key = format!("stanchion:{{{}}}:places", policy.name);
        let (mine, mut store) = (watch.clone(), redis.connect());
        let thread = std::thread::spawn(move || {
            let (mut known, mut sample) = (HashSet::new(), 0);
            while !mine.stop.load(Ordering::Relaxed) {
                let answer = store.command(&["HKEYS", &key]);
                let ids = answer.items().iter().filter_map(|item| match item {
                    Value::Bulk(bytes) => bytes.as_slice().try_into().ok().map(VisitorId),
                    _ => None,
                });
                let now: Vec<VisitorId> = ids.collect();
                mine.most_at_once.fetch_max(now.len() as u64, Ordering::Relaxed);
                let fresh = now.into_iter().filter(|id| known.insert(*id));
                mine.granted.lock().extend(fresh.map(|id| (sample, id)));
                sample += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        (watch, thread)
    }

    /// Visitors who got their slot in a later sample than somebody who arrived more than `error` after them.
    fn inversions(&self, arrived: &HashMap<VisitorId, Duration>, error: Duration) -> usize {
        let granted = self.granted.lock();
        let (mut inversions, mut latest, mut in_sample, mut latest_in_sample) = (0, Duration::ZERO, 0, Duration::ZERO);
        for (sample, visitor) in granted.iter() {
            let Some(at) = arrived.get(visitor) else { continue };
            if *sample != in_sample {
                latest = latest.max(latest_in_sample);
                in_sample = *sample;
            }
            latest_in_sample = latest_in_sample.max(*at);
            inversions += usize::from(*at + error < latest);
        }
        inversions
    }

    fn finish(&self, thread: std::thread::JoinHandle<()>) {
        self.stop.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    }
}

/// I7, F9, H-scale: 20,000 visitors over 10 s at random edges, clocks up to 2 s off, one Redis: admitted in the order of
/// arrival within the stated error (clock uncertainty + one batch).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_come_first_served_over_three_edges() {
    let _turn = TURN.lock().await;
    let size = scaled(20_000);
    let policy = Arc::new(line::room(size as u64, 60_000));
    let redis = Redis::single();
    let edges = Arc::new(edges_on(&redis, &policy, &[0, 2_000, -2_000]).await);
    let (watch, thread) = Watch::start(&redis, &policy);
    let (book, began) = (Arc::new(line::Book::default()), Instant::now());
    let visitors: Vec<_> = (0..size)
        .map(|_| Duration::from_secs_f64(fastrand::f64() * 10.0))
        .map(|at| tokio::spawn(line::visit(edges.clone(), policy.clone(), began, at, book.clone())))
        .collect();
    for visitor in visitors {
        timeout(Duration::from_secs(240), visitor)
            .await
            .expect("everybody gets in")
            .unwrap();
    }
    sleep(Duration::from_millis(200)).await;
    watch.finish(thread);
    let records: Vec<_> = book.visitors.lock().values().copied().collect();
    assert_eq!(records.len(), size, "everybody has one place and one session");
    let uncertainty = edges
        .iter()
        .filter_map(|edge| edge.health().clock_uncertainty)
        .max()
        .unwrap();
    let error = uncertainty + Duration::from_millis(100);
    let arrived = records
        .iter()
        .map(|record| (record.place.visitor, record.arrived))
        .collect();
    let inversions = watch.inversions(&arrived, error);
    println!(
        "{size} visitors, stated error {error:?}: {} stamps out of order, {inversions} admitted out of order, all in after {:?}",
        line::stamp_inversions(&records, error),
        began.elapsed()
    );
    assert!(
        error < Duration::from_millis(500),
        "the error must be small to mean something: {error:?}"
    );
    assert_eq!(watch.granted.lock().len(), size);
    assert_eq!(line::stamp_inversions(&records, error), 0);
    assert_eq!(inversions, 0);
}

/// The measure above must be able to fail: the same visitors in another order have inversions.
#[test]
fn the_measure_of_inversions_can_fail() {
    let id = |number: u8| VisitorId([number; 16]);
    let watch = Watch {
        granted: Mutex::default(),
        most_at_once: AtomicU64::new(0),
        stop: false.into(),
    };
    *watch.granted.lock() = vec![(0, id(2)), (1, id(1)), (1, id(3))];
    let arrived: HashMap<_, _> = (1..=3).map(|n| (id(n), Duration::from_secs(n.into()))).collect();
    assert_eq!(watch.inversions(&arrived, Duration::from_millis(100)), 1);
    assert_eq!(watch.inversions(&arrived, Duration::from_secs(2)), 0);
}

/// Somebody inside: stays a while, then gives the slot back.
async fn live(edges: Arc<Vec<Arc<Agent>>>, policy: Arc<RoomPolicy>, began: Instant, at: Duration, sale: Arc<Sale>) {
    let book = Arc::new(line::Book::default());
    line::visit(edges.clone(), policy.clone(), began, at, book.clone()).await;
    let record = book.visitors.lock().values().next().copied().expect("one visitor");
    let inside = sale.inside.fetch_add(1, Ordering::SeqCst) + 1;
    sale.most_inside.fetch_max(inside, Ordering::SeqCst);
    sale.entries.lock().push((began.elapsed(), record.place.stamp));
    sleep(Duration::from_millis(1_000 + fastrand::u64(..1_500))).await;
    sale.inside.fetch_sub(1, Ordering::SeqCst);
    edges[fastrand::usize(..edges.len())]
        .end(&policy.name, record.place, End::Released)
        .await;
}

#[derive(Default)]
struct Sale {
    inside: AtomicU64,
    most_inside: AtomicU64,
    entries: Mutex<Vec<(Duration, Stamp)>>,
}

/// F3, I2, I6: `FLUSHALL` with 50,000 waiting. Admission goes on within 15 s, in the original order, never over capacity.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_store_loses_nobodys_place() {
    let _turn = TURN.lock().await;
    let size = scaled(50_000);
    let capacity = 40;
    let policy = Arc::new(line::room(capacity, 600));
    let redis = Redis::single();
    let edges = Arc::new(edges_on(&redis, &policy, &[0, 700, -700]).await);
    let (sale, began) = (Arc::new(Sale::default()), Instant::now());
    let visitors: Vec<_> = (0..size)
        .map(|_| Duration::from_secs_f64(fastrand::f64() * 5.0))
        .map(|at| tokio::spawn(live(edges.clone(), policy.clone(), began, at, sale.clone())))
        .collect();
    let waiting = |edge: &Agent| edge.snapshot(&policy.name).map_or(0, |(snapshot, _)| snapshot.waiting);
    while waiting(&edges[0]) < size as u64 * 9 / 10 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the line never formed: {}",
            waiting(&edges[0])
        );
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(4)).await;
    let (epoch, before) = (
        edges[0].snapshot(&policy.name).unwrap().0.epoch,
        sale.entries.lock().len(),
    );
    let wiped = began.elapsed();
    redis.run(&["FLUSHALL"]);
    while sale.entries.lock().len() == before || edges[0].snapshot(&policy.name).unwrap().0.epoch == epoch {
        assert!(
            began.elapsed() < wiped + Duration::from_secs(40),
            "admission never went on"
        );
        sleep(Duration::from_millis(50)).await;
    }
    let resumed_with = sale.entries.lock().len();
    while sale.entries.lock().len() < resumed_with + 40 {
        assert!(
            began.elapsed() < wiped + Duration::from_secs(90),
            "admission does not go on"
        );
        sleep(Duration::from_millis(50)).await;
    }
    visitors.iter().for_each(tokio::task::JoinHandle::abort);
    let entries = sale.entries.lock().clone();
    let (before_it, after): (Vec<_>, Vec<_>) = entries
        .iter()
        .copied()
        .partition(|(at, _)| *at <= wiped + Duration::from_secs(1));
    let resumed = after.first().expect("somebody got in after the wipe").0 - wiped;
    // Somebody who had a slot at the wipe but had not come for it gets it again, first, when admission goes on: they
    // enter after younger visitors who had come for theirs (docs/ADMISSION.md). Each side of the wipe is in order.
    let poll = Duration::from_millis(6_000);
    let late = out_of_order(&before_it, poll) + out_of_order(&after, poll);
    let across = out_of_order(&entries, poll).saturating_sub(late);
    println!(
        "{size} waiting, wiped: first entry after {resumed:?}, {} entries before and {} after, {late} out of order ({across} had a slot at the wipe), most inside {} of {capacity}",
        before,
        after.len(),
        sale.most_inside.load(Ordering::SeqCst)
    );
    assert!(
        resumed <= Duration::from_secs(15),
        "admission resumed after {resumed:?}"
    );
    assert_eq!(late, 0, "nobody entered before an older visitor by more than one poll");
    assert!(across as u64 <= capacity, "more than had slots at the wipe");
    assert!(sale.most_inside.load(Ordering::SeqCst) <= capacity);
}

/// Entries more than `poll` after an entry with a higher stamp: who comes to claim within a poll of their turn is in order.
fn out_of_order(entries: &[(Duration, Stamp)], poll: Duration) -> usize {
    let late = |(at, stamp): &(Duration, Stamp)| {
        entries
            .iter()
            .any(|(earlier, other)| *earlier + poll < *at && other > stamp)
    };
    entries.iter().filter(|entry| late(entry)).count()
}

/// I14: 100,000 polls of waiting visitors cost the store its ticks and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_polls_cost_the_store_nothing() {
    let _turn = TURN.lock().await;
    let (size, polls) = (scaled(10_000), scaled(100_000));
    let policy = Arc::new(line::room(1, 60));
    let redis = Redis::single();
    let edges = edges_on(&redis, &policy, &[0]).await;
    let edge = &edges[0];
    let mut tickets = Vec::new();
    for _ in 0..size {
        match edge.arrive(&policy.name, None, None).await {
            Arrival::Waiting { place, facts, .. } => tickets.push((place, Some(facts.seen))),
            Arrival::Inside(_) => {}
            other => panic!("{other:?}"),
        }
    }
    for (place, seen) in &mut tickets {
        if let Status::Waiting(facts) = edge.status(&policy.name, *place, *seen) {
            *seen = Some(facts.seen);
        }
    }
    sleep(Duration::from_secs(3)).await; // the joins are flushed
    let deep = &mut tickets[1_000.min(size / 2)..];
    redis.reset_stats();
    let began = Instant::now();
    for number in 0..polls {
        let (place, seen) = &mut deep[number % (size / 3)];
        match edge.status(&policy.name, *place, *seen) {
            Status::Waiting(facts) => *seen = Some(facts.seen),
            Status::MayClaim | Status::UnknownRoom => panic!("a visitor deep in the line is not near a claim"),
        }
        if number % 1_000 == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let spent = began.elapsed();
    sleep(Duration::from_millis(300)).await;
    let stats = redis.commandstats();
    let scripts = stats.get("evalsha").copied().unwrap_or(0);
    println!("{polls} polls in {spent:?}: {scripts} scripts, all commands {stats:?}");
    assert!(
        scripts <= spent.as_secs() * 2 + 4,
        "{scripts} scripts in {spent:?}: {stats:?}"
    );
    assert_eq!(stats.get("zadd"), None, "nothing was indexed: {stats:?}");
}
