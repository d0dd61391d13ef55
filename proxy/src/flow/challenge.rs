//! At a room's door: what a newcomer is asked for before a place is given, and whether what they brought will do.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, header};
use stanchion_admission::challenge::{self, Demand, Fault, For, Judged, LIFE, Nonce, PIECES, Pressure, Price, ROUNDS};
use stanchion_admission::keys::KeyRing;
use stanchion_config::{Challenge, Enforcement};

use super::LineGate;
use super::cookies::{self, Kind};
use super::credentials::network;
use super::provenance::way_back;
use super::sites::Site;
use super::speak::{Said, nonce};
use crate::edge::gate::{Answer, Asked};
use crate::pages::{self, PageAsk, Task};

/// Apps send their answer in this.
pub static PROOF_HEADER: HeaderName = HeaderName::from_static("stanchion-proof");
/// Of several that are brought, so many are looked at.
const MAX_PROOFS: usize = 2;
/// Whoever waited, and has too many of the same network before them, comes again after this long.
const AFTER_OTHERS: Duration = Duration::from_secs(10);

/// A room's door.
pub struct Door {
    challenge: Challenge,
    pressure: Arc<Pressure>,
}

/// What is asked of a newcomer who did not bring it.
pub struct Asks {
    task: String,
    /// After so long the task counts as it is.
    wait: Duration,
}

/// A newcomer at a door.
struct Knock<'a> {
    site: &'a Site,
    from: &'a [u8],
    now_us: u64,
}

/// What something that was brought came to.
enum Proof {
    Enough(&'static str),
    NotYet(Duration),
    Used,
    Bad(Fault),
}

impl Door {
    #[must_use]
    pub fn new(challenge: Challenge) -> Door {
        let pressure = Arc::new(Pressure::new(challenge.rules, RandomState::new()));
        Door { challenge, pressure }
    }

    /// Goes on with what another door of the same rules has counted.
    pub fn count_on(&mut self, other: &Door) {
        if self.challenge.rules == other.challenge.rules {
            self.pressure = Arc::clone(&other.pressure);
        }
    }
}

impl LineGate {
    /// What a newcomer still has to bring; `None` where nothing is asked for, or they brought it.
    pub(super) async fn asks(&self, site: &Site, asked: &Asked<'_>) -> Option<Asks> {
        let Challenge { mode, .. } = site.door.challenge;
        if mode == Enforcement::Off {
            return None;
        }
        let from = network(asked.client);
        let knock = Knock {
            site,
            from: &from,
            now_us: self.now_us(),
        };
        let Demand::Pay(price) = site.door.pressure.demand(&from, knock.now_us) else {
            return None;
        };
        if mode == Enforcement::Observe {
            self.metrics.challenged(site.name.as_str(), "would-ask");
            return None;
        }
        self.paid_or_asked(&knock, price, asked).await
    }

    /// A place was given to a newcomer.
    pub(super) fn note_place(&self, site: &Site, asked: &Asked<'_>) {
        if site.door.challenge.mode != Enforcement::Off {
            site.door.pressure.place_given(&network(asked.client), self.now_us());
        }
    }

    async fn paid_or_asked(&self, knock: &Knock<'_>, price: Price, asked: &Asked<'_>) -> Option<Asks> {
        let room = knock.site.name.as_str();
        let keys = self.keys.load_full();
        let whom = For {
            room: &knock.site.name,
            network: keys.binding(knock.from),
        };
        let mut kept = None;
        for text in brought(knock.site, asked) {
            match self.proof(knock, &keys, &whom, text).await {
                Proof::Enough(how) => {
                    self.metrics.challenged(room, how);
                    return None;
                }
                Proof::NotYet(wait) => kept = task_of(text, wait),
                Proof::Used => self.metrics.challenged(room, "used"),
                Proof::Bad(fault) => self.metrics.challenged(room, fault.label()),
            }
        }
        self.metrics.challenged(room, "asked");
        Some(kept.unwrap_or_else(|| Asks {
            task: challenge::issue(&keys, &whom, price, fresh_nonce(), self.now()),
            wait: price.patience,
        }))
    }

    /// Every answer is marked as used before it is looked into: a wrong one costs its sender the task, and us no second
    /// look.
    async fn proof(&self, knock: &Knock<'_>, keys: &KeyRing, whom: &For<'_>, text: &str) -> Proof {
        let room = &knock.site.name;
        let read = match challenge::read(keys, whom, text, self.now()) {
            Ok(read) => read,
            Err(fault) => return Proof::Bad(fault),
        };
        let nonce = read.nonce();
        if read.is_answered() && !self.agent.pay_here(room, nonce) {
            return Proof::Used;
        }
        match read.judge() {
            Ok(Judged::Worked) if self.agent.pay(room, nonce).await => Proof::Enough("worked"),
            Ok(Judged::Worked) => Proof::Used,
            Ok(Judged::TooSoon(left)) => Proof::NotYet(left),
            Ok(Judged::Waited) => self.waited(knock, nonce).await,
            Err(fault) => Proof::Bad(fault),
        }
    }

    async fn waited(&self, knock: &Knock<'_>, nonce: Nonce) -> Proof {
        let (room, pressure) = (&knock.site.name, &knock.site.door.pressure);
        if !pressure.waiter_may_pass(knock.from, knock.now_us, false) {
            return Proof::NotYet(AFTER_OTHERS);
        }
        if !(self.agent.pay_here(room, nonce) && self.agent.pay(room, nonce).await) {
            return Proof::Used;
        }
        // Two at one moment may both pass: a price, not a count.
        let _ = pressure.waiter_may_pass(knock.from, knock.now_us, true);
        Proof::Enough("waited")
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Said<'_> {
    /// The page with the task, or the task for a program.
    pub(super) fn asking(&self, asks: &Asks, asked: &Asked<'_>, keep_page: bool) -> Answer {
        let names = self.site.names(self.tls);
        let task = Task {
            task: &asks.task,
            tries: challenge::tries_of(&asks.task).unwrap_or(1),
            rounds: ROUNDS,
            pieces: PIECES,
            wait: asks.wait,
            cookie: names.name(Kind::Proof),
            attributes: &names.attributes(LIFE),
        };
        let page_nonce = nonce();
        let ask = PageAsk::new(asked.method, &page_nonce, "/", &self.site.dress);
        let ask = if keep_page {
            ask.with_headers(asked.headers)
        } else {
            ask
        };
        let ask = ask
            .leading_back(way_back(asked.host, asked.headers))
            .at(asked.path, asked.query);
        let mut answer = pages::challenge(&task, &ask);
        let cookie = names.set(Kind::Proof, &asks.task, LIFE);
        answer.headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        answer
    }
}

fn brought<'a>(site: &'a Site, asked: &'a Asked<'_>) -> impl Iterator<Item = &'a str> {
    let names = site.names(asked.tls);
    let field = asked.headers.get(&PROOF_HEADER).and_then(|value| value.to_str().ok());
    let cookies = cookies::values(asked.headers, names.name(Kind::Proof));
    field
        .into_iter()
        .chain(cookies)
        .filter(|text| !text.is_empty())
        .take(MAX_PROOFS)
}

/// A task without its answer, to be waited for.
fn task_of(text: &str, wait: Duration) -> Option<Asks> {
    let task = text.split('.').next()?.to_owned();
    Some(Asks { task, wait })
}

fn fresh_nonce() -> Nonce {
    let mut nonce = Nonce::default();
    // Without randomness a task may be like another, and then only one of the two counts.
    let _ = getrandom::fill(&mut nonce);
    nonce
}
