//! The page with the task that a new place costs, and the same as a problem document (RFC 9457) for programs.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::PageAsk;
use super::accept::Form;
use super::headers::{self, Loads};
use super::{html, squeeze};
use crate::edge::gate::Answer;

/// What is asked for.
pub struct Task<'a> {
    pub task: &'a str,
    /// On average for a piece.
    pub tries: u32,
    pub rounds: u32,
    pub pieces: usize,
    /// After so long the task counts without an answer.
    pub wait: Duration,
    /// The cookie that the answer goes into, and what stands behind its value.
    pub cookie: &'a str,
    pub attributes: &'a str,
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    challenge: Work<'a>,
}

/// For a program that wants to answer it.
#[derive(Serialize)]
struct Work<'a> {
    algorithm: &'static str,
    task: &'a str,
    tries: u32,
    rounds: u32,
    pieces: usize,
    header: &'static str,
    wait_seconds: u64,
}

/// What the page's script is told.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    task: &'a str,
    tries: u32,
    rounds: u32,
    pieces: usize,
    wait_ms: u64,
    cookie: &'a str,
    attributes: &'a str,
    get: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    back: Option<&'a str>,
}

/// 403: nothing was given yet. As the answer to a form it says that nothing was submitted.
#[must_use]
pub fn challenge(task: &Task<'_>, ask: &PageAsk<'_>) -> Answer {
    let seconds = task.wait.as_secs().max(1);
    let (mut headers, body) = match ask.form() {
        Form::Html => {
            let language = ask.language();
            let mut headers = headers::common("text/html; charset=utf-8");
            headers::page(&mut headers, language.tag, ask.nonce, Loads::Nothing);
            (headers, html::challenge(&data(task, ask), seconds, ask, language))
        }
        Form::Json => (headers::common("application/problem+json"), problem(task, seconds)),
    };
    headers::retry_after(&mut headers, seconds);
    let mut answer = Answer {
        status: StatusCode::FORBIDDEN,
        headers,
        body: Bytes::from(body),
        close: false,
    };
    squeeze::squeeze(&mut answer, ask.accept_encoding.as_deref());
    answer
}

fn data<'a>(task: &Task<'a>, ask: &'a PageAsk<'_>) -> Data<'a> {
    Data {
        task: task.task,
        tries: task.tries,
        rounds: task.rounds,
        pieces: task.pieces,
        wait_ms: u64::try_from(task.wait.as_millis()).unwrap_or(u64::MAX),
        cookie: task.cookie,
        attributes: task.attributes,
        get: ask.is_get(),
        back: ask.back.as_deref(),
    }
}

fn problem(task: &Task<'_>, wait_seconds: u64) -> String {
    let problem = Problem {
        kind: "urn:stanchion:challenge",
        title: "A new place costs a little work",
        status: StatusCode::FORBIDDEN.as_u16(),
        detail: "Answer the task and send task and answer along, or wait and send the task alone.",
        challenge: Work {
            algorithm: "PBKDF2-HMAC-SHA256",
            task: task.task,
            tries: task.tries,
            rounds: task.rounds,
            pieces: task.pieces,
            header: "Stanchion-Proof",
            wait_seconds,
        },
    };
    serde_json::to_string(&problem).unwrap_or_default()
}
