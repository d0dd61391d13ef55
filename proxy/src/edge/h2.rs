//! A connection that speaks HTTP/2. Pingora and the `h2` crate read the frames, within bounds set here; each request
//! is then treated as an HTTP/1 one is. A body without a length is refused: it cannot be forwarded safely (H2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, Method};
use pingora::apps::HttpServerApp;
use pingora::http::RequestHeader;
use pingora::protocols::Digest;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{self, H2Accept, H2Options, HttpSession};
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answer;
use super::client_ip::From;
use super::core::{Core, Live};
use super::gate::{Answer, Asked, Verdict};
use super::guard::head::{HeadLimits, content_length};
use super::guard::stream::GuardStream;
use super::h1::{Edge, plan};
use super::proxy::Plan;
use super::refusal::Refusal;
use super::request;

const MAX_STREAMS: u32 = 100;
/// Streams of a connection that are served at one time; the others wait their turn.
const MAX_FORWARDS: usize = 32;
const MAX_RESET_STREAMS: usize = 50;
/// Requests on one connection that were not even HTTP.
const MAX_MALFORMED: usize = 32;
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const SEND_BUFFER_BYTES: usize = 64 * 1024;

fn options(limits: &HeadLimits) -> H2Options {
    let mut options = server::default_h2_options();
    options
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_reset_streams(MAX_RESET_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(Some(MAX_RESET_STREAMS))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    options
}

/// Requests under way on one connection.
#[derive(Default)]
struct Active {
    count: AtomicUsize,
    none: Notify,
}

struct Busy(Arc<Active>);

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.none.notify_one();
        }
    }
}

impl Active {
    fn begin(self: &Arc<Self>) -> Busy {
        self.count.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    async fn idle_for(&self, time: Duration) {
        while self.count.load(Ordering::Relaxed) != 0 {
            self.none.notified().await;
        }
        tokio::time::sleep(time).await;
    }
}

/// Serves the connection to its end.
pub async fn serve(mut edge: Edge, mut stream: Box<GuardStream>, from: From) {
    let tolerance = edge.core.live.load().tolerance.clone();
    stream.set_http2();
    let handshake = server::handshake(stream, Some(options(&tolerance.head)));
    let Ok(Ok(mut connection)) = tokio::time::timeout(tolerance.deadlines.head, handshake).await else {
        return;
    };
    let digest = Arc::new(Digest::default());
    let active = Arc::new(Active::default());
    let forwards = Arc::new(Semaphore::new(MAX_FORWARDS));
    let (mut malformed, mut stopping) = (0, false);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = edge.stopping.wait_for(|stopping| *stopping), if !stopping => {
                connection.graceful_shutdown();
                stopping = true;
                continue;
            }
            accepted = HttpSession::from_h2_conn(&mut connection, digest.clone()) => accepted,
            () = active.idle_for(tolerance.deadlines.idle) => return,
        };
        match accepted {
            Ok(Some(H2Accept::Session(session))) => {
                let (edge, from, busy, forwards) = (edge.clone(), from.clone(), active.begin(), forwards.clone());
                tokio::spawn(async move {
                    one_request(&edge, session, &from, &forwards).await;
                    drop(busy);
                });
            }
            Ok(Some(H2Accept::Rejected)) if malformed < MAX_MALFORMED => malformed += 1,
            _ => return,
        }
    }
}

async fn one_request(edge: &Edge, session: HttpSession, from: &From, forwards: &Semaphore) {
    // A stream whose client takes nothing holds some 470 KB of its answer: 32 of them stay within 16 MiB.
    let Ok(_turn) = forwards.acquire().await else {
        return;
    };
    edge.core.stats.requests.fetch_add(1, Ordering::Relaxed);
    let live = edge.core.live.load_full();
    let mut session = ServerSession::new_http2(session);
    session.set_write_timeout(Some(live.tolerance.deadlines.write_stall));
    let has_body = !session.is_body_empty();
    match decide(&edge.core, &live, session.req_header_mut(), has_body, from).await {
        Ok(plan) => {
            edge.core.stats.forwarded.fetch_add(1, Ordering::Relaxed);
            forward(edge, &live, session, plan, has_body).await;
        }
        Err(answer) => {
            if let Err(error) = send(&edge.core, session, answer).await {
                tracing::debug!(%error, "an HTTP/2 answer could not be sent");
            }
        }
    }
}

/// Hands the request to the proxy machinery, and gives it up where its body trickles.
async fn forward(edge: &Edge, live: &Live, mut session: ServerSession, plan: Plan, has_body: bool) {
    let plan = Arc::new(plan);
    if carry(session.req_header_mut(), &plan).is_err() {
        return;
    }
    let work = edge.machinery.process_new_http(session, &edge.stopping);
    if !has_body {
        work.await;
        return;
    }
    tokio::select! {
        _ = work => {}
        () = trickles(&plan, live) => edge.core.stats.refused(Refusal::TooSlow),
    }
}

/// Ends when a body has fallen behind the slowest tolerated rate.
async fn trickles(plan: &Plan, live: &Live) {
    let began = Instant::now();
    loop {
        let allowed = live
            .tolerance
            .deadlines
            .body_allowance(plan.received.load(Ordering::Relaxed));
        if plan.body_done.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        if began.elapsed() >= allowed {
            return;
        }
        tokio::time::sleep_until(began + allowed).await;
    }
}

/// What to do with a request: a plan for forwarding it, or the answer.
async fn decide(
    core: &Core,
    live: &Live,
    header: &mut RequestHeader,
    has_body: bool,
    from: &From,
) -> Result<Plan, Answer> {
    let settings = &live.settings;
    let refused = |refusal| core.refuse(None, refusal);
    check_limits(header, live, has_body).map_err(refused)?;
    let authority = header.uri.authority().map(|authority| authority.as_str().as_bytes());
    let checked = request::check(
        &header.method,
        header.raw_path(),
        authority,
        &header.headers,
        &settings.hosts,
    )
    .map_err(refused)?;
    if checked.redirect {
        return Err(answer::to_canonical(&checked.target()));
    }
    let request_id = core.next_request_id();
    let asked = Asked {
        method: &header.method,
        host: &checked.host,
        path: &checked.path,
        query: checked.query,
        headers: &header.headers,
        client: from.client(&header.headers, &settings.trusted_proxies),
        tls: from.tls,
        request_id: &request_id,
    };
    let forward = match core.ask(&asked).await {
        Ok(Verdict::Forward(forward)) => forward,
        Ok(Verdict::Answer(answer)) => {
            core.stats.answered.fetch_add(1, Ordering::Relaxed);
            return Err(answer);
        }
        Err(refusal) => return Err(core.refuse(Some(&asked), refusal)),
    };
    let plan = plan(core, live, from, &asked, forward, false).map_err(|answer| *answer)?;
    if checked.rewritten {
        let target = checked.target();
        header.set_uri(retargeted(&header.uri, &target).map_err(|_| core.refuse(None, Refusal::Target))?);
    }
    Ok(plan)
}

/// Lets a request carry its plan into the proxy machinery.
fn carry(header: &mut RequestHeader, plan: &Arc<Plan>) -> pingora::Result<()> {
    let empty = RequestHeader::build_no_case(Method::GET, b"/", Some(0))?;
    let mut parts = http::request::Parts::from(std::mem::replace(header, empty));
    parts.extensions.insert(plan.clone());
    *header = parts.into();
    Ok(())
}

fn check_limits(header: &RequestHeader, live: &Live, has_body: bool) -> Result<(), Refusal> {
    let limits = &live.tolerance.head;
    if header.raw_path().len() > limits.target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    if header.headers.len() > limits.fields {
        return Err(Refusal::TooManyFields);
    }
    check_body(&header.method, &header.headers, live.tolerance.body_bytes, has_body)
}

fn check_body(method: &Method, headers: &HeaderMap, max: u64, has_body: bool) -> Result<(), Refusal> {
    let length = content_length(headers)?;
    match length {
        _ if matches!(*method, Method::GET | Method::HEAD) && (has_body || length.is_some_and(|n| n > 0)) => {
            Err(Refusal::BodyNotExpected)
        }
        None if has_body => Err(Refusal::LengthRequired),
        Some(length) if length > max => Err(Refusal::BodyTooLarge),
        _ => Ok(()),
    }
}

/// The same scheme and authority with the canonical path.
fn retargeted(uri: &http::Uri, target: &str) -> Result<http::Uri, http::Error> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse()?);
    Ok(http::Uri::from_parts(parts)?)
}

async fn send(core: &Core, mut session: ServerSession, answer: Answer) -> pingora::Result<()> {
    let is_head = session.req_header().method == Method::HEAD;
    let header = answer::to_header(&answer, &core.date())?;
    session.write_response_header(header).await?;
    if !is_head && !answer.body.is_empty() {
        session.write_response_body(answer.body, true).await?;
    }
    session.finish().await.map(drop)
}
