//! The compatible short forms: `GET /events/?search=`, `POST /booking`, `POST /pay`. The same decisions as the API's;
//! the key is welcome and not required.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Site;
use super::asked;
use super::calls::{Keys, begin, decide_order, told};
use super::holds;
use super::orders::{PayBy, pay_with};
use super::problem::Problem;
use crate::pass::Visitor;
use crate::shop::command::{Ask, Hold, Key};
use crate::shop::order::Method;

/// Holds, as `POST /api/v1/holds` does.
pub(super) async fn booking(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let read = || -> Result<(Hold, Option<Key>), Problem> {
        let asked: holds::Asked = asked::body(&headers, &body, &["count"])?;
        let key = asked::key(&headers, None, &visitor, "/booking", &asked)?;
        Ok((asked.hold(&visitor, &headers)?, key))
    };
    let (hold, key, _flying) = begin(&site, &headers, Keys::Welcome, read)?;
    let (order, replayed) = decide_order(&site, &headers, key, Ask::Hold(hold)).await?;
    Ok(told(&site, StatusCode::CREATED, "booking", &order, replayed))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paying {
    booking: String,
    #[serde(default)]
    method: Option<PayBy>,
    #[serde(default)]
    card: String,
}

pub(super) async fn pay(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let read = || -> Result<(Paying, Option<Key>), Problem> {
        let paying: Paying = asked::body(&headers, &body, &[])?;
        let key = asked::key(&headers, None, &visitor, "/pay", &paying)?;
        Ok((paying, key))
    };
    let (paying, key, _flying) = begin(&site, &headers, Keys::Welcome, read)?;
    let method = paying.method.map_or(Method::Card, Method::from);
    Ok(pay_with(&site, &visitor, &headers, key, paying.booking, method, paying.card).await)
}
