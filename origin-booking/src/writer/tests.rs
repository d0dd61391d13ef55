//! A database that fails (O4): nobody hears of a booking that was not kept, and the sale goes on when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use super::{MAX_WAITING, NotDecided, Writer};
use crate::clock;
use crate::journal::{Journal, JournalError};
use crate::sale::{Book, Command, Event, Fact, Order, Outcome, Price, Sale};

#[derive(Default)]
struct Failing {
    kept: Vec<Fact>,
    /// So many commits fail from now on.
    failures: Arc<AtomicUsize>,
    /// A commit waits for a word here, where there is one.
    gate: Option<mpsc::Receiver<()>>,
}

impl Journal for Failing {
    fn load(&mut self) -> Result<Sale, JournalError> {
        let mut sale = Sale::default();
        self.kept.iter().for_each(|fact| sale.absorb(fact));
        Ok(sale)
    }

    fn commit(&mut self, facts: &[Fact], _: &Sale) -> Result<(), JournalError> {
        if let Some(gate) = &self.gate {
            let _ = gate.recv();
        }
        let fails = self
            .failures
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if fails {
            return Err(JournalError::Away("disk full".into()));
        }
        self.kept.extend_from_slice(facts);
        Ok(())
    }
}

fn list() -> Command {
    let price = Price {
        currency: "EUR".into(),
        minor: 1,
    };
    Command::List(Event {
        id: "a".into(),
        title: "a".into(),
        venue: "v".into(),
        when: "w".into(),
        price,
        seats: 3,
    })
}

fn book(visitor: &str) -> Command {
    let order = Order {
        event: "a".into(),
        seats: 1,
        name: "n".into(),
    };
    Command::Book(Book {
        visitor: visitor.into(),
        key: None,
        order,
        reference: visitor.into(),
    })
}

#[tokio::test]
async fn o4_what_could_not_be_kept_was_never_sold() {
    let failures = Arc::new(AtomicUsize::new(0));
    let journal = Failing {
        failures: Arc::clone(&failures),
        ..Failing::default()
    };
    let (writer, thread) = Writer::start(Box::new(journal), clock::system()).unwrap();
    writer.submit(list()).await.unwrap();
    assert!(matches!(
        writer.submit(book("v1")).await.unwrap().outcome,
        Outcome::Booked(_)
    ));

    failures.store(2, SeqCst);
    assert!(writer.submit(book("v2")).await.is_ok(), "tried three times");
    failures.store(3, SeqCst);
    assert_eq!(writer.submit(book("v3")).await, Err(NotDecided::Away));
    assert_eq!(writer.view().sold_seats, 2);
    // The third seat is still there, for whoever comes next.
    assert!(matches!(
        writer.submit(book("v4")).await.unwrap().outcome,
        Outcome::Booked(_)
    ));
    assert!(matches!(
        writer.submit(book("v5")).await.unwrap().outcome,
        Outcome::Refused(_)
    ));
    assert_eq!(writer.view().sold_seats, 3);
    drop(writer);
    thread.join().unwrap();
}

#[tokio::test]
async fn the_queue_has_a_maximum_and_one_more_is_told_at_once() {
    let (open, gate) = mpsc::channel();
    let journal = Failing {
        gate: Some(gate),
        ..Failing::default()
    };
    let (writer, thread) = Writer::start(Box::new(journal), clock::system()).unwrap();
    // One is being kept and waits at the gate; the others fill the queue.
    let ask = |command| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.submit(command).await })
    };
    let mut asked = vec![ask(list())];
    for number in 0..MAX_WAITING * 2 {
        asked.push(ask(book(&format!("v{number}"))));
    }
    // Every task has tried to queue once the runtime has nothing else to do.
    for _ in 0..MAX_WAITING * 4 {
        tokio::task::yield_now().await;
    }
    let turned_away = asked.iter().filter(|task| task.is_finished()).count();
    assert!(
        (MAX_WAITING / 2..=MAX_WAITING + 1).contains(&turned_away),
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
