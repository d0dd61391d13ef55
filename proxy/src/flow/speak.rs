//! From what was decided to an answer: the visitor's situation as one value, the page or document around it, and
//! the cookies that go with it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use stanchion_admission::edge::agent::WaitFacts;
use stanchion_admission::ids::{Place, Stamp};
use stanchion_admission::keys::KeyRing;
use stanchion_admission::store::RoomState;
use stanchion_admission::ticket::{self, Ticket};

use super::cookies::{Kind, TICKET_LIFE};
use super::credentials::{PASS_HEADER, TICKET_HEADER};
use super::provenance::way_back;
use super::sites::Site;
use super::{Entry, RESERVED, Tell};
use crate::edge::gate::{Answer, Asked};
use crate::pages::view::{Notice, WaitView};
use crate::pages::{self, Dress, PageAsk};

/// Somebody who does not get in now.
pub enum Waits {
    /// Holds a ticket already.
    Known {
        place: Place,
        facts: WaitFacts,
        notice: Option<Notice>,
    },
    /// Gets this place as a ticket now.
    New {
        place: Place,
        binding: Option<[u8; 16]>,
        facts: WaitFacts,
        notice: Option<Notice>,
    },
    /// No place can be given.
    Refused { closed: bool, retry_after: Duration },
    /// Let in, but the pass could not be made: come again.
    Unable,
}

/// Cookies, and other fields, to go with an answer.
pub(super) type Told = (Vec<HeaderValue>, Vec<(HeaderName, HeaderValue)>);

/// How to speak to this client.
pub struct Said<'a> {
    pub site: &'a Site,
    pub tls: bool,
    pub by_header: bool,
}

impl Said<'_> {
    /// The answer on a protected path.
    #[must_use]
    pub fn waiting(&self, waits: &Waits, asked: &Asked<'_>, keys: &KeyRing, now: Stamp) -> Answer {
        let view = self.view(waits, now);
        let nonce = nonce();
        let status_url = format!("{RESERVED}rooms/{}/status", self.site.name);
        let ask = PageAsk::new(asked.method, &nonce, &status_url, &self.site.dress).with_headers(asked.headers);
        let ask = ask
            .leading_back(way_back(asked.host, asked.headers))
            .at(asked.path, asked.query);
        let (mut answer, problem) = pages::answer_or_problem(&view, &ask);
        if let Some(problem) = problem {
            tracing::warn!(room = %self.site.name, %problem, "the room's template failed; the built-in page stands in");
        }
        if matches!(waits, Waits::Refused { .. } | Waits::Unable) && answer.status == StatusCode::OK {
            answer.status = StatusCode::SERVICE_UNAVAILABLE;
        }
        self.add_ticket(&mut answer.headers, waits, keys, now);
        answer
    }

    /// The answer of the status address.
    #[must_use]
    pub fn status(&self, waits: &Waits, keys: &KeyRing, now: Stamp) -> Answer {
        let mut answer = pages::status_waiting(&self.view(waits, now));
        self.add_ticket(&mut answer.headers, waits, keys, now);
        answer
    }

    fn view(&self, waits: &Waits, now: Stamp) -> WaitView {
        match waits {
            Waits::Known { place, facts, notice }
            | Waits::New {
                place, facts, notice, ..
            } => self.situation(Some(*place), facts, *notice),
            Waits::Refused { closed, retry_after } => {
                let state = if *closed { RoomState::Closed } else { RoomState::Full };
                let notice = (!closed).then_some(Notice::LineFull);
                self.without_place(state, notice, *retry_after, now)
            }
            Waits::Unable => self.without_place(RoomState::Recovering, None, Duration::from_secs(5), now),
        }
    }

    fn situation(&self, place: Option<Place>, facts: &WaitFacts, notice: Option<Notice>) -> WaitView {
        let own_message = || self.site.message.clone();
        WaitView {
            room: self.site.name.as_str().to_owned(),
            state: facts.state,
            position: facts.position,
            waiting: facts.waiting,
            wait_seconds: facts.wait.map(|wait| (wait.low_s, wait.high_s)),
            refresh_ms: u64::try_from(facts.refresh.as_millis()).unwrap_or(u64::MAX),
            arrived_at: place.map(|place| place.stamp),
            now: facts.now,
            stale: facts.stale,
            opens_at: facts.opens_at,
            paused_reason: facts.paused_reason.as_deref().map(str::to_owned),
            message: facts.message.as_deref().map(str::to_owned).or_else(own_message),
            notice,
        }
    }

    fn without_place(&self, state: RoomState, notice: Option<Notice>, again: Duration, now: Stamp) -> WaitView {
        WaitView {
            room: self.site.name.as_str().to_owned(),
            state,
            position: None,
            waiting: None,
            wait_seconds: None,
            refresh_ms: u64::try_from(again.as_millis()).unwrap_or(u64::MAX),
            arrived_at: None,
            now,
            stale: false,
            opens_at: None,
            paused_reason: None,
            message: self.site.message.clone(),
            notice,
        }
    }

    /// A new place's ticket, and what the visitor is shown now.
    fn add_ticket(&self, headers: &mut HeaderMap, waits: &Waits, keys: &KeyRing, now: Stamp) {
        let names = self.site.names(self.tls);
        if let Waits::New { place, binding, .. } = waits {
            let room = self.site.name.clone();
            let sealed = ticket::seal(
                keys,
                &Ticket {
                    room,
                    place: *place,
                    binding: *binding,
                },
                now,
            );
            append(
                headers,
                header::SET_COOKIE,
                names.set(Kind::Ticket, &sealed, TICKET_LIFE),
            );
            append(headers, header::SET_COOKIE, names.clear(Kind::Pass));
            if self.by_header {
                append(headers, TICKET_HEADER.clone(), HeaderValue::from_str(&sealed).ok());
            }
        }
        if let Waits::Known { facts, .. } | Waits::New { facts, .. } = waits {
            append(
                headers,
                header::SET_COOKIE,
                names.set(Kind::Seen, &facts.seen.to_string(), TICKET_LIFE),
            );
        }
    }

    /// What tells somebody that they are inside now: cookies, and header fields for a client that speaks in them.
    pub(super) fn entry(&self, entry: &Entry, binding: Option<[u8; 16]>, keys: &KeyRing, now: Stamp) -> Told {
        let names = self.site.names(self.tls);
        let mut cookies = Vec::new();
        cookies.extend(names.set(Kind::Pass, &entry.token, self.site.pass_life()));
        cookies.extend(names.clear(Kind::Seen));
        if entry.tell == Tell::PassAndTicket {
            let ticket = Ticket {
                room: self.site.name.clone(),
                place: entry.session.place,
                binding,
            };
            cookies.extend(names.set(Kind::Ticket, &ticket::seal(keys, &ticket, now), TICKET_LIFE));
        }
        let field = self
            .by_header
            .then(|| HeaderValue::from_str(&entry.token).ok())
            .flatten();
        let fields = field.map(|value| (PASS_HEADER.clone(), value));
        (cookies, fields.into_iter().collect())
    }
}

/// Cookies that end a place and a session in the browser.
#[must_use]
pub fn forget(site: &Site, tls: bool) -> Vec<HeaderValue> {
    let names = site.names(tls);
    [Kind::Pass, Kind::Ticket, Kind::Seen]
        .into_iter()
        .filter_map(|kind| names.clear(kind))
        .collect()
}

/// The page or problem document for a request that cannot be served.
#[must_use]
pub fn refusal(asked: Option<&Asked<'_>>, status: StatusCode, reason: &str) -> Answer {
    let dress = Dress::titled("");
    let nonce = nonce();
    let ask = match asked {
        Some(asked) => PageAsk::new(asked.method, &nonce, "/", &dress).with_headers(asked.headers),
        None => PageAsk::new(&Method::GET, &nonce, "/", &dress),
    };
    let again = matches!(status.as_u16(), 502..=504).then_some(5);
    pages::refusal(status, reason, again, &ask)
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.append(name, value);
    }
}

/// 144 random bits for a page's Content-Security-Policy; none where the system has none to give, and then the page
/// goes without its script.
pub(super) fn nonce() -> String {
    let mut bytes = [0; 18];
    match getrandom::fill(&mut bytes) {
        Ok(()) => STANDARD.encode(bytes),
        Err(_) => String::new(),
    }
}
