//! A sale of one event, people who buy, and what must be true afterwards on a real journal.

use std::collections::BTreeSet;
use std::path::Path;

use crate::clock;
use crate::journal::{Database, Journal, Sqlite};
use crate::shop::catalogue::{Event, Price};
use crate::shop::command::{Ask, Command, Hold};
use crate::shop::hall::Best;
use crate::shop::stock::Want;
use crate::shop::{Done, Sale};
use crate::writer::{NotDecided, Writer};

pub const STOCK: u32 = 100;

pub fn offer(seats: u32) -> Vec<Ask> {
    let price = Price {
        currency: "EUR".into(),
        minor: 100,
    };
    vec![Ask::List(Event {
        id: "a".into(),
        title: "a".into(),
        venue: "v".into(),
        when: "w".into(),
        starts_at_ms: 0,
        price,
        seats,
        hall: None,
        cap: 8,
    })]
}

pub fn book(order: &str, count: u32) -> Command {
    Command::from(Ask::Book(Hold {
        person: order.into(),
        order: order.into(),
        event: "a".into(),
        want: Want::Best(Best::of(count)),
        name: Some("Ada".into()),
        contact: Default::default(),
    }))
}

pub fn start(journal: Box<dyn Journal>, seats: u32) -> (Writer, std::thread::JoinHandle<()>) {
    Writer::start(journal, clock::system(), offer(seats)).unwrap()
}

pub fn sqlite(folder: &Path) -> Sqlite {
    Sqlite::open(&folder.join("booking.db")).unwrap()
}

/// The order's reference where it was sold, `None` where it was refused.
pub async fn buy(writer: &Writer, order: &str, count: u32) -> Result<Option<String>, NotDecided> {
    let applied = writer.submit(book(order, count)).await?;
    Ok(match applied.reply {
        Ok(Done::Order(order)) => Some(order.id.to_string()),
        _ => None,
    })
}

/// Reads the whole journal anew, from its first fact and from its snapshot: both make the same sale, everything that was
/// acknowledged is in it, and no more is sold than there is.
pub fn check(database: &Database, acknowledged: &BTreeSet<String>, stock: u32) -> Sale {
    let mut journal = database.open().unwrap();
    let from_the_start = replay(journal.as_mut(), 0, Sale::default());
    let (seq, sale) = journal.snapshot().unwrap().unwrap_or_default();
    let from_snapshot = replay(journal.as_mut(), seq, sale);
    assert!(from_the_start == from_snapshot, "the snapshot and the journal differ");
    for order in acknowledged {
        assert!(
            from_the_start.order(order).is_some(),
            "{order} was acknowledged and is lost"
        );
    }
    assert!(
        from_the_start.sold_seats() <= u64::from(stock),
        "{} sold",
        from_the_start.sold_seats()
    );
    from_the_start
}

fn replay(journal: &mut dyn Journal, mut after: i64, mut sale: Sale) -> Sale {
    loop {
        let kept = journal.read(after).unwrap();
        if kept.is_empty() {
            return sale;
        }
        for kept in kept {
            after += 1;
            assert_eq!(kept.seq, after, "no gap");
            sale.evolve(&kept.fact);
        }
    }
}
