//! The decision service: a proxy that stays where it is asks about each request and does what it is told. What it tells
//! of the request is read by `original`, judged as strictly as a request of the edge's own, and answered in the words
//! that this kind of proxy understands (`dialect`). Nothing is forwarded here; no body is read.

mod dialect;
mod original;

use std::sync::atomic::Ordering;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::answer::to_canonical;
use super::core::{Core, Live};
use super::fields::{cookies_need_care, join_cookies};
use super::gate::{Answer, Asked, Forward, Verdict};
use super::guard::head::{Head, HeadLimits};
use super::guard::stream::Tolerance;
use super::refusal::Refusal;
use super::request;
use super::rewrite::take_command;

use dialect::{Question, question, translate};
use original::{Fault, Original, PASS};

/// What a proxy may add to a visitor's head.
const ADDED_FIELDS: usize = 32;
const PREFIX_BYTES: usize = 64;

/// What a proxy may send: a visitor's largest head, its address once more, and the proxy's own words.
pub fn tolerance(visitors: &Tolerance) -> Tolerance {
    let HeadLimits {
        head_bytes,
        fields,
        target_bytes,
    } = visitors.head;
    Tolerance {
        head: HeadLimits {
            head_bytes: head_bytes.saturating_mul(2),
            fields: fields.saturating_add(ADDED_FIELDS),
            target_bytes: target_bytes.saturating_add(PREFIX_BYTES),
        },
        http2: false,
        ..*visitors
    }
}

/// What was decided about a visitor's request.
#[derive(Debug)]
pub enum Decision {
    Allow(Allow),
    /// The visitor gets this instead.
    Answer(Answer),
}

/// The request may go on.
#[derive(Debug, Default)]
pub struct Allow {
    /// The value of `Stanchion-Pass` for the origin.
    pub pass: Option<HeaderValue>,
    /// All cookies but ours, where the visitor sent any.
    pub cookie: Option<HeaderValue>,
    /// To be set on the visitor.
    pub set_cookies: Vec<HeaderValue>,
    /// For apps that keep credentials without cookies.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
}

/// The answer to whatever a proxy asks. Its connection goes on: it is not the visitor's.
pub async fn answer(core: &Core, live: &Live, head: &Head) -> Answer {
    let mut answer = match question(&head.target) {
        Some(Question::Command) => command(core, head).await,
        Some(question) => match Original::read(question.telling(), head, live) {
            Ok(original) => {
                let decision = decide(core, live, &original).await;
                translate(question, decision, &original)
            }
            Err(Fault::Told(fault)) => not_told(core, &fault.to_string()),
            Err(Fault::Refused(refusal)) => translate(
                question,
                Decision::Answer(core.refuse(None, refusal)),
                &Original::default(),
            ),
        },
        None => not_told(core, "the decision service has nothing at this address"),
    };
    answer.close = false;
    answer
}

/// As the edge would decide.
async fn decide(core: &Core, live: &Live, original: &Original) -> Decision {
    let (method, headers) = (&original.method, &original.headers);
    let checked = match request::check(method, &original.target, None, headers, &live.settings.hosts) {
        Ok(checked) => checked,
        Err(refusal) => return Decision::Answer(core.refuse(None, refusal)),
    };
    if checked.redirect {
        return Decision::Answer(to_canonical(&checked.target()));
    }
    let request_id = core.next_request_id();
    let asked = Asked {
        method,
        host: &checked.host,
        path: &checked.path,
        query: checked.query,
        headers,
        client: original.client,
        tls: original.tls,
        request_id: &request_id,
    };
    match core.ask(&asked).await {
        Ok(Verdict::Forward(forward)) => {
            core.stats.let_through.fetch_add(1, Ordering::Relaxed);
            Decision::Allow(Allow::of(forward, headers))
        }
        Ok(Verdict::Answer(answer)) => {
            core.stats.answered.fetch_add(1, Ordering::Relaxed);
            Decision::Answer(answer)
        }
        Err(refusal) => Decision::Answer(core.refuse(Some(&asked), refusal)),
    }
}

impl Allow {
    /// The gate's word, without what only a proxy of ours could do. What counts requests under way lets go here.
    fn of(forward: Forward, headers: &HeaderMap) -> Allow {
        let cookie = if cookies_need_care(headers, &forward.strip_cookies) {
            let joined = join_cookies(headers, &forward.strip_cookies);
            Some(joined.unwrap_or(HeaderValue::from_static("")))
        } else {
            headers.get(header::COOKIE).cloned()
        };
        Allow {
            pass: forward.pass,
            cookie,
            set_cookies: forward.set_cookies,
            response_headers: forward.response_headers,
        }
    }
}

/// An origin's `release` or `revoke`, which the edge would have read from its answer.
async fn command(core: &Core, head: &Head) -> Answer {
    if head.method != Method::POST {
        return not_told(core, "a command is a POST");
    }
    let pass = original::only(&head.headers, PASS).map(HeaderValue::to_str);
    let (Ok(Ok(pass)), Some(command)) = (pass, take_command(&head.headers)) else {
        return not_told(
            core,
            "a command needs Stanchion-Pass and Stanchion-Command: release or revoke",
        );
    };
    match core.command_by_pass(pass, command).await {
        Ok(true) => dialect::bare(StatusCode::NO_CONTENT),
        Ok(false) => dialect::bare(StatusCode::NOT_FOUND),
        Err(refusal) => core.refuse(None, refusal),
    }
}

/// A proxy that is not set up well. Never a yes, and said to whoever looks.
fn not_told(core: &Core, why: &str) -> Answer {
    tracing::debug!(why, "a question to the decision service made no sense");
    let mut answer = core.refuse(None, Refusal::NotTold);
    if let Ok(why) = HeaderValue::from_str(why) {
        answer.headers.insert(HeaderName::from_static("stanchion-reason"), why);
    }
    answer
}
