//! The holds that everybody makes: one place each of ten events, a visitor after the other, each with its own
//! `Idempotency-Key`. And the very bytes that the journal keeps of them, for those who decide nothing.

use anyhow::{Context, Result};
use stanchion_booking::shop::Sale;
use stanchion_booking::shop::catalogue::{Event, MAX_STOCK, Price};
use stanchion_booking::shop::command::{Ask, Command, Hold, Key};
use stanchion_booking::shop::hall::Best;
use stanchion_booking::shop::stock::Want;

pub const EVENTS: u64 = 10;

pub fn event(number: u64, seats: u32) -> Event {
    Event {
        id: format!("e{number}").into(),
        title: "The measured evening".to_owned(),
        venue: "Hall".to_owned(),
        when: "Some day".to_owned(),
        starts_at_ms: 0,
        price: Price {
            currency: "EUR".to_owned(),
            minor: 4_900,
        },
        seats,
        hall: None,
        cap: 8,
    }
}

pub fn opening() -> Vec<Ask> {
    (0..EVENTS).map(|number| Ask::List(event(number, MAX_STOCK))).collect()
}

/// As `POST /api/v1/holds` would ask it.
pub fn hold(number: u64) -> Command {
    let person = format!("visitor-{:016}", number / EVENTS);
    Command {
        key: Some(Key {
            person: person.as_str().into(),
            key: format!("key-{number:016}").into(),
            fingerprint: format!("{number:043}").into(),
        }),
        ask: Ask::Hold(Hold {
            person: person.into(),
            order: format!("R{number:09}").into(),
            event: format!("e{}", number % EVENTS).into(),
            want: Want::Best(Best::of(1)),
            name: None,
            contact: Default::default(),
        }),
    }
}

/// What the journal keeps of so many holds, hold by hold.
pub struct Kept(Vec<Vec<String>>);

const DISTINCT: u64 = 8_192;
/// Of a day in 2026; journals keep the real time.
const NOW_MS: u64 = 1_790_000_000_000;

impl Kept {
    pub fn new() -> Result<Kept> {
        let mut sale = Sale::default();
        for ask in opening() {
            sale.apply(&ask.into(), NOW_MS);
        }
        let texts = (0..DISTINCT).map(|number| {
            let applied = sale.apply(&hold(number), NOW_MS);
            applied.reply.ok().context("a hold was refused")?;
            let texts = applied.facts.iter().map(serde_json::to_string);
            Ok(texts.collect::<Result<Vec<_>, _>>()?)
        });
        Ok(Kept(texts.collect::<Result<_>>()?))
    }

    /// The facts of so many holds, from this one on.
    pub fn of(&self, first: u64, holds: usize) -> impl Iterator<Item = &str> {
        let numbers = first..first + holds as u64;
        let facts = numbers.filter_map(|number| self.0.get(usize::try_from(number % DISTINCT).ok()?));
        facts.flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_two_facts_and_every_hold_another() {
        let kept = Kept::new().unwrap();
        let facts: Vec<_> = kept.of(DISTINCT - 1, 2).collect();
        assert_eq!(facts.len(), 4, "the order, and the answer to its key");
        assert!(
            facts[0].contains("R000008191") && facts[2].contains("R000000000"),
            "{facts:?}"
        );
    }
}
