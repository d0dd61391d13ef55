//! Whether somebody is the organiser: the token of the configuration, or a session that was begun with it. Wrong tokens
//! are counted; after too many in a minute the next ones hear so. The right one is always good, whatever others try.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::Site;
use super::problem::{Problem, refuse};
use crate::letters::in_letters;

/// Wrong tokens in a minute that are answered as such.
pub(super) const MAX_WRONG: u32 = 5;
const WINDOW_MS: u64 = 60_000;
/// How long a session lasts.
pub(super) const SESSION_S: u64 = 12 * 3_600;
pub(super) const COOKIE: &str = "stanchion-organiser";

pub(super) struct Keeper {
    tokens: Tokens,
    wrong: Mutex<Wrong>,
}

#[derive(Default)]
struct Wrong {
    since_ms: u64,
    count: u32,
}

/// The tokens of the configuration.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    pub(crate) organiser: Option<String>,
    /// Good for check-ins alone.
    pub(crate) door: Option<String>,
}

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    Organiser,
    /// The organiser may do it too.
    Door,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Denied {
    Wrong,
    /// A good token, for something else.
    OtherScope,
    /// And so were many others; come back after this.
    TooMany {
        after_s: u64,
    },
}

impl Keeper {
    pub(super) fn new(tokens: Tokens) -> Keeper {
        let wrong = Mutex::default();
        Keeper { tokens, wrong }
    }

    pub(super) fn check(&self, given: Option<&str>, scope: Scope, now_ms: u64) -> Result<(), Denied> {
        // Nobody tried anything.
        let given = given.ok_or(Denied::Wrong)?;
        // Digests are compared, so that the time it takes tells nothing about the token.
        let given = Sha256::digest(given);
        let is = |known: &Option<String>| known.as_ref().is_some_and(|known| Sha256::digest(known) == given);
        let (organiser, door) = (is(&self.tokens.organiser), is(&self.tokens.door));
        match (organiser, door, scope) {
            (true, _, _) | (_, true, Scope::Door) => Ok(()),
            (false, true, Scope::Organiser) => Err(Denied::OtherScope),
            (false, false, _) => Err(self.count(now_ms)),
        }
    }

    fn count(&self, now_ms: u64) -> Denied {
        let mut wrong = self.wrong.lock();
        if now_ms.saturating_sub(wrong.since_ms) >= WINDOW_MS {
            *wrong = Wrong {
                since_ms: now_ms,
                count: 0,
            };
        }
        wrong.count = wrong.count.saturating_add(1);
        if wrong.count == MAX_WRONG {
            tracing::warn!("wrong tokens were given {MAX_WRONG} times within a minute");
        }
        match wrong.count > MAX_WRONG {
            true => Denied::TooMany {
                after_s: (wrong.since_ms + WINDOW_MS)
                    .saturating_sub(now_ms)
                    .div_ceil(1_000)
                    .max(1),
            },
            false => Denied::Wrong,
        }
    }

    /// The value of a session's cookie. Nothing is remembered here; with another token it is worth nothing.
    pub(super) fn session(&self, now_s: u64) -> Option<String> {
        let until_s = now_s + SESSION_S;
        Some(format!("{until_s}.{}", self.seal(until_s)?))
    }

    pub(super) fn is_session(&self, value: &str, now_s: u64) -> bool {
        let until_s = value
            .split_once('.')
            .and_then(|(until_s, _)| until_s.parse::<u64>().ok());
        let Some(until_s) = until_s.filter(|until_s| *until_s > now_s) else {
            return false;
        };
        let wanted = self.seal(until_s).map(|seal| format!("{until_s}.{seal}"));
        wanted.is_some_and(|wanted| Sha256::digest(wanted) == Sha256::digest(value))
    }

    fn seal(&self, until_s: u64) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.tokens.organiser.as_ref()?.as_bytes()).ok()?;
        mac.update(format!("organiser session until {until_s}").as_bytes());
        Some(in_letters(&mac.finalize().into_bytes()))
    }
}

/// What is said to somebody who is not the organiser.
pub(super) fn problem(denied: Denied) -> Problem {
    match denied {
        Denied::Wrong => Problem::new(StatusCode::UNAUTHORIZED, "token-required", "This is for the organiser."),
        Denied::OtherScope => {
            let text = "This token is good for check-ins alone; this is for the organiser.";
            Problem::new(StatusCode::FORBIDDEN, "wrong-scope", text)
        }
        Denied::TooMany { after_s } => {
            let text = format!("Too many wrong tokens. Try again in {after_s} seconds.");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-tokens", text)
        }
    }
}

/// Before each of the organiser's calls.
pub(super) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let_by(&site, Scope::Organiser, request, next).await
}

/// Before a check-in.
pub(super) async fn guard_door(State(site): State<Site>, request: Request, next: Next) -> Response {
    let_by(&site, Scope::Door, request, next).await
}

async fn let_by(site: &Site, scope: Scope, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.map(|value| value.to_str().unwrap_or_default());
    let token = given.map(|value| value.strip_prefix("Bearer ").unwrap_or_default());
    match site.0.keeper.check(token, scope, (site.0.clock)()) {
        Ok(()) => next.run(request).await,
        Err(denied) => turned_away(site, request.headers(), denied),
    }
}

fn turned_away(site: &Site, headers: &HeaderMap, denied: Denied) -> Response {
    let mut response = refuse(site, headers, problem(denied));
    let (name, value) = match denied {
        Denied::Wrong => (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        Denied::OtherScope => {
            let why = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
            (header::WWW_AUTHENTICATE, why)
        }
        Denied::TooMany { after_s } => (header::RETRY_AFTER, HeaderValue::from(after_s)),
    };
    response.headers_mut().insert(name, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(token: &str) -> Keeper {
        Keeper::new(Tokens {
            organiser: Some(token.to_owned()),
            door: Some("door".to_owned()),
        })
    }

    #[test]
    fn a2_each_token_opens_what_it_is_for() {
        let keeper = keeper("right");
        for (token, scope, expected) in [
            ("right", Scope::Organiser, Ok(())),
            ("right", Scope::Door, Ok(())),
            ("door", Scope::Door, Ok(())),
            ("door", Scope::Organiser, Err(Denied::OtherScope)),
            ("", Scope::Door, Err(Denied::Wrong)),
        ] {
            assert_eq!(keeper.check(Some(token), scope, 0), expected, "{token} {scope:?}");
        }
    }

    #[test]
    fn a2_many_wrong_tokens_lock_out_the_wrong_ones_alone() {
        let keeper = keeper("right");
        let check = |token: Option<&str>, now_ms| keeper.check(token, Scope::Organiser, now_ms);
        for now_ms in 0..u64::from(MAX_WRONG) {
            assert_eq!(check(Some("wrong"), now_ms), Err(Denied::Wrong));
        }
        for _ in 0..1_000 {
            assert_eq!(check(Some("wrong"), 9_500), Err(Denied::TooMany { after_s: 51 }));
            assert_eq!(check(Some("right"), 9_500), Ok(()));
        }
        assert_eq!(check(None, 9_500), Err(Denied::Wrong), "nobody tried");
        assert_eq!(check(Some("wrong"), WINDOW_MS), Err(Denied::Wrong), "a minute later");
        assert!(
            Keeper::new(Tokens::default()).check(Some(""), Scope::Door, 0).is_err(),
            "no token, nobody"
        );
    }

    #[test]
    fn a_session_ends_and_is_worth_nothing_elsewhere() {
        let ours = keeper("right");
        let session = ours.session(1_000).unwrap();
        assert!(ours.is_session(&session, 1_000 + SESSION_S - 1));
        assert!(!ours.is_session(&session, 1_000 + SESSION_S));
        assert!(!keeper("other").is_session(&session, 1_000));
        let longer = session.replace(&(1_000 + SESSION_S).to_string(), &(2_000 + SESSION_S).to_string());
        for forged in [longer.as_str(), "", ".", "99999999999.", "right"] {
            assert!(!ours.is_session(forged, 1_000), "{forged}");
        }
        assert!(Keeper::new(Tokens::default()).session(0).is_none());
    }
}
