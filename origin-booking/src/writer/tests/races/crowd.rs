//! The crowd, in a process that is killed: everybody wants the same few things, and says what they were told.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use crate::clock;
use crate::journal::tests::Step;
use crate::shop::catalogue::{Event, Price};
use crate::shop::codes::{Code, Off};
use crate::shop::command::{Ask, CheckOut, Command, Heard, Hold, Key, News, TakeCoupon};
use crate::shop::coupons::Campaign;
use crate::shop::guard::Guard;
use crate::shop::hall::Best;
use crate::shop::order::{Attempt, Method, Order};
use crate::shop::polls::Poll;
use crate::shop::stock::Want;
use crate::shop::{Done, Reply};
use crate::writer::tests::killed::{STEPS, die, probed};
use crate::writer::{NotDecided, Writer};

pub const CHILD: &str = "STANCHION_BOOKING_RACES_CHILD";
/// What can be switched off, and what the ledger says then.
pub const GUARDS: [(&str, Guard, &str); 7] = [
    ("seat", Guard::Seat, "a seat twice"),
    ("stock", Guard::Stock, "too many places"),
    ("coupon-once", Guard::CouponOnce, "a coupon twice"),
    ("coupon-stock", Guard::CouponStock, "too many coupons"),
    ("code-uses", Guard::CodeUses, "a code too often"),
    ("points", Guard::Points, "points below nothing"),
    ("vote-once", Guard::VoteOnce, "a vote twice"),
];

const CLERKS: u64 = 96;
const HALL: &str = r#"{"zones":[{"id":"A","price_minor":1}],"sections":[{"id":"s","zone":"A","rows":[{"id":"1","rows":6,"seats":10}]}]}"#;
const SEATS: u64 = 60;
/// People who come again and again.
const PEOPLE: u64 = 200;

/// Not a test by itself: what the others start as a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(orders) = std::env::var(CHILD) else { return };
    let mut words = orders.splitn(5, ' ');
    let mut next = || words.next().unwrap().to_owned();
    let (round, step, after, guard, database) = (next(), next(), next(), next(), next());
    let answers = Arc::new(AtomicU64::new(0));
    let probe = probe(&step, after.parse().unwrap(), &guard, Arc::clone(&answers));
    let opening = opening(&round);
    let start = move || Writer::start(probed(&database, probe), clock::system(), opening).unwrap();
    let (writer, _thread) = tokio::task::spawn_blocking(start).await.unwrap();
    let clerks = (0..CLERKS).map(|number| Clerk {
        writer: writer.clone(),
        round: round.clone(),
        number,
        asked: 0,
        dice: (number + 1) * 0x9E37_79B9 + round.parse::<u64>().unwrap(),
        waiting: Vec::new(),
        answers: Arc::clone(&answers),
    });
    let clerks: tokio::task::JoinSet<()> = clerks.map(Clerk::work).collect();
    clerks.join_all().await;
}

/// Kills the process at this step of the first commit after so many answers; switches a guard off on the writer's thread.
fn probe(step: &str, after: u64, guard: &str, answers: Arc<AtomicU64>) -> crate::journal::tests::Probe {
    let at = STEPS.iter().find(|(name, _)| *name == step).unwrap().1;
    let off = GUARDS.iter().find(|(name, ..)| *name == guard).map(|(_, off, _)| *off);
    Box::new(move |step: Step| {
        if let Some(off) = off {
            off.switch_off();
        }
        if step == at && answers.load(SeqCst) >= after {
            die();
        }
        Ok(())
    })
}

/// A few of each, new in every round.
fn opening(round: &str) -> Vec<Ask> {
    let event = |id: String, seats, hall: Option<&str>| Event {
        id: id.into(),
        title: "t".into(),
        venue: "v".into(),
        when: "w".into(),
        starts_at_ms: 0,
        price: Price {
            currency: "EUR".into(),
            minor: 1,
        },
        seats,
        hall: hall.map(|plan| serde_json::from_str(plan).unwrap()),
        cap: 100,
    };
    vec![
        Ask::List(event(format!("h{round}"), 0, Some(HALL))),
        Ask::List(event(format!("g{round}"), 40, None)),
        Ask::List(event(format!("x{round}"), 100_000, None)),
        Ask::Campaign(Campaign {
            id: format!("c{round}").into(),
            coupons: 150,
        }),
        Ask::Code(Code {
            id: format!("C{round}").into(),
            off: Off::Percent(50),
            uses: 2,
            event: None,
            until_ms: 0,
        }),
        Ask::Poll(Poll {
            id: format!("p{round}").into(),
            question: "?".into(),
            options: vec!["a".into(), "b".into()],
            until_ms: 0,
        }),
    ]
}

struct Clerk {
    writer: Writer,
    round: String,
    number: u64,
    asked: u64,
    dice: u64,
    waiting: Vec<String>,
    answers: Arc<AtomicU64>,
}

impl Clerk {
    async fn work(mut self) {
        loop {
            match self.throw(16) {
                0..=5 => self.two_seats().await,
                6..=8 => self.places().await,
                9 => self.wait().await,
                10..=11 => self.coupon().await,
                12..=13 => self.vote().await,
                14 => self.same_key().await,
                _ => self.points().await,
            }
        }
    }

    fn throw(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) % sides
    }

    fn name(&mut self) -> String {
        self.asked += 1;
        format!("{}-{}-{}", self.round, self.number, self.asked)
    }

    /// The answer, once there is one; who is refused says so.
    async fn ask(&self, command: impl Into<Command>) -> Reply {
        let command = command.into();
        let mut answer = self.writer.submit(command.clone()).await;
        // After a kill, the lease of the one before has to run out.
        while answer == Err(NotDecided::Standby) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = self.writer.submit(command.clone()).await;
        }
        let reply = answer.unwrap().reply;
        if reply.is_err() {
            self.say("no");
        }
        reply
    }

    /// In one piece: whoever is killed says a whole line or nothing.
    fn say(&self, text: &str) {
        let _ = std::io::stdout().write_all(format!("\n@ {text}\n").as_bytes());
        self.answers.fetch_add(1, SeqCst);
    }

    fn hold(&self, person: &str, order: &str, event: &str, want: Want) -> Hold {
        Hold {
            person: person.into(),
            order: order.into(),
            event: event.into(),
            want,
            name: Some("Ada".into()),
            contact: Default::default(),
        }
    }

    /// Two neighbours in either order: whoever comes second is refused, and nobody waits for anybody.
    async fn two_seats(&mut self) {
        let named = |seat: u64| format!("s-{}-{}", 1 + seat / 10, 1 + seat % 10);
        let (one, id) = (self.throw(SEATS), self.name());
        let mut seats = vec![named(one), named((one + 1) % SEATS)];
        if self.throw(2) == 0 {
            seats.reverse();
        }
        let hold = self.hold(&id, &id, &format!("h{}", self.round), Want::Seats(seats));
        self.take(hold).await;
    }

    async fn places(&mut self) {
        let (count, id) = (1 + self.throw(4), self.name());
        let want = Want::Best(Best::of(u32::try_from(count).unwrap()));
        let hold = self.hold(&id, &id, &format!("g{}", self.round), want);
        self.take(hold).await;
    }

    async fn take(&mut self, hold: Hold) {
        if let Ok(Done::Order(order)) = self.ask(Ask::Hold(hold)).await {
            self.say_held(&order);
            match self.throw(24) {
                0 => self.with_code(&order).await,
                1 => self.by_card(&order).await,
                _ => self.give_back(order.id.as_str(), order.person.as_str()).await,
            }
        }
    }

    fn say_held(&self, order: &Order) {
        let seats: Vec<String> = order.places.seats.iter().map(|seat| format!(" {seat}")).collect();
        self.say(&format!("held {}{}", order.id, seats.concat()));
    }

    async fn give_back(&self, id: &str, person: &str) {
        let (person, order) = (person.into(), id.into());
        if self.ask(Ask::Release { person, order }).await.is_ok() {
            self.say(&format!("over {id}"));
        }
    }

    async fn with_code(&mut self, order: &Order) {
        let check_out = CheckOut {
            person: order.person.clone(),
            order: order.id.clone(),
            name: "Ada".into(),
            code: Some(format!("C{}", self.round).into()),
            contact: Default::default(),
        };
        if self.ask(Ask::CheckOut(check_out)).await.is_ok() {
            self.say(&format!("code {}", order.id));
            // Some keep it for a while: the next is one too many.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.give_back(order.id.as_str(), order.person.as_str()).await;
    }

    async fn by_card(&self, order: &Order) {
        let (person, id) = (order.person.clone(), order.id.clone());
        let pay = Ask::Pay {
            person,
            order: id.clone(),
            method: Method::Card,
        };
        let Ok(Done::Charge(charged)) = self.ask(pay).await else {
            return;
        };
        let heard = |news| {
            let payment = Attempt::of(&charged);
            Ask::Payment(Heard { payment, news })
        };
        for news in [News::Authorised, News::Captured] {
            if self.ask(heard(news)).await.is_ok() {
                self.say(&format!("paid {id}"));
            }
        }
    }

    async fn wait(&mut self) {
        if self.waiting.len() > 2 {
            let id = self.waiting.remove(0);
            return self.give_back(&id, &id).await;
        }
        let id = self.name();
        let hold = self.hold(&id, &id, &format!("g{}", self.round), Want::Best(Best::of(2)));
        if self.ask(Ask::Wait(hold)).await.is_ok() {
            self.say(&format!("waits {id}"));
            self.waiting.push(id);
        }
    }

    async fn coupon(&mut self) {
        let (campaign, person) = (format!("c{}", self.round), format!("p{}", self.throw(PEOPLE)));
        let take = TakeCoupon {
            person: person.as_str().into(),
            campaign: campaign.as_str().into(),
            code: self.name().into(),
        };
        if let Ok(Done::Coupon { number, .. }) = self.ask(Ask::Coupon(take)).await {
            self.say(&format!("coupon {campaign} {person} {number}"));
        }
    }

    async fn vote(&mut self) {
        let (poll, person) = (format!("p{}", self.round), format!("p{}", self.throw(PEOPLE)));
        let ask = Ask::Vote {
            person: person.as_str().into(),
            poll: poll.as_str().into(),
            option: 1,
        };
        if self.ask(ask).await.is_ok() {
            self.say(&format!("vote {poll} {person}"));
        }
    }

    /// One request sent twice at once: one hold, the same answer to both.
    async fn same_key(&mut self) {
        let id = self.name();
        let command = |order: &str| Command {
            key: Some(Key {
                person: id.as_str().into(),
                key: "k".into(),
                fingerprint: "f".into(),
            }),
            ask: Ask::Hold(self.hold(&id, order, &format!("g{}", self.round), Want::Best(Best::of(1)))),
        };
        let again = format!("{id}-again");
        let (one, other) = tokio::join!(self.ask(command(&id)), self.ask(command(&again)));
        match (one, other) {
            (Ok(Done::Order(one)), Ok(Done::Order(other))) if one == other => {
                self.say_held(&one);
                self.give_back(one.id.as_str(), one.person.as_str()).await;
            }
            (Err(one), Err(other)) if one == other => {}
            (one, other) => self.say(&format!("BAD {one:?} {other:?}").replace('\n', " ")),
        }
    }

    /// 7 and 5 out of 10 at once: one of the two.
    async fn points(&mut self) {
        let person = self.name();
        let grant = Ask::Grant {
            person: person.as_str().into(),
            points: 10,
        };
        if self.ask(grant).await.is_ok() {
            self.say(&format!("granted {person}"));
        }
        let plenty = format!("x{}", self.round);
        let orders = [(format!("{person}-7"), 7), (format!("{person}-5"), 5)];
        for (order, count) in &orders {
            let hold = self.hold(&person, order, &plenty, Want::Best(Best::of(*count)));
            match self.ask(Ask::Hold(hold)).await {
                Ok(Done::Order(order)) => self.say_held(&order),
                _ => return,
            }
        }
        let pay = |order: &str| Ask::Pay {
            person: person.as_str().into(),
            order: order.into(),
            method: Method::Points,
        };
        let (seven, five) = tokio::join!(self.ask(pay(&orders[0].0)), self.ask(pay(&orders[1].0)));
        if seven.is_ok() == five.is_ok() {
            self.say(&format!("BAD points below nothing: {seven:?} {five:?}"));
        }
        for ((order, _), paid) in orders.iter().zip([seven, five]) {
            if paid.is_ok() {
                self.say(&format!("paid {order}"));
            } else {
                self.give_back(order, &person).await;
            }
        }
    }
}
