//! The edge's own addresses below `/.well-known/stanchion/`: the public keys, the status of a place, leaving.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use stanchion_admission::store::{End, RoomState};

use super::credentials::Credentials;
use super::provenance::same_site;
use super::sites::{Site, Sites};
use super::speak::{self, Said};
use super::{Decided, LineGate};
use crate::edge::gate::{Answer, Asked};
use crate::pages;

enum Own<'a> {
    Jwks,
    Status(&'a str),
    Leave(&'a str),
    Unknown,
}

fn parse(rest: &str) -> Own<'_> {
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["jwks.json"] => Own::Jwks,
        ["rooms", room, "status"] => Own::Status(room),
        ["rooms", room, "leave"] => Own::Leave(room),
        _ => Own::Unknown,
    }
}

impl LineGate {
    pub(super) async fn own(&self, sites: &Sites, rest: &str, asked: &Asked<'_>) -> Answer {
        match parse(rest) {
            Own::Jwks if is_get(asked.method) => self.jwks(),
            Own::Status(room) if is_get(asked.method) => match sites.room(room) {
                Some(site) => self.status(site, asked).await,
                None => speak::refusal(Some(asked), StatusCode::NOT_FOUND, "There is no room of that name."),
            },
            Own::Leave(room) if asked.method == Method::POST => match sites.room(room) {
                Some(site) => self.leave(site, asked).await,
                None => speak::refusal(Some(asked), StatusCode::NOT_FOUND, "There is no room of that name."),
            },
            Own::Jwks | Own::Status(_) => not_allowed(asked, "GET, HEAD"),
            Own::Leave(_) => not_allowed(asked, "POST"),
            Own::Unknown => speak::refusal(
                Some(asked),
                StatusCode::NOT_FOUND,
                "Stanchion has nothing at this address.",
            ),
        }
    }

    /// The only cacheable answer of ours (H14).
    fn jwks(&self) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/jwk-set+json"),
        );
        let caching = "public, max-age=300, stale-if-error=86400";
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let body = self.keys.load().jwks(self.now()).to_string().into();
        Answer {
            status: StatusCode::OK,
            headers,
            body,
            close: false,
        }
    }

    async fn status(&self, site: &Site, asked: &Asked<'_>) -> Answer {
        let brought = self.read(site, asked);
        let said = Said {
            site,
            tls: asked.tls,
            by_header: brought.by_header,
        };
        match self.decide_room(site, brought, asked).await {
            Decided::Inside(entry) => {
                let arrived = Some(entry.session.place.stamp);
                let mut answer = pages::status_admitted(site.name.as_str(), self.room_state(site), arrived);
                let (cookies, fields) = self.told(&said, &entry, asked);
                for cookie in cookies {
                    answer.headers.append(header::SET_COOKIE, cookie);
                }
                for (name, value) in fields {
                    answer.headers.append(name, value);
                }
                answer
            }
            Decided::Asked(asks) => said.asking(&asks, asked, false),
            Decided::Waits(waits) => {
                self.metrics.status_poll(site.name.as_str());
                said.status(&waits, &self.keys.load(), self.now())
            }
        }
    }

    /// Gives the place or the session back. Only from a page of the same site (T7).
    async fn leave(&self, site: &Site, asked: &Asked<'_>) -> Answer {
        if !same_site(asked.host, asked.headers) {
            return speak::refusal(
                Some(asked),
                StatusCode::FORBIDDEN,
                "Only this site's own pages may do that.",
            );
        }
        let Credentials { pass, ticket, .. } = self.read(site, asked);
        match (pass, ticket) {
            (Some((_, pass)), _) => self.agent.end(&site.name, pass.place, End::Released).await,
            // A ticket says that somebody waited, not that they were inside.
            (None, Some((_, ticket))) => self.agent.leave(&site.name, ticket.place).await,
            (None, None) => {}
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in speak::forget(site, asked.tls) {
            headers.append(header::SET_COOKIE, cookie);
        }
        Answer {
            status: StatusCode::NO_CONTENT,
            headers,
            body: bytes::Bytes::new(),
            close: false,
        }
    }

    fn room_state(&self, site: &Site) -> RoomState {
        self.agent
            .snapshot(&site.name)
            .map_or(RoomState::Open, |(snapshot, _)| snapshot.state)
    }
}

fn is_get(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn not_allowed(asked: &Asked<'_>, allow: &'static str) -> Answer {
    let reason = format!("This address answers {allow} only.");
    let mut answer = speak::refusal(Some(asked), StatusCode::METHOD_NOT_ALLOWED, &reason);
    answer.headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}
