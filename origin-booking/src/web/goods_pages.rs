//! Polls and coupons as small pages, without a script too: one vote, one coupon a person.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::Site;
use super::asked;
use super::basket::see;
use super::bookings::reference;
use super::calls::{Keys, begin, submitted};
use super::problem::{Problem, refuse};
use super::random;
use super::refusals::{explained, not_decided, with_retry};
use crate::pass::Visitor;
use crate::shop::command::{Ask, Command, Key, TakeCoupon};
use crate::shop::refusal::Refusal;

pub(super) async fn poll(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    poll_page(&site, &visitor, &headers, &id, None)
}

fn poll_page(site: &Site, visitor: &Visitor, headers: &HeaderMap, id: &str, problem: Option<Problem>) -> Response {
    let now_ms = (site.0.clock)();
    let found = site.0.writer.look(|sale| {
        let (poll, votes) = sale.polls().result(id)?;
        let options: Vec<Value> = (poll.options.iter().zip(votes))
            .map(|(text, votes)| context! { text => text.as_str(), votes => *votes })
            .collect();
        Some(context! {
            id, question => poll.question.as_str(), options, all => votes.iter().map(|votes| u64::from(*votes)).sum::<u64>(),
            closed => poll.until_ms > 0 && now_ms >= poll.until_ms, voted => sale.polls().has_voted(id, &visitor.subject),
        })
    });
    let Some(poll) = found else {
        return refuse(site, headers, explained(Refusal::UnknownPoll));
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let message = problem.map(|problem| problem.told(site.0.pages.said(headers)));
    let values = context! { poll, message, key => random::unguessable() };
    site.0.pages.page(headers, status, "poll.html", values)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vote {
    option: u32,
    #[serde(default, skip_serializing)]
    key: Option<String>,
}

pub(super) async fn vote(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let path = format!("/polls/{id}");
    let read = || -> Result<(Ask, Option<Key>), Problem> {
        let vote: Vote = asked::body(&headers, &body, &["option"])?;
        let key = asked::key(&headers, vote.key.clone(), &visitor, &path, &vote)?;
        let (person, poll) = (visitor.subject.as_str().into(), id.as_str().into());
        let option = vote.option;
        Ok((Ask::Vote { person, poll, option }, key))
    };
    let (ask, key, _flying) = begin(&site, &headers, Keys::Welcome, read)?;
    let again = |problem| poll_page(&site, &visitor, &headers, &id, Some(problem));
    asked_for(&site, &headers, Command { key, ask }, &path, again).await
}

pub(super) async fn coupons(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    coupons_page(&site, &visitor, &headers, &id, None)
}

fn coupons_page(site: &Site, visitor: &Visitor, headers: &HeaderMap, id: &str, problem: Option<Problem>) -> Response {
    let found = site.0.writer.look(|sale| {
        let all = sale.coupons().size(id)?;
        let coupon = sale.coupons().of(id, &visitor.subject);
        let coupon = coupon.map(|coupon| context! { number => coupon.number, code => &*coupon.code });
        let left = all.saturating_sub(sale.coupons().issued(id));
        Some(context! { id, all, left, coupon })
    });
    let Some(values) = found else {
        return refuse(site, headers, explained(Refusal::UnknownCampaign));
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let message = problem.map(|problem| problem.told(site.0.pages.said(headers)));
    let values = context! { message, key => random::unguessable(), ..values };
    site.0.pages.page(headers, status, "coupons.html", values)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    #[serde(default, skip_serializing)]
    key: Option<String>,
}

pub(super) async fn take(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let path = format!("/campaigns/{id}");
    let read = || -> Result<(Ask, Option<Key>), Problem> {
        let take: Take = asked::body(&headers, &body, &[])?;
        let key = asked::key(&headers, take.key.clone(), &visitor, &path, &take)?;
        let take = TakeCoupon {
            person: visitor.subject.as_str().into(),
            campaign: id.as_str().into(),
            code: reference()?.into(),
        };
        Ok((Ask::Coupon(take), key))
    };
    let (ask, key, _flying) = begin(&site, &headers, Keys::Welcome, read)?;
    let again = |problem| coupons_page(&site, &visitor, &headers, &id, Some(problem));
    asked_for(&site, &headers, Command { key, ask }, &path, again).await
}

/// To the page where it went well; else the page with the reason.
async fn asked_for(
    site: &Site,
    headers: &HeaderMap,
    command: Command,
    path: &str,
    again: impl Fn(Problem) -> Response,
) -> Result<Response, Response> {
    match submitted(site, command).await.map(|applied| applied.reply) {
        Ok(Ok(_)) => Ok(see(path)),
        Ok(Err(refusal)) => Err(with_retry(again(explained(refusal)))),
        Err(why) => Err(with_retry(refuse(site, headers, not_decided(why)))),
    }
}
