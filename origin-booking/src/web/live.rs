//! Changes of an event's places as they happen, by Server-Sent Events. Each message carries the number of the last fact
//! in it; who comes back with that number (`Last-Event-ID`) misses nothing. Whoever is too far behind is told to look at
//! everything again. Nothing is kept for a reader: a slow one gets fewer and larger messages.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use utoipa::IntoParams;

use super::Site;
use super::asked;
use super::openapi::EventPath;
use super::problem::{Problem, refuse};
use super::refusals::with_retry;
use crate::writer::{Change, Since};

/// Most readers at one time.
pub(super) const MAX_READERS: usize = 10_000;
/// What happens within this time is one message.
const TOGETHER: Duration = Duration::from_millis(150);
/// After this a reader has to come back, with a pass that is still good.
const LONGEST: Duration = Duration::from_secs(10 * 60);

struct Reader {
    site: Site,
    event: String,
    after: i64,
    facts: watch::Receiver<i64>,
    stopping: watch::Receiver<bool>,
    until: Instant,
    /// Gives the reader's seat back when the connection ends.
    _seat: OwnedSemaphorePermit,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // the shape alone; `after` reads it
struct After {
    /// The `seq` of the seats that were just looked at; without it, from now on.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<i64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // as After
struct LastEvent {
    /// The number of the last message, from a reader that comes back. Counts before `after`.
    #[param(rename = "Last-Event-ID", pattern = "^[0-9]{1,15}$")]
    last_event_id: Option<String>,
}

/// Changes of an event's places as they happen: Server-Sent Events `places` and `resync`.
#[utoipa::path(get, path = "/api/v1/events/{id}/changes", tag = "events", params(EventPath, After, LastEvent), security(("pass" = [])), extensions(("x-problems" = json!(["unknown-event", "bad-query"]))),
    responses((status = 200, description = "Messages until the reader leaves, at the longest 10 minutes", body = String,
        content_type = "text/event-stream")))]
pub(super) async fn changes(
    State(site): State<Site>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let after = match after(&headers, query.as_deref()) {
        Ok(after) => after,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let Some(seq) = site.0.writer.look_at(|seq, sale| sale.offer(&id).map(|_| seq)) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "unknown-event", "There is no such event.");
        return refuse(&site, &headers, problem);
    };
    let Ok(seat) = Arc::clone(&site.0.readers).try_acquire_owned() else {
        let text = "Too many people are watching; please look again in a while.";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try-again", text);
        return with_retry(refuse(&site, &headers, problem));
    };
    let reader = Reader {
        facts: site.0.writer.watch(),
        stopping: site.0.stopping.clone(),
        event: id,
        after: after.unwrap_or(seq),
        until: Instant::now() + LONGEST,
        site,
        _seat: seat,
    };
    let messages = futures::stream::unfold(reader, |mut reader| async move {
        let message = reader.next().await?;
        Some((Ok::<_, Infallible>(message), reader))
    });
    Sse::new(messages).keep_alive(KeepAlive::default()).into_response()
}

/// The header of a browser that comes back, or `?after=` of one that has just looked at the seats.
fn after(headers: &HeaderMap, query: Option<&str>) -> Result<Option<i64>, Problem> {
    let given = asked::query(query, &["after"])?;
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let Some(text) = header.or(given.get("after").map(String::as_str)) else {
        return Ok(None);
    };
    let bad = || {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-query",
            "after must be a number that a message carried",
        )
    };
    text.parse().ok().filter(|seq| *seq >= 0).map(Some).ok_or_else(bad)
}

impl Reader {
    /// The next message; `None` ends the connection.
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.site.0.writer.since(&self.event, self.after) {
                Since::TooFar => {
                    self.after = self.site.0.writer.look_at(|seq, _| seq);
                    return Some(Event::default().event("resync").id(self.after.to_string()).data("{}"));
                }
                Since::Changes(seq, changes) => {
                    self.after = seq;
                    if !changes.is_empty() {
                        let data = self.told(&changes)?.to_string();
                        return Some(Event::default().event("places").id(seq.to_string()).data(data));
                    }
                }
            }
            tokio::select! {
                heard = self.facts.changed() => heard.ok()?,
                () = tokio::time::sleep_until(self.until) => return None,
                stopped = self.stopping.wait_for(|stopping| *stopping) => {
                    stopped.ok()?;
                    return None;
                }
            }
            tokio::time::sleep(TOGETHER).await;
        }
    }

    /// What is left, and each seat as it is now: the last change of it.
    fn told(&self, changes: &[Change]) -> Option<Value> {
        self.site.0.writer.look(|sale| {
            let offer = sale.offer(&self.event)?;
            let mut seats = BTreeMap::new();
            for change in changes {
                let letter = if change.taken { "x" } else { "." };
                let named = change
                    .seats
                    .iter()
                    .filter_map(|seat| Some((offer.hall()?.name_of(*seat), letter)));
                seats.extend(named);
            }
            Some(json!({ "left": offer.left(), "seats": seats }))
        })
    }
}
