//! One writer at a time: the standby follows, takes over when the writer is gone, and fences it off when it is not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stanchion_testkit::{Postgres as Server, wait_until};

use super::support::{STOCK, buy, check, start};
use crate::journal::Database;
use crate::shop::Sale;
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
        assert_eq!(refused, Err(crate::journal::JournalError::Fenced));
        assert_eq!(silent.renew(epoch), Err(crate::journal::JournalError::Fenced));
        assert_eq!(standby.read(0).unwrap().last().unwrap().seq, seq, "nothing was kept");
    })
    .await
    .unwrap();
}
