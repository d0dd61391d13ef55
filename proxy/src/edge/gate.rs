//! The seam between HTTP and the line. The edge makes a request strict and canonical, asks the [`Gate`], and
//! does what it says. The gate knows nothing of sockets or Pingora; the edge nothing of admission.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// A request as the edge has made it: checked, canonical, and with the client's true address.
#[derive(Debug)]
pub struct Asked<'a> {
    pub method: &'a Method,
    /// Lower case, without port, without trailing dot.
    pub host: &'a str,
    /// The canonical path: the same bytes that will be forwarded.
    pub path: &'a str,
    pub query: Option<&'a str>,
    /// As the client sent them (hop-by-hop fields included; several `Cookie` fields possible).
    pub headers: &'a HeaderMap,
    /// Behind trusted hops only.
    pub client: IpAddr,
    pub tls: bool,
    pub request_id: &'a str,
}

/// What to do with it.
#[derive(Debug)]
pub enum Verdict {
    Forward(Forward),
    Answer(Answer),
}

/// Send it to an origin. Identity headers are set last, after every alias of them was stripped.
#[derive(Debug, Default)]
pub struct Forward {
    /// The name of a configured origin.
    pub origin: Arc<str>,
    /// The value of `Stanchion-Pass`.
    pub pass: Option<HeaderValue>,
    /// Names of cookies of ours, removed from what the origin sees.
    pub strip_cookies: Arc<[String]>,
    /// `Set-Cookie` values added to the response.
    pub set_cookies: Vec<HeaderValue>,
    /// Other fields added to the response, for apps that keep credentials without cookies.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// A WebSocket may go through.
    pub allow_upgrade: bool,
    /// A stream of server-sent events may be silent for long.
    pub allow_event_stream: bool,
    /// Handed back with the origin's `Stanchion-Command`.
    pub session: Option<SessionKey>,
    /// Dropped when the request is over.
    pub hold: Option<Hold>,
}

/// What the gate keeps for as long as a request is under way.
pub type Hold = Box<dyn std::fmt::Debug + Send + Sync>;

/// Names a session to the gate; opaque to the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    pub room: Arc<str>,
    pub visitor: [u8; 16],
    pub stamp: u64,
    /// The request came over TLS: decides the cookies' names.
    pub tls: bool,
}

/// An answer of the edge's own. The edge adds `Content-Length`, `Date` and the connection's fate.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Close the connection afterwards: a waiting client costs nothing while it waits.
    pub close: bool,
}

/// What an origin said in `Stanchion-Command`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginCommand {
    Release,
    Revoke,
}

#[async_trait]
pub trait Gate: Send + Sync + 'static {
    async fn decide(&self, asked: &Asked<'_>) -> Verdict;
    /// Carries out an origin's command; returns the cookies to set on this response.
    async fn command(&self, session: &SessionKey, command: OriginCommand) -> Vec<HeaderValue>;
    /// The same for whoever shows the pass; `false` where it is no good.
    async fn command_by_pass(&self, _pass: &str, _command: OriginCommand) -> bool {
        false
    }
    /// The page or problem for a request that cannot be served: an unreachable origin, a refused request.
    fn refusal(&self, asked: Option<&Asked<'_>>, status: StatusCode, reason: &str) -> Answer;
}
