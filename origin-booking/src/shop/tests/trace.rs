//! Random traces: everything that can be asked, by few people, of little stock, with clumsy timing.

use crate::shop::Sale;
use crate::shop::codes::{Code, Off};
use crate::shop::command::{Ask, CheckOut, Command, Heard, Hold, Key, News, TakeCoupon};
use crate::shop::coupons::Campaign;
use crate::shop::hall::Best;
use crate::shop::order::{Attempt, Method};
use crate::shop::polls::Poll;
use crate::shop::stock::Want;

use super::{event, plan};

/// splitmix64 (Steele, Lea, Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

pub const ADMISSION: u32 = 14;
pub const COUPONS: u32 = 4;
pub const CODE_USES: u32 = 2;
pub const CAP: u32 = 5;

/// What the organiser does first.
pub fn opening() -> Vec<Ask> {
    vec![
        Ask::List(event("a", ADMISSION, None, CAP)),
        Ask::List(event("h", 0, Some(plan(3, 6)), CAP)),
        Ask::Campaign(Campaign {
            id: "c".into(),
            coupons: COUPONS,
        }),
        Ask::Code(Code {
            id: "TEN".into(),
            off: Off::Percent(10),
            uses: CODE_USES,
            event: None,
            until_ms: 0,
        }),
        Ask::Poll(Poll {
            id: "p".into(),
            question: "?".into(),
            options: vec!["x".into(), "y".into()],
            until_ms: 0,
        }),
    ]
}

pub fn random(dice: &mut Dice, number: u64, sale: &Sale) -> Command {
    let mut person = format!("p{}", dice.below(9));
    let mut order = format!("o{}", number.saturating_sub(dice.below(30)));
    // Often an order that is there, mostly by its holder.
    let open: Vec<_> = sale.orders_of(&person).map(|order| order.id.to_string()).collect();
    if !open.is_empty() && dice.below(4) > 0 {
        order.clone_from(dice.pick(&open));
        if dice.below(8) == 0 {
            person = format!("p{}", dice.below(9));
        }
    }
    let ask = match dice.below(20) {
        0..=4 => Ask::Hold(wish(dice, &person, number)),
        5 => Ask::Book(wish(dice, &person, number)),
        6 => Ask::Wait(wish(dice, &person, number)),
        7..=8 => Ask::CheckOut(CheckOut {
            person: person.as_str().into(),
            order: order.into(),
            name: "Ada".into(),
            code: (dice.below(2) == 0).then(|| "TEN".into()),
            contact: Default::default(),
        }),
        9 => Ask::Release {
            person: person.as_str().into(),
            order: order.into(),
        },
        10..=11 => Ask::Pay {
            person: person.as_str().into(),
            order: order.into(),
            method: *dice.pick(&[Method::Card, Method::Points, Method::Card, Method::Door]),
        },
        12..=14 => said_of(dice, &order),
        15 => Ask::Coupon(TakeCoupon {
            person: person.as_str().into(),
            campaign: "c".into(),
            code: format!("K{number}").into(),
        }),
        16 => Ask::Vote {
            person: person.as_str().into(),
            poll: "p".into(),
            option: dice.below(3) as u32,
        },
        17 => Ask::Grant {
            person: person.as_str().into(),
            points: dice.below(900),
        },
        18 => Ask::Refund { order: order.into() },
        _ => Ask::Tick,
    };
    let keyed = dice.below(4) == 0 && !matches!(ask, Ask::Payment(_) | Ask::Tick | Ask::Refund { .. });
    let key = keyed.then(|| Key {
        person: person.as_str().into(),
        key: format!("k{}", dice.below(40)).into(),
        fingerprint: format!("f{}", dice.below(2)).into(),
    });
    Command { key, ask }
}

/// Whatever a provider might say, in any order.
fn said_of(dice: &mut Dice, order: &str) -> Ask {
    Ask::Payment(Heard {
        payment: Attempt {
            order: order.into(),
            attempt: 1 + dice.below(2) as u32,
            reference: None,
        },
        news: *dice.pick(&[
            News::Authorised,
            News::Authorised,
            News::Captured,
            News::Declined,
            News::LetGo,
            News::CaptureFailed,
            News::Refunded,
            News::RefundFailed,
        ]),
    })
}

fn wish(dice: &mut Dice, person: &str, number: u64) -> Hold {
    let event = *dice.pick(&["a", "h", "h", "nothing"]);
    let want = match dice.below(3) {
        0 if event == "h" => {
            let count = 1 + dice.below(3);
            let row = 1 + dice.below(4);
            Want::Seats(
                (0..count)
                    .map(|_| format!("main-{row}-{}", 1 + dice.below(6)))
                    .collect(),
            )
        }
        _ => Want::Best(Best {
            count: dice.below(6) as u32,
            zone: None,
            accessible: false,
            together: dice.below(2) == 0,
        }),
    };
    Hold {
        person: person.into(),
        order: format!("o{number}").into(),
        event: event.into(),
        want,
        name: (dice.below(3) > 0).then(|| "Ada".into()),
        contact: Default::default(),
    }
}
