//! A connection that speaks HTTP/1: one request after the other, each judged, asked about, and answered here or
//! handed to the proxy machinery.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::FusedFuture;
use http::{HeaderValue, Method};
use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use super::answer;
use super::client_ip::From;
use super::core::{Core, Live};
use super::decision;
use super::fields;
use super::gate::{Answer, Asked, Forward, Verdict};
use super::guard::head::{self, Framing, Head};
use super::guard::stream::{GuardStream, Next, Tolerance};
use super::memory::Pressure;
use super::proxy::{Machinery, Plan};
use super::refusal::Refusal;
use super::request;
use super::rewrite::{fit_for_origin, outline};

/// What a connection needs of the edge.
#[derive(Clone)]
pub struct Edge {
    pub core: Arc<Core>,
    pub machinery: Arc<Machinery>,
    pub stopping: watch::Receiver<bool>,
    /// The connection is a proxy's that asks; no request of it is forwarded.
    pub decision: bool,
}

impl Edge {
    pub fn tolerance<'l>(&self, live: &'l Live) -> &'l Arc<Tolerance> {
        if self.decision {
            &live.decision_tolerance
        } else {
            &live.tolerance
        }
    }
}

/// What a request came to.
#[allow(clippy::large_enum_variant, reason = "it lives for one match")]
enum Outcome {
    Answer(Answer),
    /// Answer, and then no more on this connection.
    Refused(Answer),
    Forward {
        plan: Plan,
        head: Bytes,
    },
}

/// Serves the connection to its end. Gives the stream back where it turns out to speak HTTP/2.
pub async fn serve(edge: Edge, mut stream: Box<GuardStream>, from: &From) -> Option<Box<GuardStream>> {
    let mut stopping = edge.stopping.clone();
    let stopping = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
    let mut stopping = std::pin::pin!(stopping.fuse());
    loop {
        let head = match next(&edge, stopping.as_mut(), &mut stream).await {
            Next::Head(head) => head,
            Next::Http2 => return Some(stream),
            Next::Closed => return None,
            Next::Refused(refusal) => {
                refuse(&edge, &mut stream, refusal, false).await;
                return None;
            }
        };
        edge.core.stats.requests.fetch_add(1, Ordering::Relaxed);
        let live = edge.core.live.load_full();
        let is_head = head.starts_with(b"HEAD ");
        let head = match head::parse(head, &edge.tolerance(&live).head) {
            Ok(head) => head,
            Err(refusal) => {
                refuse(&edge, &mut stream, refusal, is_head).await;
                return None;
            }
        };
        stream = one_request(&edge, &live, stream, head, from).await?;
    }
}

/// A new connection that a stopping edge has accepted surely means to ask for something.
const FIRST_REQUEST: Duration = Duration::from_secs(5);

/// What comes next. A stopping edge does not close under a request that may be on its way already: there is a moment for
/// one more, which is then told that it was the last.
async fn next(edge: &Edge, stopping: Pin<&mut impl FusedFuture<Output = ()>>, stream: &mut GuardStream) -> Next {
    if !stopping.is_terminated() {
        tokio::select! {
            biased;
            next = stream.next_head() => return next,
            () = stopping => {}
        }
    }
    let linger = edge.core.live.load().tolerance.deadlines.linger;
    let moment = if stream.is_new() { FIRST_REQUEST } else { linger };
    tokio::time::timeout(moment, stream.next_head())
        .await
        .unwrap_or(Next::Closed)
}

/// One request; the stream comes back where another may follow.
async fn one_request(
    edge: &Edge,
    live: &Live,
    mut stream: Box<GuardStream>,
    head: Head,
    from: &From,
) -> Option<Box<GuardStream>> {
    let (is_head, framing, last) = (head.method == Method::HEAD, head.framing, head.last);
    let outcome = if edge.decision {
        Outcome::Answer(decision::answer(&edge.core, live, &head).await)
    } else {
        decide(&edge.core, live, head, from).await
    };
    match outcome {
        Outcome::Answer(answer) => {
            let skipped = stream.skip_body(framing);
            let scarce = edge.core.memory.now() == Pressure::Highest;
            let close = answer.close || last || !skipped || scarce || *edge.stopping.borrow();
            send(&edge.core, &mut stream, &answer, is_head, close).await?;
            if !close {
                return Some(stream);
            }
            if skipped {
                stream.shutdown().await.ok()?
            } else {
                stream.close_gently().await
            }
            None
        }
        Outcome::Refused(answer) => {
            send(&edge.core, &mut stream, &answer, is_head, true).await?;
            stream.close_gently().await;
            None
        }
        Outcome::Forward { mut plan, head } => {
            edge.core.stats.forwarded.fetch_add(1, Ordering::Relaxed);
            stream.show(head, framing, plan.upgrade);
            plan.answered = Some(stream.answered());
            forward(edge, stream, plan).await
        }
    }
}

/// Hands the request to the proxy machinery, and takes the stream back.
async fn forward(edge: &Edge, stream: Box<GuardStream>, plan: Plan) -> Option<Box<GuardStream>> {
    let mut session = ServerSession::new_http1(stream);
    session.set_connection_user_context(Some(Box::new(Arc::new(plan))));
    let reused = edge.machinery.process_new_http(session, &edge.stopping).await?;
    let (stream, _) = reused.consume();
    let stream = stream.into_any().downcast::<GuardStream>().ok()?;
    stream.is_between_requests().then_some(stream)
}

async fn decide(core: &Core, live: &Live, head: Head, from: &From) -> Outcome {
    let settings = &live.settings;
    let refused = |refusal| Outcome::Refused(core.refuse(None, refusal));
    let checked = match request::check(&head.method, &head.target, None, &head.headers, &settings.hosts) {
        Ok(checked) => checked,
        Err(refusal) => return refused(refusal),
    };
    if matches!(head.framing, Framing::Length(length) if length > live.tolerance.body_bytes) {
        return refused(Refusal::BodyTooLarge);
    }
    if checked.redirect {
        return Outcome::Answer(answer::to_canonical(&checked.target()));
    }
    let request_id = core.next_request_id();
    let asked = Asked {
        method: &head.method,
        host: &checked.host,
        path: &checked.path,
        query: checked.query,
        headers: &head.headers,
        client: from.client(&head.headers, &settings.trusted_proxies),
        tls: from.tls,
        request_id: &request_id,
    };
    match core.ask(&asked).await {
        Ok(Verdict::Answer(answer)) => {
            core.stats.answered.fetch_add(1, Ordering::Relaxed);
            Outcome::Answer(answer)
        }
        Ok(Verdict::Forward(forward)) => match plan(core, live, from, &asked, forward, upgradable(&head)) {
            Ok(mut plan) => {
                let outline = outline(&head, &checked, plan.upgrade);
                let (mut fields, bodyless) = (head.headers, head.framing == Framing::Empty);
                fit_for_origin(&mut fields, &head.method, bodyless, &plan);
                plan.fields = Some(fields);
                Outcome::Forward { plan, head: outline }
            }
            Err(answer) => Outcome::Refused(*answer),
        },
        Err(refusal) => Outcome::Refused(core.refuse(Some(&asked), refusal)),
    }
}

/// The plan for a request that goes on, or the answer where there is no such origin or no seat.
pub fn plan(
    core: &Core,
    live: &Live,
    from: &From,
    asked: &Asked<'_>,
    forward: Forward,
    upgradable: bool,
) -> Result<Plan, Box<Answer>> {
    let Some(group) = live.origins.group(&forward.origin).cloned() else {
        return Err(Box::new(core.put_off(asked, &forward, Refusal::Unreachable)));
    };
    let Some(seat) = core.seat_for_forward(live, asked.client) else {
        return Err(Box::new(core.put_off(asked, &forward, Refusal::TooBusy)));
    };
    Ok(Plan {
        group,
        _seat: seat,
        host: asked.host.to_string(),
        client: asked.client,
        client_text: from.text_of(asked.client),
        tls: asked.tls,
        upgrade: upgradable && forward.allow_upgrade,
        event_stream: forward.allow_event_stream && fields::asks_for_events(asked.headers),
        request_id: HeaderValue::from_str(asked.request_id).unwrap_or(HeaderValue::from_static("unknown")),
        fields: None,
        write_stall: live.tolerance.deadlines.write_stall,
        received: AtomicU64::new(0),
        body_done: AtomicBool::new(false),
        answered: None,
        forward,
    })
}

/// Whether the request could become a WebSocket at all (H4).
fn upgradable(head: &Head) -> bool {
    head.method == Method::GET
        && head.framing == Framing::Empty
        && !head.last
        && fields::asks_for_websocket(&head.headers)
}

/// Refuses what could not even be read as a request.
async fn refuse(edge: &Edge, stream: &mut GuardStream, refusal: Refusal, is_head: bool) {
    let answer = edge.core.refuse(None, refusal);
    if send(&edge.core, stream, &answer, is_head, true).await.is_some() {
        stream.close_gently().await;
    }
}

async fn send(core: &Core, stream: &mut GuardStream, answer: &Answer, is_head: bool, close: bool) -> Option<()> {
    let bytes = answer::to_http1(answer, is_head, close, &core.date());
    stream.write_all(&bytes).await.ok()?;
    stream.flush().await.ok()
}
