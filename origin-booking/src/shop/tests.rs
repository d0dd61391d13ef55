//! The order processor without anything around it.

mod doors;
mod life;
mod model;
mod money;
mod outbox;
mod properties;
pub(super) mod trace;
mod waiting;

use super::catalogue::{Event, Price};
use super::command::{Ask, Command, Hold};
use super::hall::{Best, Plan, Row, Section, Zone};
use super::order::{Order, Stage};
use super::refusal::Refusal;
use super::stock::Want;
use super::{Done, Reply, Sale};

pub(super) const NAME: Option<&str> = Some("Ada");

pub(super) fn event(id: &str, seats: u32, hall: Option<Plan>, cap: u32) -> Event {
    Event {
        id: id.into(),
        title: id.into(),
        venue: "v".into(),
        when: "w".into(),
        starts_at_ms: 0,
        price: Price {
            currency: "EUR".into(),
            minor: 100,
        },
        seats,
        hall,
        cap,
    }
}

/// One zone, so many rows of so many seats.
pub(super) fn plan(rows: u32, seats: u32) -> Plan {
    let row = Row {
        id: "1".into(),
        rows,
        seats,
        zone: None,
        accessible: Vec::new(),
        aisles: Vec::new(),
    };
    Plan {
        zones: vec![Zone {
            id: "A".into(),
            price_minor: 250,
        }],
        sections: vec![Section {
            id: "main".into(),
            zone: "A".into(),
            rows: vec![row],
        }],
    }
}

pub(super) fn admission(seats: u32) -> Sale {
    selling(event("a", seats, None, 8))
}

pub(super) fn selling(event: Event) -> Sale {
    let mut sale = Sale::default();
    tell(&mut sale, Ask::List(event), 0).unwrap();
    sale
}

pub(super) fn tell(sale: &mut Sale, ask: Ask, now_ms: u64) -> Reply {
    sale.apply(&Command::from(ask), now_ms).reply
}

pub(super) fn hold(person: &str, order: &str, want: Want) -> Hold {
    Hold {
        person: person.into(),
        order: order.into(),
        event: "a".into(),
        want,
        name: NAME.map(str::to_owned),
        contact: Default::default(),
    }
}

pub(super) fn best(count: u32) -> Want {
    Want::Best(Best::of(count))
}

pub(super) fn named(seats: &[&str]) -> Want {
    Want::Seats(seats.iter().map(|name| (*name).to_owned()).collect())
}

pub(super) fn order_in(reply: &Reply) -> &Order {
    match reply {
        Ok(Done::Order(order) | Done::Charge(order) | Done::Capture(order)) => order,
        other => panic!("no order: {other:?}"),
    }
}

pub(super) fn stage(sale: &Sale, order: &str) -> Stage {
    sale.order(order).unwrap().stage
}

pub(super) fn refused(reply: Reply) -> Refusal {
    reply.unwrap_err()
}
