//! Coupons, points and polls of a visitor.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::asked;
use super::bookings::{REPLAYED, reference};
use super::calls::{Keys, begin, decide};
use super::openapi::Keyed;
use super::problem::{Problem, refuse};
use super::refusals::explained;
use super::shapes::{CouponAnswer, CouponShown, DoneAnswer, OptionShown, PointsAnswer, PollAnswer, PollShown};
use crate::pass::Visitor;
use crate::shop::Done;
use crate::shop::command::{Ask, Key, TakeCoupon};
use crate::shop::refusal::Refusal;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code)] // the shape alone
struct CampaignPath {
    #[param(pattern = "^[a-z0-9-]{1,40}$", example = "tea")]
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code)] // the shape alone
struct PollPath {
    #[param(pattern = "^[a-z0-9-]{1,40}$", example = "encore")]
    id: String,
}

/// One coupon of the campaign, where there is one left and this person has none.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/coupons", tag = "goods", params(CampaignPath, Keyed), security(("pass" = [])), extensions(("x-problems" = json!(["unknown-campaign", "coupons-gone", "coupon-had"]))),
    responses((status = 201, description = "The visitor's coupon", body = CouponAnswer)))]
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

/// A poll and its votes so far.
#[utoipa::path(get, path = "/api/v1/polls/{id}", tag = "goods", params(PollPath), operation_id = "poll_result", security(("pass" = [])), extensions(("x-problems" = json!(["unknown-poll"]))),
    responses((status = 200, description = "The result as it is now", body = PollAnswer)))]
pub(super) async fn poll(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let found = site.0.writer.look(|sale| {
        let (poll, votes) = sale.polls().result(&id)?;
        let shown = |(text, votes): (&String, &u32)| OptionShown {
            text: text.clone(),
            votes: *votes,
        };
        Some(PollShown {
            id: poll.id.to_string(),
            question: poll.question.clone(),
            options: poll.options.iter().zip(votes).map(shown).collect(),
            until_ms: poll.until_ms,
        })
    });
    match found {
        Some(poll) => Json(PollAnswer { poll }).into_response(),
        None => refuse(&site, &headers, explained(Refusal::UnknownPoll)),
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Vote {
    /// Counts from 0.
    #[schema(maximum = 49)]
    option: u32,
}

/// One vote a person.
#[utoipa::path(post, path = "/api/v1/polls/{id}/votes", tag = "goods", params(PollPath, Keyed), request_body = Vote, security(("pass" = [])), extensions(("x-problems" = json!(["unknown-poll", "no-such-option", "poll-closed", "voted"]))),
    responses((status = 201, description = "Counted", body = DoneAnswer)))]
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

/// The visitor's account.
#[utoipa::path(get, path = "/api/v1/points", tag = "goods", security(("pass" = [])),
    responses((status = 200, description = "Points that can be spent", body = PointsAnswer)))]
pub(super) async fn points(State(site): State<Site>, Extension(visitor): Extension<Visitor>) -> Response {
    let points = site.0.writer.look(|sale| sale.points().balance(&visitor.subject));
    Json(PointsAnswer { points }).into_response()
}

async fn change(site: &Site, headers: &HeaderMap, key: Option<Key>, ask: Ask) -> Result<Response, Response> {
    let (done, replayed) = decide(site, headers, key, ask).await?;
    let mut response = match done {
        Done::Coupon { number, code } => {
            let coupon = CouponShown { number, code };
            (StatusCode::CREATED, Json(CouponAnswer { coupon })).into_response()
        }
        _ => (StatusCode::CREATED, Json(DoneAnswer::DONE)).into_response(),
    };
    response.headers_mut().extend(replayed.then_some(REPLAYED));
    Ok(response)
}
