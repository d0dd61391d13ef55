//! Who may use the admin plane: peers in the allowed networks, with the bearer token. The token is read from the
//! `Authorization` header and nowhere else; every wrong one counts against its network.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use parking_lot::Mutex;

use super::attempts::{Attempts, Network};
use super::listener::Peer;
use super::problem::Problem;
use super::state::Admin;
use super::token::TokenHash;
use crate::edge::Hosts;

/// The door of the admin plane.
pub struct Door {
    token: TokenHash,
    /// Empty: anybody who can reach the address.
    allow: Vec<IpNet>,
    pub(super) names: Hosts,
    attempts: Mutex<Attempts>,
    began: Instant,
}

/// What was shown at the door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown<'a> {
    Token(&'a str),
    Nothing,
    /// Something else than one bearer token.
    Nonsense,
}

impl Door {
    #[must_use]
    pub fn new(token: TokenHash, allow: Vec<IpNet>) -> Door {
        Door {
            token,
            allow,
            names: Hosts::from_patterns([]),
            attempts: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// Names under which it answers, besides `localhost` and addresses: exact ones, or `*.example.org`.
    #[must_use]
    pub fn named(self, names: &[String]) -> Door {
        let names = Hosts::from_patterns(names.iter().map(String::as_str).filter(|name| *name != "*"));
        Door { names, ..self }
    }

    fn may_connect(&self, peer: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// The right token always opens: whoever guesses must not lock the operator out. It has 256 random bits, so that
    /// what the pause slows down is not the finding of it but the noise.
    fn judge(&self, peer: IpAddr, headers: &HeaderMap) -> Judged {
        let (network, now) = (Network::of(peer), self.began.elapsed());
        match shown(headers) {
            Shown::Token(token) if self.token.matches(token) => return Judged::Welcome,
            Shown::Nothing => return Judged::Nameless,
            Shown::Token(_) | Shown::Nonsense => {}
        }
        let mut attempts = self.attempts.lock();
        match attempts.shut_out(network, now) {
            Some(wait) => Judged::ShutOut(wait),
            None => {
                attempts.note_wrong(network, now);
                Judged::Wrong
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Judged {
    Welcome,
    /// No token at all: no guess either.
    Nameless,
    Wrong,
    ShutOut(Duration),
}

fn shown(headers: &HeaderMap) -> Shown<'_> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return if headers.contains_key(header::AUTHORIZATION) {
            Shown::Nonsense
        } else {
            Shown::Nothing
        };
    };
    let Some((scheme, token)) = field.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return Shown::Nonsense;
    };
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ') {
        Shown::Token(token)
    } else {
        Shown::Nonsense
    }
}

/// Everything but health and the empty page asks for the token.
pub async fn require_token(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match admin.door.judge(peer.ip(), request.headers()) {
        Judged::Welcome => next.run(request).await,
        Judged::Nameless => Problem::unauthorized().into_response(),
        Judged::Wrong => {
            admin.metrics.admin_token_refused();
            tracing::warn!(network = %Network::of(peer.ip()), "admin: wrong token");
            Problem::unauthorized().into_response()
        }
        Judged::ShutOut(wait) => shut_out(wait).into_response(),
    }
}

fn shut_out(wait: Duration) -> Problem {
    let detail = "too many wrong tokens from this network";
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-attempts",
        "Shut out for a while",
        detail,
    )
    .retry_after(wait)
}

/// Peers outside of the allowed networks get nothing at all.
pub async fn require_peer(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if admin.door.may_connect(peer.ip()) {
        return next.run(request).await;
    }
    let detail = "this address may not use the admin listener (admin.allow)";
    Problem::new(StatusCode::FORBIDDEN, "not-allowed", "Not from here", detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const TOKEN: &str = "the-right-token-of-this-test";

    fn headers(values: &[&str]) -> HeaderMap {
        let pairs = values
            .iter()
            .map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        pairs.collect()
    }

    fn judged(door: &Door, peer: &str, values: &[&str]) -> Judged {
        door.judge(peer.parse().unwrap(), &headers(values))
    }

    #[test]
    fn a1_only_one_bearer_token_opens() {
        for (values, expected) in [
            (vec![], Judged::Nameless),
            (vec!["Bearer the-right-token-of-this-test"], Judged::Welcome),
            (vec!["bearer the-right-token-of-this-test"], Judged::Welcome),
            (vec!["Bearer  the-right-token-of-this-test"], Judged::Wrong),
            (vec!["Bearer the-right-token-of-this-test "], Judged::Wrong),
            (vec!["Bearer the-right-token-of-this-tesT"], Judged::Wrong),
            (vec!["Bearer "], Judged::Wrong),
            (vec!["Bearer"], Judged::Wrong),
            (vec!["Basic dGhlOnJpZ2h0"], Judged::Wrong),
            (vec!["the-right-token-of-this-test"], Judged::Wrong),
            (
                vec!["Bearer the-right-token-of-this-test", "Bearer other"],
                Judged::Wrong,
            ),
        ] {
            let door = Door::new(TokenHash::of(TOKEN), vec![]);
            assert_eq!(judged(&door, "192.0.2.1", &values), expected, "{values:?}");
        }
    }

    /// A2: the sixth wrong token of a network within a minute is told to wait; the right one always opens, and a missing
    /// one is no try.
    #[test]
    fn a2_guessing_shuts_the_guesser_out_and_nobody_else() {
        let door = Door::new(TokenHash::of(TOKEN), vec![]);
        let right = "Bearer the-right-token-of-this-test";
        for _ in 0..20 {
            assert_eq!(judged(&door, "192.0.2.1", &[]), Judged::Nameless);
        }
        for _ in 0..5 {
            assert_eq!(judged(&door, "192.0.2.1", &["Bearer wrong"]), Judged::Wrong);
        }
        let again = judged(&door, "192.0.2.99", &["Bearer wrong"]);
        assert!(matches!(again, Judged::ShutOut(_)), "same network: {again:?}");
        for peer in ["192.0.2.1", "192.0.2.99", "198.51.100.1"] {
            assert_eq!(judged(&door, peer, &[right]), Judged::Welcome, "{peer}");
        }
        assert_eq!(judged(&door, "192.0.2.1", &[]), Judged::Nameless);
        assert_eq!(
            judged(&door, "198.51.100.1", &["Bearer wrong"]),
            Judged::Wrong,
            "another network"
        );
    }

    #[test]
    fn only_allowed_networks_connect() {
        let open = Door::new(TokenHash::of(TOKEN), vec![]);
        assert!(open.may_connect("203.0.113.9".parse().unwrap()));
        let door = Door::new(TokenHash::of(TOKEN), vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(door.may_connect("10.1.2.3".parse().unwrap()));
        assert!(door.may_connect("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!door.may_connect("203.0.113.9".parse().unwrap()));
    }
}
