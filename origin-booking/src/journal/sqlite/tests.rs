//! The journal across restarts, snapshots and damage.

use super::{SNAPSHOT_EVERY, Sqlite};
use crate::journal::{Journal, JournalError};
use crate::sale::{Book, Command, Event, Order, Price, Sale};

fn sale_with_event() -> (Sale, Vec<crate::sale::Fact>) {
    let mut sale = Sale::default();
    let price = Price {
        currency: "EUR".into(),
        minor: 1,
    };
    let event = Event {
        id: "a".into(),
        title: "a".into(),
        venue: "v".into(),
        when: "w".into(),
        price,
        seats: 1_000_000,
    };
    let facts = sale.apply(&Command::List(event), 0).facts;
    (sale, facts)
}

fn book(sale: &mut Sale, number: usize) -> Vec<crate::sale::Fact> {
    let order = Order {
        event: "a".into(),
        seats: 1,
        name: "n".into(),
    };
    let book = Book {
        visitor: format!("v{number}"),
        key: Some("k".into()),
        order,
        reference: number.to_string(),
    };
    sale.apply(&Command::Book(book), number as u64).facts
}

#[test]
fn a_start_from_a_snapshot_gives_the_same_sale_as_one_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let (mut sale, facts) = sale_with_event();
    let mut journal = Sqlite::open(&path).unwrap();
    assert_eq!(journal.load().unwrap().offers().len(), 0);
    journal.commit(&facts, &sale).unwrap();
    // Past the first snapshot, and some more.
    for batch in 0..(SNAPSHOT_EVERY as usize / 256 + 2) {
        let facts: Vec<_> = (0..256).flat_map(|at| book(&mut sale, batch * 256 + at)).collect();
        journal.commit(&facts, &sale).unwrap();
    }
    let last = journal.seq;
    assert!(journal.snapshot_seq > 0 && journal.snapshot_seq < last);
    drop(journal);

    let text = |sale: &Sale| serde_json::to_string(sale).unwrap();
    let mut journal = Sqlite::open(&path).unwrap();
    assert_eq!(text(&journal.load().unwrap()), text(&sale));
    assert_eq!(journal.seq, last);
    journal.connection.execute("DELETE FROM snapshot", []).unwrap();
    assert_eq!(text(&journal.load().unwrap()), text(&sale));
}

#[test]
fn a_gap_a_foreign_fact_and_a_foreign_file_are_told_and_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let (mut sale, facts) = sale_with_event();
    let mut journal = Sqlite::open(&path).unwrap();
    journal.commit(&facts, &sale).unwrap();
    for number in 0..3 {
        let facts = book(&mut sale, number);
        journal.commit(&facts, &sale).unwrap();
    }
    journal
        .connection
        .execute("DELETE FROM journal WHERE seq = 2", [])
        .unwrap();
    let gap = journal.load().unwrap_err().to_string();
    assert!(gap.contains("fact 2 is missing"), "{gap}");
    journal
        .connection
        .execute("INSERT INTO journal VALUES (2, '{\"did\":\"danced\"}')", [])
        .unwrap();
    assert!(matches!(journal.load(), Err(JournalError::Foreign(_))));

    let other = folder.path().join("other.db");
    std::fs::write(&other, "this is no database, whatever its name says".repeat(40)).unwrap();
    assert!(matches!(Sqlite::open(&other), Err(JournalError::Foreign(_))));
}

#[test]
fn a_commit_is_all_or_nothing_and_two_writers_cannot_interleave() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sale, facts) = sale_with_event();
    let mut journal = Sqlite::open(&folder.path().join("j.db")).unwrap();
    journal.commit(&facts, &sale).unwrap();
    // Somebody else wrote fact 3: this batch's second fact cannot be kept, so neither is its first.
    journal
        .connection
        .execute("INSERT INTO journal VALUES (3, 'x')", [])
        .unwrap();
    let batch: Vec<_> = (0..2).flat_map(|number| book(&mut sale, number)).collect();
    assert!(journal.commit(&batch, &sale).is_err());
    let kept: i64 = journal
        .connection
        .query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
        .unwrap();
    assert_eq!((kept, journal.seq), (2, 1));
}

#[test]
fn addresses_of_databases() {
    use crate::Database;
    assert_eq!("sqlite:a/b.db".parse(), Ok(Database::Sqlite("a/b.db".into())));
    assert!(
        "postgres://x"
            .parse::<Database>()
            .unwrap_err()
            .contains("not supported")
    );
    for bad in ["", "sqlite:", "b.db", "mysql://x"] {
        assert!(bad.parse::<Database>().is_err(), "{bad}");
    }
}
