//! The database in trouble (O4), through HTTP: whoever asks meanwhile hears a plain 503 and when to come back; nothing that
//! was answered is lost, a retry with the same key does nothing twice, and the service goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use stanchion_booking::Database;
use stanchion_testkit::{Pipe, Postgres, wait_until_async};

use crate::support::{Answer, Booth, With, order};

const BUYERS: usize = 24;
const SEATS: u32 = 1_000;
/// No answer may take longer, whatever the database does.
const LONGEST: Duration = Duration::from_secs(11);

/// People who each want one place, with one key, until they have it.
struct Crowd {
    buyers: Vec<tokio::task::JoinHandle<(String, Value)>>,
    refused: Arc<AtomicUsize>,
    served: Arc<AtomicUsize>,
}

impl Crowd {
    fn come(booth: &Booth, name: &str) -> Crowd {
        let (refused, served) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let buyer = |number: usize| {
            let visitor = format!("{name}{number}");
            let (client, url) = (booth.client.clone(), booth.url("/bookings"));
            let (pass, refused, served) = (booth.signer.pass(&visitor), Arc::clone(&refused), Arc::clone(&served));
            tokio::spawn(async move {
                loop {
                    let request = client
                        .post(&url)
                        .header("stanchion-pass", &pass)
                        .header("idempotency-key", "k");
                    let asked = Instant::now();
                    let answer = Answer::of(request.json(&order("gala", 1)).send().await.unwrap()).await;
                    assert!(asked.elapsed() < LONGEST, "{:?}", asked.elapsed());
                    if answer.status == StatusCode::CREATED {
                        served.fetch_add(1, Relaxed);
                        return (visitor, answer.body);
                    }
                    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
                    assert!(
                        ["try-again", "not-known", "standby"].contains(&answer.problem()),
                        "{}",
                        answer.body
                    );
                    assert!(answer.headers.contains_key("retry-after"));
                    refused.fetch_add(1, Relaxed);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        };
        let buyers = (0..BUYERS).map(buyer).collect();
        Crowd {
            buyers,
            refused,
            served,
        }
    }

    async fn somebody_is_refused(&self) {
        let refused = wait_until_async(Duration::from_secs(30), async || self.refused.load(Relaxed) > 0);
        assert!(
            refused.await,
            "nobody heard of the trouble; {} were served",
            self.served.load(Relaxed)
        );
    }

    /// All have their place; each that was told of one can ask again and hears the same.
    async fn all_are_served(self, booth: &Booth, sold: usize) {
        let mut answers = Vec::new();
        for buyer in self.buyers {
            let served = tokio::time::timeout(Duration::from_secs(60), buyer).await;
            answers.push(served.expect("the service goes on by itself").unwrap());
        }
        for (visitor, body) in answers {
            let again = booth.book(&visitor, Some("k"), order("gala", 1)).await;
            assert_eq!(
                (again.status, again.replayed, again.body),
                (StatusCode::CREATED, true, body),
                "{visitor}"
            );
        }
        let sold = u64::try_from(sold).unwrap();
        assert_eq!(
            (booth.running.sold_count(), booth.left("gala").await),
            (sold, u64::from(SEATS) - sold)
        );
    }
}

async fn on(database: Database) -> Booth {
    let with = With {
        database: Some(database),
        ..With::default()
    };
    Booth::open_so(SEATS, with).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o4_sqlite_another_process_holds_the_write_lock() {
    let booth = Booth::open(SEATS).await;
    let other = rusqlite::Connection::open(booth.folder.path().join("booking.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let crowd = Crowd::come(&booth, "v");
    crowd.somebody_is_refused().await;
    assert_eq!((crowd.served.load(Relaxed), booth.running.sold_count()), (0, 0));
    assert_eq!(booth.left("gala").await, u64::from(SEATS), "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    crowd.all_are_served(&booth, BUYERS).await;
}

/// What a full disk says, said by a trigger: the statement fails in the middle of the batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o4_sqlite_nothing_more_can_be_written() {
    let booth = Booth::open(SEATS).await;
    let before = Crowd::come(&booth, "v");
    before.all_are_served(&booth, BUYERS).await;
    let other = rusqlite::Connection::open(booth.folder.path().join("booking.db")).unwrap();
    let full = "CREATE TRIGGER full AFTER INSERT ON booking_journal WHEN NEW.seq % 2 = 0
                BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END";
    other.execute_batch(full).unwrap();
    let crowd = Crowd::come(&booth, "w");
    crowd.somebody_is_refused().await;
    other.execute_batch("DROP TRIGGER full").unwrap();
    crowd.all_are_served(&booth, 2 * BUYERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o4_postgres_full_locked_cut_off_and_restarted_under_load() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let pipe = Pipe::to(server.port());
    let url = format!("postgres://booking@127.0.0.1:{}/booking", pipe.port());
    let booth = on(Database::Postgres(url)).await;

    // The server's own word for a full disk.
    server.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER full_disk AFTER INSERT ON booking_journal FOR EACH ROW EXECUTE FUNCTION full_disk()",
    );
    let full = Crowd::come(&booth, "full");
    full.somebody_is_refused().await;
    assert_eq!((full.served.load(Relaxed), booth.running.sold_count()), (0, 0));
    server.sql("DROP TRIGGER full_disk ON booking_journal");
    full.all_are_served(&booth, BUYERS).await;

    // Cut off in the middle of whatever is under way, and for a while.
    let cut = Crowd::come(&booth, "cut");
    pipe.cut();
    cut.somebody_is_refused().await;
    pipe.mend();
    cut.all_are_served(&booth, 2 * BUYERS).await;

    // Every process of the server ends at once.
    let restarted = Crowd::come(&booth, "restart");
    let server = tokio::task::spawn_blocking(move || {
        server.crash_and_restart();
        server
    });
    let server = server.await.unwrap();
    restarted.all_are_served(&booth, 3 * BUYERS).await;
    drop(server);
}
