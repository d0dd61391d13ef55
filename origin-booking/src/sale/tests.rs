//! The sale without anything around it.

use super::{Applied, Book, Command, Event, Fact, MAX_SEATS, Order, Outcome, Price, Refusal, Sale};

const HOUR_MS: u64 = 3_600_000;

fn listed(seats: u32) -> Sale {
    let mut sale = Sale::default();
    for id in ["a", "b"] {
        let price = Price {
            currency: "EUR".into(),
            minor: 100,
        };
        let event = Event {
            id: id.into(),
            title: id.into(),
            venue: "v".into(),
            when: "w".into(),
            price,
            seats,
        };
        sale.apply(&Command::List(event), 0);
    }
    sale
}

fn book(visitor: u64, key: Option<u64>, event: &str, seats: u32) -> Command {
    Command::Book(Book {
        visitor: format!("v{visitor}"),
        key: key.map(|key| format!("k{key}")),
        order: Order {
            event: event.into(),
            seats,
            name: "n".into(),
        },
        reference: format!("r{visitor}-{seats}"),
    })
}

/// splitmix64 (Steele, Lea, Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn i19_whatever_is_asked_in_whatever_order_nothing_is_oversold_and_a_replay_makes_the_same_sale() {
    for seed in 0..200 {
        let mut state = seed;
        let stock = (next(&mut state) % 40) as u32;
        let (mut sale, mut kept) = (listed(stock), Vec::new());
        for step in 0..300 {
            let (visitor, key) = (next(&mut state) % 12, next(&mut state) % 6);
            let event = ["a", "b", "nothing"][(next(&mut state) % 3) as usize];
            let seats = (next(&mut state) % 10) as u32;
            let now_ms = step * HOUR_MS / 4;
            kept.extend(
                sale.apply(&book(visitor, (key > 2).then_some(key), event, seats), now_ms)
                    .facts,
            );
            for offer in sale.offers() {
                assert!(offer.sold <= offer.event.seats, "seed {seed}");
            }
        }
        let booked: u64 = kept
            .iter()
            .map(|fact| match fact {
                Fact::Booked { booking, .. } => u64::from(booking.order.seats),
                _ => 0,
            })
            .sum();
        assert_eq!(sale.sold_seats(), booked, "seed {seed}");
        let mut replayed = listed(stock);
        // Through the same text that the journal keeps.
        for fact in &kept {
            let text = serde_json::to_string(fact).unwrap();
            replayed.absorb(&serde_json::from_str(&text).unwrap());
        }
        let text = |sale: &Sale| serde_json::to_string(sale).unwrap();
        assert_eq!(text(&replayed), text(&sale), "seed {seed}");
        let again: Sale = serde_json::from_str(&text(&sale)).unwrap();
        assert_eq!(text(&again), text(&sale));
    }
}

#[test]
fn o2_a_key_is_remembered_for_a_day() {
    let mut sale = listed(5);
    let first = sale.apply(&book(1, Some(1), "a", 1), 0);
    let replays = |applied: &Applied| applied.replayed && applied.outcome == first.outcome;
    assert!(replays(&sale.apply(&book(1, Some(1), "a", 1), 23 * HOUR_MS)));
    // The day is counted when something else is kept; until then it is remembered for longer.
    sale.apply(&book(2, Some(1), "a", 1), 24 * HOUR_MS);
    assert!(replays(&sale.apply(&book(1, Some(1), "a", 1), 24 * HOUR_MS)));
    sale.apply(&book(3, Some(1), "a", 1), 24 * HOUR_MS + 1);
    let later = sale.apply(&book(1, Some(1), "a", 1), 24 * HOUR_MS + 1);
    assert!(!later.replayed && matches!(later.outcome, Outcome::Booked(_)));
}

#[test]
fn a_visitor_holds_so_many_seats_of_an_event_and_no_more() {
    let mut sale = listed(100);
    let refused = |applied: Applied| match applied.outcome {
        Outcome::Refused(refusal) => Some(refusal),
        _ => None,
    };
    assert_eq!(refused(sale.apply(&book(1, None, "a", MAX_SEATS - 1), 0)), None);
    assert_eq!(
        refused(sale.apply(&book(1, None, "a", 2), 0)),
        Some(Refusal::TooManySeats { held: MAX_SEATS - 1 })
    );
    assert_eq!(refused(sale.apply(&book(1, None, "a", 1), 0)), None);
    assert_eq!(
        refused(sale.apply(&book(1, None, "b", MAX_SEATS), 0)),
        None,
        "each event by itself"
    );
    assert_eq!(
        refused(sale.apply(&book(2, None, "a", u32::MAX), 0)),
        Some(Refusal::TooManySeats { held: 0 })
    );
}

#[test]
fn listing_an_event_again_keeps_its_stock() {
    let mut sale = listed(5);
    sale.apply(&book(1, None, "a", 3), 0);
    let again = Event {
        seats: 500,
        ..sale.offers()[0].event.clone()
    };
    assert!(sale.apply(&Command::List(again), 0).facts.is_empty());
    assert_eq!((sale.offers().len(), sale.offers()[0].left()), (2, 2));
}
