//! Coupons, points and polls of a visitor.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Site;
use super::asked;
use super::bookings::{REPLAYED, reference};
use super::calls::{Keys, begin, decide};
use super::problem::{Problem, refuse};
use super::refusals::explained;
use crate::pass::Visitor;
use crate::shop::Done;
use crate::shop::command::{Ask, Key, TakeCoupon};
use crate::shop::refusal::Refusal;

/// One coupon of the campaign, where there is one left and this person has none.
pub(super) async fn coupon(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(campaign): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let path = format!("/api/v1/campaigns/{campaign}/coupons");
    let read = || -> Result<(TakeCoupon, Option<Key>), Problem> {
        let take = TakeCoupon {
            person: visitor.subject.as_str().into(),
            campaign: campaign.as_str().into(),
            code: reference()?.into(),
        };
        Ok((take, asked::key(&headers, None, &visitor, &path, &())?))
    };
    let (take, key, _flying) = begin(&site, &headers, Keys::Required, read)?;
    change(&site, &headers, key, Ask::Coupon(take)).await
}

pub(super) async fn poll(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let found: Option<Value> = site.0.writer.look(|sale| {
        let (poll, votes) = sale.polls().result(&id)?;
        let options: Vec<Value> = (poll.options.iter().zip(votes))
            .map(|(text, votes)| json!({ "text": text, "votes": votes }))
            .collect();
        Some(json!({ "poll": { "id": poll.id, "question": poll.question, "options": options, "until_ms": poll.until_ms } }))
    });
    match found {
        Some(poll) => Json(poll).into_response(),
        None => refuse(&site, &headers, explained(Refusal::UnknownPoll)),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vote {
    /// Counts from 0.
    option: u32,
}

pub(super) async fn vote(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(poll): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let path = format!("/api/v1/polls/{poll}/votes");
    let read = || -> Result<(Vote, Option<Key>), Problem> {
        let vote: Vote = asked::body(&headers, &body, &["option"])?;
        let key = asked::key(&headers, None, &visitor, &path, &vote)?;
        Ok((vote, key))
    };
    let (vote, key, _flying) = begin(&site, &headers, Keys::Required, read)?;
    let ask = Ask::Vote {
        person: visitor.subject.as_str().into(),
        poll: poll.into(),
        option: vote.option,
    };
    change(&site, &headers, key, ask).await
}

pub(super) async fn points(State(site): State<Site>, Extension(visitor): Extension<Visitor>) -> Response {
    let points = site.0.writer.look(|sale| sale.points().balance(&visitor.subject));
    Json(json!({ "points": points })).into_response()
}

async fn change(site: &Site, headers: &HeaderMap, key: Option<Key>, ask: Ask) -> Result<Response, Response> {
    let (done, replayed) = decide(site, headers, key, ask).await?;
    let body = match done {
        Done::Coupon { number, code } => json!({ "coupon": { "number": number, "code": code } }),
        _ => json!({ "done": true }),
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.headers_mut().extend(replayed.then_some(REPLAYED));
    Ok(response)
}
