//! A database that fails for a while, or does not say what it did.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use super::support::{STOCK, book, buy, check, sqlite, start};
use crate::journal::tests::Step;
use crate::journal::{Database, JournalError};
use crate::writer::{MAX_WAITING, NotDecided};

/// Fails at this step, so many times from when it is set.
fn failing(at: Step, error: JournalError) -> (Arc<AtomicUsize>, crate::journal::tests::Probe) {
    let left = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&left);
    let probe = move |step: Step| {
        let fails = step == at && count.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if fails { Err(error.clone()) } else { Ok(()) }
    };
    (left, Box::new(probe))
}

#[tokio::test]
async fn o4_what_could_not_be_kept_was_never_sold() {
    let folder = tempfile::tempdir().unwrap();
    for (at, stock) in [(Step::Begin, 3), (Step::Inserted, 3)] {
        let mut journal = crate::journal::Sqlite::open(&folder.path().join(format!("{at:?}.db"))).unwrap();
        let (failures, probe) = failing(at, JournalError::Away("disk full".into()));
        journal.probe = probe;
        let (writer, thread) = start(Box::new(journal), stock);
        assert!(buy(&writer, "v1", 1).await.unwrap().is_some());
        failures.store(2, SeqCst);
        assert!(buy(&writer, "v2", 1).await.unwrap().is_some(), "tried three times");
        failures.store(3, SeqCst);
        assert_eq!(buy(&writer, "v3", 1).await, Err(NotDecided::Away));
        assert_eq!(writer.look(|sale| sale.sold_seats()), 2);
        // The third place is still there, for whoever comes next.
        assert!(buy(&writer, "v4", 1).await.unwrap().is_some());
        assert!(buy(&writer, "v5", 1).await.unwrap().is_none());
        drop(writer);
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn i19_a_commit_that_did_not_say_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(folder.path().join("booking.db"));
    let unknown = || JournalError::Unknown("the flush failed".into());
    let mut acknowledged = BTreeSet::new();
    // It had happened: the buyer is told so. It had not: nothing was sold.
    for (at, order, happened) in [
        (Step::Committed, "v1", true),
        (Step::Inserted, "v2", false),
        (Step::Committed, "v3", true),
    ] {
        let mut journal = sqlite(folder.path());
        let (failures, probe) = failing(at, unknown());
        journal.probe = probe;
        let (writer, thread) = start(Box::new(journal), STOCK);
        failures.store(1, SeqCst);
        let answer = buy(&writer, order, 1).await;
        assert_eq!(answer.is_ok(), happened, "{order}: {answer:?}");
        acknowledged.extend(answer.ok().flatten());
        assert!(writer.is_leading());
        // And the sale goes on.
        acknowledged.extend(buy(&writer, &format!("{order}-next"), 1).await.unwrap());
        drop(writer);
        thread.join().unwrap();
    }
    let sale = check(&database, &acknowledged, STOCK);
    assert_eq!(sale.sold_seats(), 5);
}

#[tokio::test]
async fn the_queue_has_a_maximum_and_one_more_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = sqlite(folder.path());
    let (open, gate) = mpsc::channel::<()>();
    // The first commit is what is on offer; every other waits for a word.
    let mut first = true;
    journal.probe = Box::new(move |step| {
        if step == Step::Begin && !std::mem::take(&mut first) {
            let _ = gate.recv();
        }
        Ok(())
    });
    let (writer, thread) = start(Box::new(journal), STOCK);
    let mut asked = Vec::new();
    for number in 0..MAX_WAITING * 2 {
        let (writer, command) = (writer.clone(), book(&format!("v{number}"), 1));
        asked.push(tokio::spawn(async move { writer.submit(command).await }));
    }
    // Every task has tried to queue once the runtime has nothing else to do.
    for _ in 0..MAX_WAITING * 4 {
        tokio::task::yield_now().await;
    }
    let turned_away = asked.iter().filter(|task| task.is_finished()).count();
    // One batch may have been taken out before the gate.
    assert!(
        (MAX_WAITING - 600..=MAX_WAITING + 1).contains(&turned_away),
        "{turned_away}"
    );
    drop(open);
    let mut busy = 0;
    for task in asked {
        busy += usize::from(task.await.unwrap() == Err(NotDecided::Busy));
    }
    assert_eq!(busy, turned_away, "nobody who was queued was forgotten");
    drop(writer);
    thread.join().unwrap();
}
