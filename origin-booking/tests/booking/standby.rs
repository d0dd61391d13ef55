//! Two processes on one database, and clients who do not give up (I19): they ask again with the same `Idempotency-Key`,
//! wherever somebody answers. The writer is killed or frozen under load; the other takes over within five seconds, nothing
//! that was acknowledged is lost, and nobody has two orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use stanchion_testkit::{Postgres, wait_until_async};
use tokio::task::JoinSet;

use crate::crash::{Service, serve_jwks};
use crate::support::{Answer, Signer, order};

const BUYERS: u64 = 40;
/// The event's cap.
const MOST: usize = 8;
/// Of the sample catalogue.
const EVENT: &str = "harbour-lights";
const STOCK: u64 = 500;
const PATIENT: Duration = Duration::from_secs(20);
const WITHIN: Duration = Duration::from_secs(5);

/// Two services, one of which writes, and what was acknowledged.
struct Pair {
    services: [Service; 2],
    signer: Signer,
    client: Client,
    acknowledged: Vec<(String, Value)>,
}

impl Pair {
    async fn open(database: &str) -> Pair {
        let signer = Signer::new("k1", 7);
        let jwks = serve_jwks(signer.jwks().to_string()).await;
        let first = Service::start(database, &jwks);
        let services = [first, Service::start(database, &jwks)];
        // Shorter than the patience of a client with a service that is frozen.
        let client = Client::builder().timeout(Duration::from_millis(700)).build().unwrap();
        let pair = Pair {
            services,
            signer,
            client,
            acknowledged: Vec::new(),
        };
        assert!(pair.is_active(0).await && !pair.is_active(1).await);
        pair
    }

    async fn is_active(&self, which: usize) -> bool {
        let asked = self
            .client
            .get(self.services[which].url("/healthz/active"))
            .send()
            .await;
        asked.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// Everybody buys until told to stop; `trouble` happens in the middle, and says how long nobody was served.
    async fn under_load(&mut self, round: &str, trouble: impl AsyncFnOnce(&mut Pair)) -> Duration {
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut buyers = JoinSet::new();
        for number in 0..BUYERS {
            buyers.spawn(self.buyer(round, number, &stop, &served));
        }
        let more = async |than: u64| {
            let enough = async || served.load(SeqCst) >= than;
            wait_until_async(Duration::from_secs(20), enough).await
        };
        assert!(more(10).await, "the sale goes on");
        let (began, before) = (Instant::now(), served.load(SeqCst));
        trouble(self).await;
        let active = async || self.is_active(1).await;
        assert!(
            wait_until_async(Duration::from_secs(20), active).await,
            "nobody took over"
        );
        let took = began.elapsed();
        assert!(more(before + 10).await, "the sale goes on at the other");
        stop.store(true, SeqCst);
        for bought in buyers.join_all().await {
            self.acknowledged.extend(bought);
        }
        took
    }

    fn buyer(
        &self,
        round: &str,
        number: u64,
        stop: &Arc<AtomicBool>,
        served: &Arc<AtomicU64>,
    ) -> impl Future<Output = Vec<(String, Value)>> + Send + use<> {
        let visitor = format!("v{round}-{number}");
        buy(Buyer {
            pass: self.signer.pass(&visitor),
            visitor,
            urls: [0, 1].map(|which| self.services[which].url("/bookings")),
            client: self.client.clone(),
            stop: Arc::clone(stop),
            served: Arc::clone(served),
        })
    }

    /// Each key has the order that was acknowledged, and there are no others.
    async fn settle(&self, which: usize) {
        for (key, body) in &self.acknowledged {
            let visitor = key.rsplit_once('-').unwrap().0;
            let request = self.client.post(self.services[which].url("/bookings")).timeout(PATIENT);
            let request = request.header("stanchion-pass", self.signer.pass(visitor));
            let request = request.header("idempotency-key", key).json(&order(EVENT, 1));
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert!(answer.replayed, "{key} was forgotten: {}", answer.status);
            assert_eq!(&answer.body, body, "{key} has two answers");
        }
        let url = self.services[which].url(&format!("/api/v1/events/{EVENT}"));
        let asked = self
            .client
            .get(url)
            .header("stanchion-pass", self.signer.pass("onlooker"));
        let event: Value = asked.send().await.unwrap().json().await.unwrap();
        let count = |name: &str| event["event"][name].as_u64().unwrap();
        let sold = STOCK - count("left");
        assert_eq!(
            sold,
            self.acknowledged.len() as u64,
            "an order too many, or one too few"
        );
    }
}

struct Buyer {
    visitor: String,
    pass: String,
    urls: [String; 2],
    client: Client,
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
}

/// Up to the cap of eight; each order is asked for until somebody says what became of it, even after the end.
async fn buy(buyer: Buyer) -> Vec<(String, Value)> {
    let mut bought = Vec::new();
    for number in 0..MOST {
        let key = format!("{}-{number}", buyer.visitor);
        if buyer.stop.load(SeqCst) {
            return bought;
        }
        for attempt in 0.. {
            let request = buyer.client.post(&buyer.urls[attempt % 2]);
            let request = request
                .header("stanchion-pass", &buyer.pass)
                .header("idempotency-key", &key);
            let Ok(response) = request.json(&order(EVENT, 1)).send().await else {
                continue;
            };
            let answer = Answer::of(response).await;
            match answer.status {
                StatusCode::CREATED => {
                    bought.push((key, answer.body));
                    buyer.served.fetch_add(1, SeqCst);
                    break;
                }
                // Standby, not known, or another attempt of ours still under way there.
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => panic!("{other}: {}", answer.body),
            }
        }
        // The trouble is to come in the middle of it.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    bought
}

fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("booking.db").display())
}

async fn killed(database: &str) {
    let mut pair = Pair::open(database).await;
    let took = pair
        .under_load("k", async |pair: &mut Pair| pair.services[0].kill())
        .await;
    pair.settle(1).await;
    println!(
        "killed under load: {} acknowledged, taken over after {took:?}",
        pair.acknowledged.len()
    );
    assert!(took < WITHIN, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i19_killed_under_load_the_other_takes_over_sqlite() {
    killed(&sqlite(&tempfile::tempdir().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i19_killed_or_frozen_under_load_the_other_takes_over_postgres() {
    let server = Postgres::start();
    killed(&server.url()).await;
    server.sql("DROP TABLE booking_journal, booking_snapshot, booking_writer");
    let mut pair = Pair::open(&server.url()).await;
    let took = pair
        .under_load("f", async |pair: &mut Pair| pair.services[0].signal("STOP"))
        .await;
    println!(
        "frozen under load: {} acknowledged, taken over after {took:?}",
        pair.acknowledged.len()
    );
    assert!(took < WITHIN, "{took:?}");
    thaws(&mut pair).await;
}

/// The one that was replaced wakes up: it keeps nothing more, says that it stands by, and follows.
async fn thaws(pair: &mut Pair) {
    pair.services[0].signal("CONT");
    let stands_by = async || {
        let asked = pair.client.get(pair.services[0].url("/healthz/active")).send().await;
        asked.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
    };
    assert!(wait_until_async(WITHIN, stands_by).await, "two writers");
    // For longer than its lock, or a lease, would need to bring it back.
    for _ in 0..20 {
        assert!(!pair.is_active(0).await && pair.is_active(1).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    pair.settle(1).await;
}

/// Frozen while it commits nothing, as a machine's pause or a debugger would: it still holds the lock beside the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i19_frozen_between_commits_the_other_takes_over_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::open(&sqlite(&folder)).await;
    let bought = pair.buyer("a", 0, &Arc::default(), &Arc::default()).await;
    pair.acknowledged.extend(bought);
    pair.services[0].signal("STOP");
    let began = Instant::now();
    let active = async || pair.is_active(1).await;
    let took_over = wait_until_async(Duration::from_secs(10), active).await;
    println!("frozen between commits: taken over after {:?}", began.elapsed());
    assert!(took_over && began.elapsed() < WITHIN, "{:?}", began.elapsed());
    thaws(&mut pair).await;
}

/// Frozen under load, perhaps inside a commit: then it keeps SQLite's own lock, and nobody writes until it is ended. Either
/// way nothing is lost and nothing is doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i19_frozen_under_load_nothing_is_lost_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::open(&sqlite(&folder)).await;
    let took = pair.under_load("f", async |pair: &mut Pair| {
        pair.services[0].signal("STOP");
        let active = async || pair.is_active(1).await;
        if !wait_until_async(Duration::from_secs(7), active).await {
            println!("frozen inside a commit: nobody could take over until it was ended");
            pair.services[0].kill();
        }
    });
    let took = took.await;
    println!(
        "frozen under load: {} acknowledged, taken over after {took:?}",
        pair.acknowledged.len()
    );
    pair.settle(1).await;
}
