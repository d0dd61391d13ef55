//! A whole line without HTTP: several edges (agents) with clocks of their own on one store, and thousands of visitors
//! who arrive, poll as told at whichever edge, and claim. Shared by the tests that run it on a store.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // each test uses its part

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::edge::agent::{Agent, Arrival, Seen, Status};
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Session, Store};
use tokio::time::{Instant, sleep, sleep_until};

/// A machine whose wall clock is off, and whose monotonic clock began some time ago.
pub struct SkewedClock {
    real: SystemClock,
    ahead: Duration,
    behind: Duration,
}

impl SkewedClock {
    /// `skew_ms` may be negative.
    pub fn new(skew_ms: i64) -> SkewedClock {
        let span = Duration::from_millis(skew_ms.unsigned_abs());
        let (ahead, behind) = if skew_ms >= 0 {
            (span, Duration::ZERO)
        } else {
            (Duration::ZERO, span)
        };
        SkewedClock {
            real: SystemClock::default(),
            ahead,
            behind,
        }
    }
}

impl Clock for SkewedClock {
    fn monotonic(&self) -> Duration {
        self.real.monotonic() + self.ahead * 7
    }

    fn wall(&self) -> Stamp {
        self.real.wall().plus(self.ahead).minus(self.behind)
    }
}

pub fn room(capacity: u64, per_minute: u64) -> RoomPolicy {
    RoomPolicy {
        name: RoomName::new("line").unwrap(),
        mode: Mode::Fifo,
        capacity,
        rate: Rate::per_minute(per_minute).unwrap(),
        session_ttl: Duration::from_secs(600),
        claim_window: Duration::from_secs(60),
        return_grace: Duration::from_secs(300),
        near_poll: Duration::from_secs(3),
        max_poll: Duration::from_secs(30),
        max_waiting: 1_000_000,
        opens_at: None,
    }
}

/// One edge on `store`.
pub fn edge(store: Arc<dyn Store>, policy: &RoomPolicy, skew_ms: i64) -> Arc<Agent> {
    let clock = Arc::new(SkewedClock::new(skew_ms));
    Agent::start(
        store,
        clock,
        Arc::new(SystemEntropy),
        vec![policy.clone()],
        true,
        Vec::new(),
    )
}

/// Waits until every edge has heard from the store.
pub async fn warm(edges: &[Arc<Agent>], policy: &RoomPolicy) {
    for edge in edges {
        let deadline = Instant::now() + Duration::from_secs(10);
        while edge.snapshot(&policy.name).is_none() {
            assert!(Instant::now() < deadline, "an edge never heard from its store");
            sleep(Duration::from_millis(20)).await;
        }
    }
    sleep(Duration::from_millis(1_500)).await; // a second sample for each edge's clock
}

/// What is known of one visitor: times are by the test's own clock, since the test began.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub arrived: Duration,
    pub place: Place,
    pub inside: Option<(Duration, Session)>,
}

#[derive(Default)]
pub struct Book {
    pub visitors: Mutex<HashMap<VisitorId, Record>>,
    pub polls: std::sync::atomic::AtomicU64,
}

/// One visitor from arrival to entry, polling as told, at a random edge each time.
pub async fn visit(
    edges: Arc<Vec<Arc<Agent>>>,
    policy: Arc<RoomPolicy>,
    began: Instant,
    at: Duration,
    book: Arc<Book>,
) {
    sleep_until(began + at).await;
    let pick = || &edges[fastrand::usize(..edges.len())];
    let arrived = began.elapsed();
    let (place, mut again, mut seen) = match pick().arrive(&policy.name, None, None).await {
        Arrival::Inside(session) => {
            let inside = Some((began.elapsed(), session));
            let record = Record {
                arrived,
                place: session.place,
                inside,
            };
            book.visitors.lock().insert(session.place.visitor, record);
            return;
        }
        Arrival::Waiting { place, facts, .. } => (place, facts.refresh, Some(facts.seen)),
        other => panic!("a newcomer was told {other:?}"),
    };
    book.visitors.lock().insert(
        place.visitor,
        Record {
            arrived,
            place,
            inside: None,
        },
    );
    loop {
        sleep(again).await;
        book.polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match poll(pick(), &policy, place, seen).await {
            Ok(session) => {
                let inside = Some((began.elapsed(), session));
                book.visitors
                    .lock()
                    .insert(place.visitor, Record { arrived, place, inside });
                return;
            }
            Err((next, now_seen)) => {
                again = next;
                seen = now_seen.or(seen);
            }
        }
    }
}

/// Looked at with every poll, through losses of data too; nobody lowers the capacity here.
fn capacity_holds(edge: &Agent, policy: &RoomPolicy) {
    if let Some((seen, _)) = edge.snapshot(&policy.name) {
        let used = seen.active + seen.admitted;
        assert!(used <= policy.capacity, "{used} slots are used of {}", policy.capacity);
    }
}

/// A poll as the proxy makes it: the view first, the store only where it may be the visitor's turn.
pub async fn poll(
    edge: &Agent,
    policy: &RoomPolicy,
    place: Place,
    seen: Option<Seen>,
) -> Result<Session, (Duration, Option<Seen>)> {
    capacity_holds(edge, policy);
    if let Status::Waiting(facts) = edge.status(&policy.name, place, seen) {
        return Err((facts.refresh, Some(facts.seen)));
    }
    match edge.arrive(&policy.name, Some(place), seen).await {
        Arrival::Inside(session) => {
            assert_eq!(session.place, place, "somebody else's session");
            Ok(session)
        }
        Arrival::Waiting { place: same, facts, .. } => {
            assert_eq!(same, place, "a waiting visitor's place changed");
            Err((facts.refresh, Some(facts.seen)))
        }
        other => panic!("a visitor in line was told {other:?}"),
    }
}

/// Pairs (earlier, later) of arrivals further apart than `error` where the later one's stamp is lower.
pub fn stamp_inversions(records: &[Record], error: Duration) -> usize {
    let mut by_arrival = records.to_vec();
    by_arrival.sort_by_key(|record| record.arrived);
    let mut inversions = 0;
    let mut highest = Place {
        stamp: Stamp::ZERO,
        visitor: VisitorId([0; 16]),
    };
    let mut settled = 0;
    for record in &by_arrival {
        while by_arrival[settled].arrived + error < record.arrived {
            highest = highest.max(by_arrival[settled].place);
            settled += 1;
        }
        inversions += usize::from(record.place < highest);
    }
    inversions
}
