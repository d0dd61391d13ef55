//! One writer at a time: the standby follows, takes over when the writer is gone, and fences it off when it is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use stanchion_testkit::{Postgres as Server, wait_until};

use super::support::{STOCK, buy, check, sqlite, start};
use crate::journal::{Database, Epoch, Journal, JournalError, Kept, Seq, Sqlite};
use crate::shop::Sale;
use crate::shop::fact::Fact;
use crate::writer::{NotDecided, Writer};

fn leads(writer: &Writer) -> bool {
    writer.is_leading()
}

async fn hand_over(database: Database) {
    let open = |database: &Database| {
        let database = database.clone();
        tokio::task::spawn_blocking(move || start(database.open().unwrap(), STOCK))
    };
    let (first, first_thread) = open(&database).await.unwrap();
    let (second, second_thread) = open(&database).await.unwrap();
    assert!(leads(&first) && !leads(&second));
    let mut acknowledged = BTreeSet::new();
    acknowledged.extend(buy(&first, "v1", 2).await.unwrap());
    assert_eq!(buy(&second, "v2", 1).await, Err(NotDecided::Standby));
    assert!(
        wait_until(Duration::from_secs(5), || second.look(Sale::sold_seats) == 2),
        "it follows"
    );
    // Stopped in order: the lease is given back.
    drop(first);
    tokio::task::spawn_blocking(move || first_thread.join().unwrap())
        .await
        .unwrap();
    let began = Instant::now();
    assert!(wait_until(Duration::from_secs(5), || leads(&second)));
    println!("taken over in {:?}", began.elapsed());
    acknowledged.extend(buy(&second, "v3", 1).await.unwrap());
    drop(second);
    tokio::task::spawn_blocking(move || {
        second_thread.join().unwrap();
        assert_eq!(check(&database, &acknowledged, STOCK).sold_seats(), 3);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_follows_and_takes_over_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    hand_over(Database::Sqlite(folder.path().join("booking.db"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_follows_and_takes_over_postgres() {
    let server = Server::start();
    hand_over(server.url().parse().unwrap()).await;
    silent_writer(&server).await;
}

/// Counts how often the lease is renewed; everything else is SQLite's.
struct Counting(Sqlite, Arc<AtomicUsize>);

impl Journal for Counting {
    fn snapshot(&mut self) -> Result<Option<(Seq, Sale)>, JournalError> {
        self.0.snapshot()
    }
    fn read(&mut self, after: Seq) -> Result<Vec<Kept>, JournalError> {
        self.0.read(after)
    }
    fn lead(&mut self) -> Result<Option<Epoch>, JournalError> {
        self.0.lead()
    }
    fn renew(&mut self, epoch: Epoch) -> Result<(), JournalError> {
        self.1.fetch_add(1, SeqCst);
        self.0.renew(epoch)
    }
    fn resign(&mut self, epoch: Epoch) {
        self.0.resign(epoch);
    }
    fn commit(&mut self, epoch: Epoch, first: Seq, facts: &[Fact]) -> Result<(), JournalError> {
        self.0.commit(epoch, first, facts)
    }
    fn database(&self) -> Database {
        self.0.database()
    }
    fn keep_snapshot(&mut self, seq: Seq, sale: &Sale) -> Result<(), JournalError> {
        self.0.keep_snapshot(seq, sale)
    }
}

/// A sold-out rush commits nothing for minutes, and leaves no moment to be idle: the lease lives on all the same.
#[tokio::test]
async fn a_rush_of_refusals_does_not_cost_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let renewals = Arc::new(AtomicUsize::new(0));
    let journal = Counting(sqlite(folder.path()), Arc::clone(&renewals));
    let (writer, thread) = start(Box::new(journal), 0);
    let began = Instant::now();
    while renewals.load(SeqCst) < 2 && began.elapsed() < Duration::from_secs(10) {
        let asked = (0..8).map(|_| buy(&writer, "v", 1));
        for answer in futures::future::join_all(asked).await {
            assert_eq!(answer, Ok(None));
        }
    }
    assert_eq!(renewals.load(SeqCst), 2);
    drop(writer);
    thread.join().unwrap();
}

/// A writer that says nothing for longer than its lease is replaced within five seconds; when it wakes, its commit is
/// refused, and nobody is told that it was kept.
async fn silent_writer(server: &Server) {
    let address = server.url();
    tokio::task::spawn_blocking(move || {
        let database: Database = address.parse().unwrap();
        let mut silent = database.open().unwrap();
        let epoch = silent.lead().unwrap().expect("nobody else leads");
        let began = Instant::now();
        let mut standby = database.open().unwrap();
        let mut taken = None;
        assert!(wait_until(Duration::from_secs(5), || {
            taken = standby.lead().unwrap();
            taken.is_some()
        }));
        println!("a silent writer was replaced after {:?}", began.elapsed());
        assert!(taken > Some(epoch));
        let seq = standby.read(0).unwrap().last().unwrap().seq;
        let fact = standby.read(0).unwrap().pop().unwrap().fact;
        let refused = silent.commit(epoch, seq + 1, std::slice::from_ref(&fact));
        assert_eq!(refused, Err(JournalError::Fenced));
        assert_eq!(silent.renew(epoch), Err(JournalError::Fenced));
        assert_eq!(standby.read(0).unwrap().last().unwrap().seq, seq, "nothing was kept");
    })
    .await
    .unwrap();
}
