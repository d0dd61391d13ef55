//! What each kind of proxy asks, and the words it understands: a decision in, an answer out. Pure. docs/DECISION.md is
//! the same table for people.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::original::{Original, PASS, Telling};
use super::{Allow, Decision};
use crate::edge::gate::Answer;

/// Stands in for a pass where the origin gets none: whatever a visitor sent under that name is overwritten.
const NO_PASS: HeaderValue = HeaderValue::from_static("none");
/// Stanchion's own addresses.
const OWN: &[u8] = b"/.well-known/stanchion/";
/// Envoy puts the visitor's path after this.
const ENVOY: &[u8] = b"/envoy";
/// A visitor who waits comes again after so many seconds, where the answer says nothing of it.
const COME_AGAIN_S: u64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `auth_request`: 2xx, 401 or 403, and no body.
    Nginx,
    /// What the visitor gets in place of a 401 or 403.
    NginxPage,
    /// Traefik, Caddy, APISIX: 2xx, or the answer for the visitor.
    ForwardAuth,
    /// The same for a proxy that sets no cookies on a request it lets through.
    ForwardAuthRedirect,
    /// `ext_authz` over HTTP: 200, or the answer for the visitor.
    Envoy,
    /// Stanchion's own addresses, which the proxy sends on as they are.
    Own,
    /// An origin ends a session.
    Command,
}

/// What is asked, by the address.
pub fn question(target: &[u8]) -> Option<Question> {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or(target);
    Some(match path {
        b"/nginx" => Question::Nginx,
        b"/nginx/page" => Question::NginxPage,
        b"/forward-auth" => Question::ForwardAuth,
        b"/forward-auth/redirect" => Question::ForwardAuthRedirect,
        b"/command" => Question::Command,
        path if path.starts_with(OWN) => Question::Own,
        path if path.starts_with(b"/envoy/") => Question::Envoy,
        _ => return None,
    })
}

impl Question {
    pub fn telling(self) -> Telling {
        match self {
            Question::Nginx | Question::NginxPage => Telling::Original,
            Question::ForwardAuth | Question::ForwardAuthRedirect => Telling::Forwarded,
            Question::Envoy => Telling::AsItCame { prefix: ENVOY.len() },
            Question::Own | Question::Command => Telling::AsItCame { prefix: 0 },
        }
    }
}

/// The decision as this proxy understands it.
pub fn translate(question: Question, decision: Decision, original: &Original) -> Answer {
    match (question, decision) {
        (Question::Nginx, Decision::Allow(allow)) => go_on(StatusCode::NO_CONTENT, allow, None),
        (Question::Nginx, Decision::Answer(answer)) => no(&answer),
        (Question::NginxPage, Decision::Allow(allow)) => come_again(allow, original, false),
        (Question::NginxPage | Question::Own, Decision::Answer(answer)) => answer,
        (Question::ForwardAuthRedirect, Decision::Allow(allow)) if must_come_again(&allow) => {
            come_again(allow, original, true)
        }
        (Question::ForwardAuth | Question::ForwardAuthRedirect | Question::Envoy, Decision::Allow(allow)) => {
            go_on(StatusCode::OK, allow, Some(NO_PASS))
        }
        (Question::ForwardAuth | Question::ForwardAuthRedirect, Decision::Answer(answer)) => {
            with_whole_location(no_success(answer), original)
        }
        (Question::Envoy, Decision::Answer(answer)) => with_whole_location(no_success(no_failure(answer)), original),
        // The gate forwards none of our own addresses.
        (Question::Own | Question::Command, _) => bare(StatusCode::NOT_FOUND),
    }
}

/// No, and why. A newcomer's place is in the cookies: those who ask for the page hand it back, so that it is no other one.
fn no(answer: &Answer) -> Answer {
    let mut said = bare(kind_of_no(answer.status));
    let cookies = || answer.headers.get_all(header::SET_COOKIE).iter().cloned();
    number(&mut said.headers, cookies());
    let held: Vec<_> = cookies()
        .filter_map(|cookie| pair(cookie.as_bytes()).map(<[u8]>::to_vec))
        .collect();
    if let (false, Ok(held)) = (held.is_empty(), HeaderValue::from_bytes(&held.join(&b"; "[..]))) {
        said.headers.insert(HeaderName::from_static("stanchion-cookie"), held);
    }
    said
}

/// `name=value` of a cookie that is set; nothing of one that is cleared.
fn pair(set_cookie: &[u8]) -> Option<&[u8]> {
    let pair = set_cookie.split(|byte| *byte == b';').next()?.trim_ascii();
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    (equals + 1 < pair.len()).then_some(pair)
}

/// Cookies under numbered names, for proxies that can take over only one value of a field.
fn number(headers: &mut HeaderMap, cookies: impl Iterator<Item = HeaderValue>) {
    for (number, cookie) in cookies.enumerate() {
        if let Ok(name) = HeaderName::try_from(format!("stanchion-set-cookie-{}", number + 1)) {
            headers.insert(name, cookie);
        }
    }
}

/// 403 where the visitor is refused, 401 where there is something else for it: a page, a document, a better address.
fn kind_of_no(status: StatusCode) -> StatusCode {
    if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::UNAUTHORIZED
    }
}

/// An answer without a body, which nobody may keep.
pub fn bare(status: StatusCode) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer {
        status,
        headers,
        body: Bytes::new(),
        close: false,
    }
}

/// Yes, with what goes to the origin (`Stanchion-Pass`, `Cookie`) and to the visitor: `Set-Cookie`, and the same cookies
/// under numbered names for proxies that can take over only one value of a field.
fn go_on(status: StatusCode, allow: Allow, no_pass: Option<HeaderValue>) -> Answer {
    let mut answer = bare(status);
    let headers = &mut answer.headers;
    if let Some(pass) = allow.pass.or(no_pass) {
        headers.insert(HeaderName::from_static(PASS), pass);
    }
    if let Some(cookie) = allow.cookie {
        headers.insert(header::COOKIE, cookie);
    }
    number(headers, allow.set_cookies.iter().cloned());
    for cookie in allow.set_cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    for (name, value) in allow.response_headers {
        let kind = name.as_str().strip_prefix("stanchion-").unwrap_or(name.as_str());
        if let Ok(name) = HeaderName::try_from(format!("stanchion-client-{kind}")) {
            headers.insert(name, value);
        }
    }
    answer
}

/// Apps that speak in fields keep no cookies: to send them round would be for ever.
fn must_come_again(allow: &Allow) -> bool {
    !allow.set_cookies.is_empty() && allow.response_headers.is_empty()
}

/// The same address once more, with method and body, now that the visitor holds what lets it through.
fn come_again(allow: Allow, original: &Original, whole: bool) -> Answer {
    let mut answer = bare(StatusCode::TEMPORARY_REDIRECT);
    if let Ok(target) = HeaderValue::from_bytes(&original.target) {
        answer.headers.insert(header::LOCATION, target);
    }
    for cookie in allow.set_cookies {
        answer.headers.append(header::SET_COOKIE, cookie);
    }
    if whole {
        with_whole_location(answer, original)
    } else {
        answer
    }
}

/// Some proxies resolve a path against the address of this service.
fn with_whole_location(mut answer: Answer, original: &Original) -> Answer {
    let path = answer
        .headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    if let (Some(path), Some(site)) = (path.filter(|path| path.starts_with('/')), original.site())
        && let Ok(whole) = HeaderValue::try_from(format!("{site}{path}"))
    {
        answer.headers.insert(header::LOCATION, whole);
    }
    answer
}

/// To these proxies a success would mean "let it through".
fn no_success(mut answer: Answer) -> Answer {
    if answer.status.is_success() || answer.status.is_informational() {
        answer.status = StatusCode::TOO_MANY_REQUESTS;
        let again = answer.headers.entry(header::RETRY_AFTER);
        again.or_insert_with(|| HeaderValue::from(COME_AGAIN_S));
    }
    answer
}

/// Envoy takes a 5xx for a failure of this service, and drops the page.
fn no_failure(mut answer: Answer) -> Answer {
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        answer.status = StatusCode::TOO_MANY_REQUESTS;
    }
    answer
}
