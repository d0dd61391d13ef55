//! What a visitor sees: the waiting page in their language, and the same as JSON; the page or problem document for
//! requests that cannot be served. Pure: a value in, an answer out. Knows nothing of sockets, cookies or tickets.

pub mod accept;
mod challenge;
mod headers;
mod html;
pub mod lang;
mod lean;
mod refusals;
mod squeeze;
mod status;
mod template;
pub mod view;
pub mod words;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;

use crate::edge::gate::Answer;
use accept::Form;
pub use challenge::{Task, challenge};
use headers::Loads;
pub use refusals::refusal;
pub use status::{StatusDocument, notice_key, state_key};
pub use template::{MAX_PAGE, MAX_TEMPLATE, Template, TemplateProblem, check_template};
use view::WaitView;

/// Longest address that a page tells itself to come again to.
const MAX_HERE: usize = 512;

/// How a room presents itself. Made once per configuration.
#[derive(Debug)]
pub struct Dress {
    /// What visitors know the site by.
    pub title: String,
    /// Linked from the title, where given: an address outside of the room.
    pub website: Option<String>,
    /// The operator's own page instead of the built-in one.
    pub template: Option<Template>,
    /// Language for those who ask for none of ours; otherwise English.
    pub language: Option<String>,
    /// Status of the waiting page on a protected path.
    pub page_status: StatusCode,
    /// Status of the waiting document on a protected path. The status endpoint itself always answers 200.
    pub json_status: StatusCode,
}

impl Dress {
    /// The built-in page under this title. docs/STATUS.md says why these statuses.
    #[must_use]
    pub fn titled(title: &str) -> Dress {
        Dress {
            title: title.to_owned(),
            website: None,
            template: None,
            language: None,
            page_status: StatusCode::OK,
            json_status: StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// Who asks, and how.
#[derive(Clone, Debug)]
pub struct PageAsk<'a> {
    pub method: &'a Method,
    pub accept: Option<String>,
    pub accept_language: Option<String>,
    pub accept_encoding: Option<String>,
    /// A browser is opening a page: see [`PageAsk::with_headers`].
    pub navigation: bool,
    /// Fresh for each answer, at least 128 random bits in base64.
    pub nonce: &'a str,
    /// Where the page's script asks: a path on the same host.
    pub status_url: &'a str,
    /// Where the page goes at the end, if not to its own address: a path on the same host.
    pub back: Option<String>,
    /// The page's own address without its fragment, relative: a refresh to an address with a fragment stays where it is.
    pub here: Option<String>,
    pub dress: &'a Dress,
}

impl<'a> PageAsk<'a> {
    /// An asker of whom nothing is known.
    #[must_use]
    pub fn new(method: &'a Method, nonce: &'a str, status_url: &'a str, dress: &'a Dress) -> Self {
        PageAsk {
            method,
            accept: None,
            accept_language: None,
            accept_encoding: None,
            navigation: false,
            nonce,
            status_url,
            back: None,
            here: None,
            dress,
        }
    }

    /// Takes what the request's headers say about form, language and compression.
    #[must_use]
    pub fn with_headers(mut self, headers: &HeaderMap) -> Self {
        let has = |name: &'static str, value: &str| {
            headers
                .get(HeaderName::from_static(name))
                .is_some_and(|v| v.as_bytes() == value.as_bytes())
        };
        self.accept = joined(headers, &ACCEPT);
        self.accept_language = joined(headers, &ACCEPT_LANGUAGE);
        self.accept_encoding = joined(headers, &ACCEPT_ENCODING);
        self.navigation = has("sec-fetch-dest", "document") || has("upgrade-insecure-requests", "1");
        self
    }

    /// Requests other than GET lead back to `path`, which is one on the same host, with its query.
    #[must_use]
    pub fn leading_back(mut self, path: Option<String>) -> Self {
        self.back = path.filter(|_| !self.is_get());
        self
    }

    /// Takes where the page is: a canonical path and its query.
    #[must_use]
    pub fn at(mut self, path: &str, query: Option<&str>) -> Self {
        let last = path.rsplit('/').next().unwrap_or_default();
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        self.here = Some(format!("./{last}{query}")).filter(|here| self.is_get() && here.len() <= MAX_HERE);
        self
    }

    /// For browsers without JavaScript: what a `refresh` says to come again after so long.
    fn refresh(&self, seconds: u64) -> String {
        match self.back.as_ref().or(self.here.as_ref()) {
            Some(to) => format!("{seconds};url={to}"),
            None => seconds.to_string(),
        }
    }

    /// Something was sent along that is lost: while a visitor waits nothing reaches the origin.
    fn unsent(&self) -> bool {
        matches!(
            *self.method,
            Method::POST | Method::PUT | Method::PATCH | Method::DELETE
        )
    }

    fn is_get(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
    }

    fn form(&self) -> Form {
        accept::form(self.accept.as_deref(), self.navigation)
    }

    fn language(&self) -> &'static lang::Language {
        lang::choose(self.accept_language.as_deref(), self.dress.language.as_deref())
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let fields: Vec<_> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    (!fields.is_empty()).then(|| fields.join(","))
}

/// The waiting answer on a protected path.
#[must_use]
pub fn answer(view: &WaitView, ask: &PageAsk<'_>) -> Answer {
    answer_or_problem(view, ask).0
}

/// As [`answer`], with what was wrong with the operator's template where the built-in page had to stand in for it.
#[must_use]
pub fn answer_or_problem(view: &WaitView, ask: &PageAsk<'_>) -> (Answer, Option<TemplateProblem>) {
    match ask.form() {
        Form::Html => page(view, ask),
        Form::Json => {
            let mut waiting = StatusDocument::waiting(view);
            waiting.submitted = ask.unsent().then_some(false);
            (document(&waiting, ask.dress.json_status), None)
        }
    }
}

/// The answer of the status endpoint to somebody who waits.
#[must_use]
pub fn status_waiting(view: &WaitView) -> Answer {
    document(&StatusDocument::waiting(view), StatusCode::OK)
}

/// The answer of the status endpoint to somebody who is let in.
#[must_use]
pub fn status_admitted(room: &str, state: RoomState, arrived_at: Option<Stamp>) -> Answer {
    document(&StatusDocument::admitted(room, state, arrived_at), StatusCode::OK)
}

fn document(document: &StatusDocument<'_>, status: StatusCode) -> Answer {
    let mut headers = headers::common("application/json");
    if document.refresh_ms > 0 {
        headers::retry_after(&mut headers, document.refresh_ms.div_ceil(1_000));
    }
    Answer {
        status,
        headers,
        body: Bytes::from(document.to_json()),
        close: false,
    }
}

fn page(view: &WaitView, ask: &PageAsk<'_>) -> (Answer, Option<TemplateProblem>) {
    let language = ask.language();
    let own = ask.dress.template.as_ref();
    let (body, loads, problem) = match own.map(|t| t.render(html::variables(view, ask, language))) {
        Some(Ok(page)) => (page, Loads::Media, None),
        Some(Err(problem)) => (html::waiting(view, ask, language), Loads::Nothing, Some(problem)),
        None => (html::waiting(view, ask, language), Loads::Nothing, None),
    };
    let mut headers = headers::common("text/html; charset=utf-8");
    headers::page(&mut headers, language.tag, ask.nonce, loads);
    headers::retry_after(&mut headers, html::refresh_seconds(view));
    let mut answer = Answer {
        status: ask.dress.page_status,
        headers,
        body: Bytes::from(body),
        close: false,
    };
    squeeze::squeeze(&mut answer, ask.accept_encoding.as_deref());
    (answer, problem)
}
