//! One order, a provider that is nothing but a column of figures, and all that is under way between them.

use std::collections::{BTreeMap, BTreeSet};

use crate::shop::command::{Ask, Heard, News};
use crate::shop::fact::OrderFact;
use crate::shop::order::{Attempt, HOLD_MS, Method, PAY_MS, Stage};
use crate::shop::tests::{admission, best, hold, tell};
use crate::shop::{Done, Reply, Sale};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Script {
    Pays,
    RefusesRefunds,
    FailsToCapture,
    DeclinesFirst,
    SilentAtFirst,
}

impl Script {
    pub const ALL: [Script; 5] = [
        Script::Pays,
        Script::RefusesRefunds,
        Script::FailsToCapture,
        Script::DeclinesFirst,
        Script::SilentAtFirst,
    ];
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verb {
    Authorise,
    Capture,
    Look,
    Cancel,
    /// After a look, before places are freed.
    CancelDoubted,
    Refund,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Flight {
    Ask(Verb, u32),
    Reply(Verb, u32, Word),
    Hook(u32, Word),
}

/// [`News`] that can be sorted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    Authorised,
    Declined,
    LetGo,
    Captured,
    CaptureFailed,
    Refunded,
    RefundFailed,
}

impl Word {
    fn news(self) -> News {
        match self {
            Word::Authorised => News::Authorised,
            Word::Declined => News::Declined,
            Word::LetGo => News::LetGo,
            Word::Captured => News::Captured,
            Word::CaptureFailed => News::CaptureFailed,
            Word::Refunded => News::Refunded,
            Word::RefundFailed => News::RefundFailed,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Money {
    Nothing,
    SetAside,
    Taken,
    LetGo,
    GivenBack,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Move {
    Arrives(Flight),
    IsLost(Flight),
    /// A webhook that comes once more.
    ComesTwice(Flight),
    HoldEnds,
    TakeUp,
    OrganiserRefunds,
    PaysAgain,
}

/// What may still happen of each kind.
#[derive(Clone, Debug)]
struct Left {
    losses: u8,
    repeats: u8,
    take_ups: u8,
    refunds: u8,
    ends: u8,
    payments: u8,
}

#[derive(Clone, Debug)]
pub struct World {
    script: Script,
    sale: Sale,
    now_ms: u64,
    /// Of each attempt.
    money: BTreeMap<u32, Money>,
    flights: BTreeSet<Flight>,
    left: Left,
}

const ORDER: &str = "o";

impl World {
    /// `deep`: webhooks come twice also where two attempts are made, which takes minutes.
    pub fn new(script: Script, deep: bool) -> World {
        let mut sale = admission(1);
        tell(&mut sale, Ask::Hold(hold("ada", ORDER, best(1))), 0).unwrap();
        let left = Left {
            losses: 1,
            repeats: u8::from(deep || script != Script::DeclinesFirst),
            take_ups: if script == Script::SilentAtFirst { 3 } else { 1 },
            refunds: 1,
            ends: 1,
            payments: if script == Script::DeclinesFirst { 2 } else { 1 },
        };
        let mut world = World {
            script,
            sale,
            now_ms: 1,
            money: BTreeMap::new(),
            flights: BTreeSet::new(),
            left,
        };
        world.make(&Move::PaysAgain);
        world
    }

    fn stage(&self) -> Stage {
        self.sale.order(ORDER).unwrap().stage
    }

    pub fn moves(&self) -> Vec<Move> {
        let mut moves: Vec<Move> = self.flights.iter().cloned().map(Move::Arrives).collect();
        if self.left.losses > 0 {
            moves.extend(self.flights.iter().cloned().map(Move::IsLost));
        }
        if self.left.repeats > 0 {
            let hooks = self.flights.iter().filter(|flight| matches!(flight, Flight::Hook(..)));
            moves.extend(hooks.cloned().map(Move::ComesTwice));
        }
        let held = [Stage::Held, Stage::Paying].contains(&self.stage());
        for (possible, next) in [
            (self.left.ends > 0 && held, Move::HoldEnds),
            (self.left.take_ups > 0 && !self.wanted().is_empty(), Move::TakeUp),
            (
                self.left.refunds > 0 && self.stage() == Stage::Confirmed,
                Move::OrganiserRefunds,
            ),
            (self.left.payments > 0 && self.stage() == Stage::Held, Move::PaysAgain),
        ] {
            moves.extend(possible.then_some(next));
        }
        moves
    }

    pub fn make(&mut self, next: &Move) {
        match next {
            Move::Arrives(flight) => {
                self.flights.remove(flight);
                self.arrive(flight);
            }
            Move::IsLost(flight) => {
                self.left.losses -= 1;
                self.flights.remove(flight);
            }
            Move::ComesTwice(flight) => {
                self.left.repeats -= 1;
                self.arrive(flight);
            }
            Move::HoldEnds => {
                self.left.ends -= 1;
                self.end_holds();
            }
            Move::TakeUp => {
                self.left.take_ups -= 1;
                self.flights.extend(self.wanted());
            }
            Move::OrganiserRefunds => {
                self.left.refunds -= 1;
                let order = ORDER.into();
                let reply = tell(&mut self.sale, Ask::Refund { order }, self.now_ms);
                if self.stage() == Stage::Refunding && reply.is_ok() {
                    self.flights.insert(Flight::Ask(Verb::Refund, self.attempt()));
                }
            }
            Move::PaysAgain => {
                self.left.payments -= 1;
                let pay = Ask::Pay {
                    person: "ada".into(),
                    order: ORDER.into(),
                    method: Method::Card,
                };
                if let Ok(Done::Charge(order)) = tell(&mut self.sale, pay, self.now_ms) {
                    self.flights.insert(Flight::Ask(Verb::Authorise, order.attempt));
                }
            }
        }
    }

    fn attempt(&self) -> u32 {
        self.sale.order(ORDER).unwrap().attempt
    }

    fn end_holds(&mut self) {
        self.now_ms += HOLD_MS + PAY_MS;
        tell(&mut self.sale, Ask::Tick, self.now_ms).unwrap();
    }

    fn arrive(&mut self, flight: &Flight) {
        match flight {
            Flight::Ask(verb, attempt) => self.provide(*verb, *attempt),
            Flight::Hook(attempt, word) => {
                let heard = heard(*attempt, *word);
                let id = format!("{attempt} {word:?}").into();
                let reply = tell(&mut self.sale, Ask::Event { id, heard }, self.now_ms);
                self.follow(*attempt, &reply);
            }
            // As the till does: only a certain answer frees anything.
            Flight::Reply(Verb::Look, attempt, word) => match word {
                Word::Authorised | Word::Captured => self.hear(*attempt, Word::Authorised),
                _ => {
                    self.flights.insert(Flight::Ask(Verb::CancelDoubted, *attempt));
                }
            },
            Flight::Reply(Verb::CancelDoubted, _, word) if *word != Word::LetGo => {}
            Flight::Reply(_, attempt, word) => self.hear(*attempt, *word),
        }
    }

    fn hear(&mut self, attempt: u32, word: Word) {
        let reply = tell(&mut self.sale, Ask::Payment(heard(attempt, word)), self.now_ms);
        self.follow(attempt, &reply);
    }

    fn follow(&mut self, attempt: u32, reply: &Reply) {
        match reply {
            Ok(Done::Capture(order)) => self.flights.insert(Flight::Ask(Verb::Capture, order.attempt)),
            Ok(Done::LetGo) => self.flights.insert(Flight::Ask(Verb::Cancel, attempt)),
            _ => false,
        };
    }

    /// What the till would ask for now.
    fn wanted(&self) -> Vec<Flight> {
        let of = |verb: Verb, attempt: &Attempt| Flight::Ask(verb, attempt.attempt);
        let sale = &self.sale;
        let doubted = sale.doubted().map(Attempt::of).map(|one| of(Verb::Look, &one));
        let uncaptured = sale.uncaptured().map(Attempt::of).map(|one| of(Verb::Capture, &one));
        let unwanted = sale.unwanted().map(|one| of(Verb::Cancel, one));
        let refunding = sale.refunding().filter(|order| !order.refund.unwrap().refused);
        let refunding = refunding.map(Attempt::of).map(|one| of(Verb::Refund, &one));
        doubted.chain(uncaptured).chain(unwanted).chain(refunding).collect()
    }
}

/// The provider.
impl World {
    fn provide(&mut self, verb: Verb, attempt: u32) {
        use Money::{GivenBack, LetGo, Nothing, SetAside, Taken};
        let before = self.money.get(&attempt).copied().unwrap_or(Nothing);
        let (after, word) = match (verb, before) {
            (Verb::Authorise, Nothing) => match self.script {
                Script::DeclinesFirst if attempt == 1 => (Nothing, Word::Declined),
                Script::SilentAtFirst => return,
                _ => (SetAside, Word::Authorised),
            },
            (Verb::Authorise, SetAside) => (SetAside, Word::Authorised),
            (Verb::Authorise, _) => (before, Word::Declined),
            (Verb::Capture, SetAside) if self.script == Script::FailsToCapture => (SetAside, Word::CaptureFailed),
            (Verb::Capture, SetAside | Taken) => (Taken, Word::Captured),
            (Verb::Capture, _) => (before, Word::CaptureFailed),
            (Verb::Look, SetAside) => (SetAside, Word::Authorised),
            (Verb::Look | Verb::Cancel | Verb::CancelDoubted, Taken | GivenBack) => (before, Word::Captured),
            (Verb::Look, _) => (before, Word::LetGo),
            (Verb::Cancel | Verb::CancelDoubted, _) => (LetGo, Word::LetGo),
            (Verb::Refund, Taken) if self.script == Script::RefusesRefunds => (Taken, Word::RefundFailed),
            (Verb::Refund, Taken | GivenBack) => (GivenBack, Word::Refunded),
            (Verb::Refund, _) => (before, Word::RefundFailed),
        };
        let says = verb != Verb::Look && (before != after || word == Word::Declined || word == Word::RefundFailed);
        self.money.insert(attempt, after);
        self.flights.insert(Flight::Reply(verb, attempt, word));
        if says {
            self.flights.insert(Flight::Hook(attempt, word));
        }
    }
}

/// The end.
impl World {
    /// The process is killed: what was under way is gone. It starts again; every hold's time ends; the provider answers.
    pub fn settle(&mut self, late_hooks: bool) {
        let (hooks, _): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition(|flight| matches!(flight, Flight::Hook(..)));
        self.end_holds();
        self.come_to_rest();
        if late_hooks {
            self.flights.extend(hooks);
            self.come_to_rest();
        }
    }

    fn come_to_rest(&mut self) {
        for _ in 0..12 {
            while let Some(flight) = self.flights.pop_first() {
                self.arrive(&flight);
            }
            self.flights.extend(self.wanted());
            if self.flights.is_empty() {
                return;
            }
        }
    }

    pub fn check(&self) -> Result<(), String> {
        let (stage, attempt) = (self.stage(), self.attempt());
        let wrong = |what: &str| Err(format!("{what}: {stage:?} {:?} {:?}", self.money, self.sale.odd()));
        if !self.flights.is_empty() {
            return wrong("it never comes to rest");
        }
        if self.money.values().any(|money| *money == Money::SetAside) {
            return wrong("money is set aside for a dead order");
        }
        let taken: Vec<u32> = (self.money.iter())
            .filter(|(_, money)| **money == Money::Taken)
            .map(|(attempt, _)| *attempt)
            .collect();
        let sold = self.sale.offer("a").unwrap().sold() == 1;
        let refused = self
            .sale
            .order(ORDER)
            .unwrap()
            .refund
            .is_some_and(|refund| refund.refused);
        let agree = match stage {
            Stage::Confirmed => sold && taken == [attempt],
            Stage::Cancelled | Stage::Expired | Stage::Refunded => !sold && taken.is_empty(),
            // Listed as refused.
            Stage::Refunding => !sold && refused && taken == [attempt],
            _ => false,
        };
        let listed = (self.sale.odd().iter()).any(|fact| matches!(fact, OrderFact::Odd { .. }));
        match (agree, listed) {
            (true, false) | (false, true) => Ok(()),
            (true, true) => wrong("listed, though money and places agree"),
            (false, false) => wrong("money and places disagree, and nobody is told"),
        }
    }
}

fn heard(attempt: u32, word: Word) -> Heard {
    Heard {
        payment: Attempt {
            order: ORDER.into(),
            attempt,
            reference: None,
        },
        news: word.news(),
    }
}
