//! Forwarding, by Pingora's proxy. A request comes here only once the gate has said so, with a [`Plan`]; here a server
//! is chosen, what `rewrite` changes is changed on the way there and back, and failures become answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, HttpProxy, ProxyHttp, Session};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora::{Error, ErrorSource};

use super::answer;
use super::core::Core;
use super::failure::{Trouble, refusal_error, refusal_of};
use super::gate::{Asked, Forward};
use super::guard::count::Seat;
use super::origin::tunnel::TunnelConnector;
use super::origin::{Choice, Group};
use super::refusal::Refusal;
use super::rewrite::{fit_for_origin, has_no_body, is_for_us_alone, keep_private, names, take_command, with_fields};

/// A request is sent to at most this many servers.
const MAX_TRIES: usize = 3;
const IDLE_ORIGIN_CONNECTIONS: usize = 1024;
/// Connections that may become tunnels are kept apart from the others.
const TUNNELS: u64 = 1;
/// How long a tunnel or an event stream may be silent.
const STREAM_SILENCE: Duration = Duration::from_secs(600);

/// What was decided about one request.
#[derive(Debug)]
pub struct Plan {
    /// Given back when the request is over.
    pub _seat: Seat,
    pub forward: Forward,
    pub group: Arc<Group>,
    pub host: String,
    pub client: IpAddr,
    pub client_text: HeaderValue,
    pub tls: bool,
    /// The request asks for a WebSocket and may have it.
    pub upgrade: bool,
    /// The request asks for server-sent events and may have them.
    pub event_stream: bool,
    pub request_id: HeaderValue,
    /// What the origin gets, made from what we read ourselves; of an HTTP/2 request Pingora has read the fields.
    pub fields: Option<HeaderMap>,
    pub write_stall: Duration,
    pub received: AtomicU64,
    pub body_done: AtomicBool,
    /// To be set once the origin's answer is through; the connection then waits no longer for the rest of the body.
    pub answered: Option<Arc<AtomicBool>>,
}

/// One request on its way; a request may have several servers.
#[derive(Default)]
pub struct Trip {
    plan: Option<Arc<Plan>>,
    choice: Option<Choice>,
    tried: u64,
}

pub struct Forwarder {
    core: Arc<Core>,
}

pub type Machinery = HttpProxy<Forwarder>;

/// The proxy machinery. It opens no listener: requests are handed to it.
pub fn machinery(core: Arc<Core>) -> Machinery {
    let conf = ServerConf {
        max_retries: MAX_TRIES,
        upstream_keepalive_pool_size: IDLE_ORIGIN_CONNECTIONS,
        ..ServerConf::default()
    };
    pingora::proxy::http_proxy(&Arc::new(conf), Forwarder { core })
}

impl Plan {
    fn set_answered(&self) {
        if let Some(answered) = &self.answered {
            answered.store(true, Ordering::Relaxed);
        }
    }
}

impl Trip {
    fn plan(&self) -> pingora::Result<&Arc<Plan>> {
        self.plan.as_ref().ok_or_else(|| refusal_error(Refusal::Panicked))
    }

    fn report(&mut self, outcome: Result<(), &Error>) {
        if let (Some(plan), Some(choice)) = (&self.plan, self.choice.take()) {
            let trouble = outcome.err().map(Trouble);
            plan.group
                .report(choice.index, trouble.as_ref().map_or(Ok(()), |trouble| Err(trouble)));
        }
    }
}

#[async_trait]
impl ProxyHttp for Forwarder {
    type CTX = Trip;

    fn new_ctx(&self) -> Trip {
        Trip::default()
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    /// HTTP/1 brings its plan along with the connection.
    fn on_connection_reuse(&self, _: &mut Session, trip: &mut Trip, plan: Box<dyn std::any::Any + Send + Sync>) {
        trip.plan = plan.downcast::<Arc<Plan>>().ok().map(|plan| *plan);
    }

    /// HTTP/2 brings it along with the request.
    async fn early_request_filter(&self, session: &mut Session, trip: &mut Trip) -> pingora::Result<()> {
        if trip.plan.is_none() {
            trip.plan = session.req_header().extensions.get::<Arc<Plan>>().cloned();
        }
        let write_stall = trip.plan()?.write_stall;
        session.set_read_timeout(None);
        if session.is_http2() {
            session.set_write_timeout(Some(write_stall));
        }
        Ok(())
    }

    async fn upstream_peer(&self, _: &mut Session, trip: &mut Trip) -> pingora::Result<Box<HttpPeer>> {
        let plan = trip.plan()?.clone();
        let choice = plan
            .group
            .choose(trip.tried)
            .ok_or_else(|| refusal_error(Refusal::Unreachable))?;
        trip.tried |= 1 << choice.index;
        trip.choice = Some(choice);
        Ok(Box::new(peer(&plan, choice)))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        trip: &mut Trip,
    ) -> pingora::Result<()> {
        let (plan, bodyless) = (trip.plan()?, session.is_body_empty());
        with_fields(upstream, |request| match &plan.fields {
            Some(fields) => request.headers = fields.clone(),
            None => fit_for_origin(&mut request.headers, &request.method, bodyless, plan),
        });
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        trip: &mut Trip,
    ) -> pingora::Result<()> {
        let plan = trip.plan()?;
        plan.received
            .fetch_add(body.as_ref().map_or(0, Bytes::len) as u64, Ordering::Relaxed);
        plan.body_done.fetch_or(end, Ordering::Relaxed);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        trip: &mut Trip,
    ) -> pingora::Result<()> {
        let command = take_command(&response.headers);
        for name in names(&response.headers, is_for_us_alone) {
            response.remove_header(&name);
        }
        let switching = response.status == StatusCode::SWITCHING_PROTOCOLS;
        if response.status.is_informational() && !switching {
            return Ok(());
        }
        trip.report(Ok(()));
        if self.core.stopping.load(Ordering::Relaxed) {
            session.set_keepalive(None);
        }
        let plan = trip.plan()?;
        plan.group.answered(Some(response.status));
        if switching && !plan.upgrade {
            return Err(refusal_error(Refusal::OriginInvalid));
        }
        let mut ours = !plan.forward.set_cookies.is_empty() || !plan.forward.response_headers.is_empty();
        for cookie in &plan.forward.set_cookies {
            response.append_header(header::SET_COOKIE, cookie.clone())?;
        }
        for (name, value) in &plan.forward.response_headers {
            response.append_header(name.clone(), value.clone())?;
        }
        if let (Some(command), Some(session)) = (command, &plan.forward.session) {
            for cookie in self.core.command(session, command).await {
                response.append_header(header::SET_COOKIE, cookie)?;
                ours = true;
            }
        }
        if ours {
            keep_private(response)?;
        }
        if has_no_body(response) {
            plan.set_answered();
        }
        Ok(())
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        end: bool,
        trip: &mut Trip,
    ) -> pingora::Result<Option<Duration>> {
        if end {
            trip.plan()?.set_answered();
        }
        Ok(None)
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Session,
        trailers: &mut HeaderMap,
        _: &mut Trip,
    ) -> pingora::Result<Option<Bytes>> {
        for name in names(trailers, is_for_us_alone) {
            trailers.remove(name);
        }
        Ok(None)
    }

    /// Nothing was sent: another server may be asked, whatever the method.
    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, trip: &mut Trip, mut error: Box<Error>) -> Box<Error> {
        trip.report(Err(&error));
        error.set_retry(true);
        error
    }

    /// Something was sent: again only if that does no harm, and only where a kept connection turned out to be dead.
    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        trip: &mut Trip,
        reused: bool,
    ) -> Box<Error> {
        let mut error = error;
        if *error.esource() == ErrorSource::Upstream && !reused {
            trip.report(Err(&error));
        }
        if !session.req_header().method.is_idempotent() || session.as_ref().retry_buffer_truncated() {
            error.set_retry(false);
        } else {
            error.retry.decide_reuse(reused);
        }
        if error.retry() {
            // The same server may be asked again, over a fresh connection.
            trip.tried = 0;
        }
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, trip: &mut Trip) -> FailToProxy {
        let failed = |error_code| FailToProxy {
            error_code,
            can_reuse_downstream: false,
        };
        if session
            .response_written()
            .is_some_and(|sent| !sent.status.is_informational() || sent.status.as_u16() == 101)
        {
            return failed(0);
        }
        let Some(refusal) = refusal_of(error) else {
            return failed(0);
        };
        if let Some(plan) = trip.plan.as_ref().filter(|_| *error.esource() == ErrorSource::Upstream) {
            plan.group.answered(None);
        }
        session.set_keepalive(None);
        if let Err(error) = self.send_refusal(session, refusal, trip).await {
            tracing::debug!(%error, "a refusal could not be sent");
        }
        failed(refusal.status().as_u16())
    }

    fn suppress_error_log(&self, _: &Session, _: &Trip, error: &Error) -> bool {
        *error.esource() == ErrorSource::Downstream
    }
}

impl Forwarder {
    async fn send_refusal(&self, session: &mut Session, refusal: Refusal, trip: &Trip) -> pingora::Result<()> {
        let is_head = session.req_header().method == Method::HEAD;
        let answer = match &trip.plan {
            Some(plan) => {
                let request = session.req_header();
                let asked = Asked {
                    method: &request.method,
                    host: &plan.host,
                    path: request.uri.path(),
                    query: request.uri.query(),
                    headers: plan.fields.as_ref().unwrap_or(&request.headers),
                    client: plan.client,
                    tls: plan.tls,
                    request_id: plan.request_id.to_str().unwrap_or_default(),
                };
                self.core.put_off(&asked, &plan.forward, refusal)
            }
            None => self.core.refuse(None, refusal),
        };
        let header = answer::to_header(&answer, &self.core.date())?;
        let empty = is_head || answer.body.is_empty();
        session.write_response_header(header, empty).await?;
        if !empty {
            session.write_response_body(Some(answer.body), true).await?;
        }
        Ok(())
    }
}

fn peer(plan: &Plan, choice: Choice) -> HttpPeer {
    let settings = &plan.group.settings;
    let (tls, name) = (
        settings.tls_name.is_some(),
        settings.tls_name.clone().unwrap_or_default(),
    );
    let mut peer = HttpPeer::new(choice.address, tls, name);
    let silence = if plan.upgrade || plan.event_stream {
        STREAM_SILENCE.max(settings.read_timeout)
    } else {
        settings.read_timeout
    };
    peer.options.connection_timeout = Some(settings.connect_timeout);
    peer.options.total_connection_timeout = Some(settings.connect_timeout * 2);
    peer.options.read_timeout = Some(silence);
    peer.options.write_timeout = Some(settings.read_timeout);
    peer.options.idle_timeout = Some(settings.idle_timeout);
    if plan.upgrade {
        peer.group_key = TUNNELS;
        peer.options.custom_l4 = Some(Arc::new(TunnelConnector {
            timeout: settings.connect_timeout,
        }));
    } else {
        peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    }
    peer
}
