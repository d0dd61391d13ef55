//! A request's way through the line: credentials, room, admission, answer. Implements the edge's [`Gate`]; what it
//! decides comes from `stanchion-admission`, what it says from `pages`. Knows no sockets.

mod arrive;
pub mod challenge;
pub mod cookies;
pub mod credentials;
pub mod limits;
mod own;
mod provenance;
pub mod rooms;
pub mod sites;
mod speak;

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use stanchion_admission::clock::Clock;
use stanchion_admission::edge::agent::{Agent, Status, Touch};
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::keys::KeyRing;
use stanchion_admission::pass::{self, PassCache, PassContext};
use stanchion_admission::store::{End, Session};
use stanchion_geo::Whereabouts;

use crate::edge::gate::{Answer, Asked, Forward, Gate, Hold, OriginCommand, SessionKey, Verdict};
use crate::metrics::Metrics;
use crate::pages::view::Notice;

use challenge::Asks;
use credentials::{Credentials, Reader};
use limits::{Limits, Outcome, Sender};
use sites::{Site, Sites, Way};
use speak::{Said, Waits};

/// Everything under it is the edge's own.
pub const RESERVED: &str = "/.well-known/stanchion/";

/// The gate in front of the origins.
pub struct LineGate {
    pub sites: ArcSwap<Sites>,
    pub limits: ArcSwap<Limits>,
    pub keys: ArcSwap<KeyRing>,
    pub agent: Arc<Agent>,
    pub passes: PassCache,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub places: Arc<dyn Places>,
    /// `iss` of every pass.
    pub issuer: String,
    pub region: Option<String>,
}

/// Where an address is, for the log, the metrics and the pass's `rgn`.
pub trait Places: Send + Sync + 'static {
    fn whereabouts(&self, client: std::net::IpAddr) -> Whereabouts;
}

/// What became of a request in its room.
enum Decided {
    Inside(Entry),
    Waits(Waits),
    /// Nobody yet: a new place has a price.
    Asked(Asks),
}

/// The right to go in, and what the client does not have of it yet.
pub(crate) struct Entry {
    pub session: Session,
    pub token: String,
    pub tell: Tell,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tell {
    Nothing,
    Pass,
    /// Let in without having waited with this place: the ticket lets a lost pass be claimed again.
    PassAndTicket,
}

#[async_trait]
impl Gate for LineGate {
    async fn decide(&self, asked: &Asked<'_>) -> Verdict {
        let sites = self.sites.load_full();
        if let Some(rest) = asked.path.strip_prefix(RESERVED) {
            return Verdict::Answer(self.own(&sites, rest, asked).await);
        }
        match sites.way(asked.host, asked.path) {
            Way::Protected(site) => self.protected(&sites, site, asked).await,
            Way::Through(site) => match self.limited(asked, None).await {
                Ok(hold) => Verdict::Forward(Forward {
                    origin: site.origin.clone(),
                    strip_cookies: sites.cookie_names(asked.tls).clone(),
                    allow_upgrade: site.upgrades.websocket,
                    allow_event_stream: site.upgrades.sse,
                    hold,
                    ..Forward::default()
                }),
                Err(refused) => Verdict::Answer(refused),
            },
            Way::UnknownHost => {
                let reason = "This server does not serve that host name.";
                Verdict::Answer(self.refusal(Some(asked), StatusCode::MISDIRECTED_REQUEST, reason))
            }
        }
    }

    async fn command(&self, key: &SessionKey, command: OriginCommand) -> Vec<HeaderValue> {
        let sites = self.sites.load_full();
        let Some(site) = sites.room(&key.room) else {
            return Vec::new();
        };
        let place = Place {
            stamp: Stamp(key.stamp),
            visitor: VisitorId(key.visitor),
        };
        self.end(site, place, command).await;
        speak::forget(site, key.tls)
    }

    async fn command_by_pass(&self, text: &str, command: OriginCommand) -> bool {
        let sites = self.sites.load_full();
        let Some(site) = credentials::room_named_in(text).and_then(|room| sites.room(&room)) else {
            return false;
        };
        let Ok(pass) = self.passes.verify(&self.keys.load(), &site.name, text, self.now()) else {
            return false;
        };
        self.end(site, pass.place, command).await;
        true
    }

    fn refusal(&self, asked: Option<&Asked<'_>>, status: StatusCode, reason: &str) -> Answer {
        speak::refusal(asked, status, reason)
    }
}

impl LineGate {
    async fn end(&self, site: &Site, place: Place, command: OriginCommand) {
        let how = match command {
            OriginCommand::Release => End::Released,
            OriginCommand::Revoke => End::Revoked,
        };
        self.agent.end(&site.name, place, how).await;
        self.metrics.session_ended(site.name.as_str(), how);
    }

    async fn protected(&self, sites: &Sites, site: &Site, asked: &Asked<'_>) -> Verdict {
        let brought = self.read(site, asked);
        let by_header = brought.by_header;
        match self.decide_room(site, brought, asked).await {
            Decided::Inside(entry) => {
                let said = Said {
                    site,
                    tls: asked.tls,
                    by_header,
                };
                let (set_cookies, response_headers) = self.told(&said, &entry, asked);
                let hold = match self.limited(asked, Some(entry.session.place.visitor)).await {
                    Ok(hold) => hold,
                    Err(mut refused) => {
                        let cookies = set_cookies.into_iter().map(|cookie| (SET_COOKIE, cookie));
                        refused.headers.extend(cookies.chain(response_headers));
                        return Verdict::Answer(refused);
                    }
                };
                Verdict::Forward(Forward {
                    origin: site.origin.clone(),
                    strip_cookies: sites.cookie_names(asked.tls).clone(),
                    set_cookies,
                    response_headers,
                    pass: HeaderValue::from_maybe_shared(Bytes::from(entry.token)).ok(),
                    allow_upgrade: site.upgrades.websocket,
                    allow_event_stream: site.upgrades.sse,
                    session: Some(SessionKey {
                        room: site.name.shared(),
                        visitor: entry.session.place.visitor.0,
                        stamp: entry.session.place.stamp.0,
                        tls: asked.tls,
                    }),
                    hold,
                })
            }
            Decided::Waits(waits) => {
                self.metrics.waiting_answer(site.name.as_str());
                let said = Said {
                    site,
                    tls: asked.tls,
                    by_header,
                };
                Verdict::Answer(said.waiting(&waits, asked, &self.keys.load(), self.now()))
            }
            Decided::Asked(asks) => {
                let said = Said {
                    site,
                    tls: asked.tls,
                    by_header,
                };
                Verdict::Answer(said.asking(&asks, asked, true))
            }
        }
    }

    /// What goes with the answer to somebody who is inside.
    fn told(&self, said: &Said<'_>, entry: &Entry, asked: &Asked<'_>) -> speak::Told {
        if entry.tell == Tell::Nothing {
            return speak::Told::default();
        }
        let binding = self.binding(said.site, asked);
        said.entry(entry, binding, &self.keys.load(), self.now())
    }

    /// Whether the configured limits let a request go on; if they do, perhaps after a while.
    async fn limited(&self, asked: &Asked<'_>, visitor: Option<VisitorId>) -> Result<Option<Hold>, Answer> {
        if self.limits.load().is_empty() {
            return Ok(None);
        }
        // A reload meanwhile changes nothing for this request.
        let limits = self.limits.load_full();
        let sender = Sender {
            visitor,
            whereabouts: &|client| self.places.whereabouts(client),
        };
        let judged = limits.judge(asked, &sender, self.clock.monotonic()).await;
        for decision in &judged.decisions {
            self.metrics.limit_decided(decision.limit, decision.said);
        }
        let outcome = judged.outcome;
        match outcome {
            Outcome::Go { delay, hold } => {
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                Ok(hold.map(|permit| Box::new(permit) as Hold))
            }
            Outcome::Refused(answer) => Err(answer),
        }
    }

    /// The decision about one request in one room, whichever way the answer is then given.
    async fn decide_room(&self, site: &Site, brought: Credentials, asked: &Asked<'_>) -> Decided {
        let notice = brought.broken_ticket.then_some(Notice::TicketReplaced);
        let seen = brought.seen;
        let place = brought.ticket.as_ref().map(|(_, ticket)| ticket.place);
        if let Some((token, pass)) = brought.pass {
            match self.agent.touch(&site.name, pass.session()) {
                Touch::Fine(session) => return self.go_on(site, session, token, pass.issued_at, asked),
                Touch::Ended => return self.arrive(site, Some(pass.place), seen, notice, asked).await,
            }
        }
        if let Some(place) = place
            && let Status::Waiting(facts) = self.agent.status(&site.name, place, seen)
        {
            return Decided::Waits(Waits::Known { place, facts, notice });
        }
        self.arrive(site, place, seen, notice, asked).await
    }

    /// A pass that verified: as it is, or renewed when half of its life is over.
    fn go_on(&self, site: &Site, session: Session, token: String, issued_at: Stamp, asked: &Asked<'_>) -> Decided {
        let now = self.now();
        let kept = |token| Entry {
            session,
            token,
            tell: Tell::Nothing,
        };
        if now.since(issued_at) < site.pass_life() / 2 {
            return Decided::Inside(kept(token));
        }
        match self.sign(site, &session, asked) {
            Ok(renewal) if renewal != token => Decided::Inside(Entry {
                session,
                token: renewal,
                tell: Tell::Pass,
            }),
            _ => Decided::Inside(kept(token)),
        }
    }

    fn note_admission(&self, site: &Site, session: &Session, asked: &Asked<'_>) {
        let from = self.places.whereabouts(asked.client);
        self.metrics.admitted(site.name.as_str(), country(&from));
        tracing::info!(
            room = %site.name,
            visitor = %session.place.visitor,
            country = country(&from),
            network = from.network,
            request_id = asked.request_id,
            "let in"
        );
    }

    fn binding(&self, site: &Site, asked: &Asked<'_>) -> Option<[u8; 16]> {
        credentials::binding(&self.keys.load(), site.bind, asked.client)
    }

    fn sign(&self, site: &Site, session: &Session, asked: &Asked<'_>) -> Result<String, pass::IssueFault> {
        let from = self.places.whereabouts(asked.client);
        let context = PassContext {
            issuer: &self.issuer,
            region: country(&from).or(self.region.as_deref()),
            queue_position: None,
            ttl: site.policy.session_ttl,
        };
        pass::issue(&self.keys.load(), &site.name, session, &context, self.now())
    }

    fn read(&self, site: &Site, asked: &Asked<'_>) -> Credentials {
        let keys = self.keys.load();
        let reader = Reader {
            keys: &keys,
            passes: &self.passes,
            now: self.now(),
        };
        reader.read(site, asked.headers, asked.client, asked.tls)
    }

    fn now(&self) -> Stamp {
        self.clock.wall()
    }
}

/// The country's code, where it is known.
fn country(from: &Whereabouts) -> Option<&str> {
    from.country.as_ref().and_then(|code| std::str::from_utf8(code).ok())
}
