//! A visitor's request, out of what a proxy tells of it. Each part is said in one field, once and clearly, or there is
//! no answer but a fault: a field that the proxy forgot to set would otherwise be the visitor's to invent. Pure.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::edge::client_ip::{Trusted, fold, vouched_client};
use crate::edge::core::Live;
use crate::edge::guard::head::Head;
use crate::edge::refusal::Refusal;

pub const PASS: &str = "stanchion-pass";
const MAX_METHOD_BYTES: usize = 32;

const ORIGINAL_METHOD: &str = "x-original-method";
const ORIGINAL_URI: &str = "x-original-uri";
const ORIGINAL_HOST: &str = "x-original-host";
const REAL_IP: &str = "x-real-ip";
const FORWARDED_METHOD: &str = "x-forwarded-method";
const FORWARDED_URI: &str = "x-forwarded-uri";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const HOST: &str = "host";

/// The proxy's words, not the visitor's.
const NOT_THE_VISITORS: &[&str] = &[
    ORIGINAL_METHOD,
    ORIGINAL_URI,
    ORIGINAL_HOST,
    REAL_IP,
    FORWARDED_METHOD,
    FORWARDED_URI,
    FORWARDED_HOST,
    FORWARDED_FOR,
    FORWARDED_PROTO,
    HOST,
    "connection",
    "content-length",
    "transfer-encoding",
];

/// Where a proxy puts what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// `X-Original-…` and `X-Real-IP`: one address, which the proxy has found out by itself.
    Original,
    /// `X-Forwarded-…`.
    Forwarded,
    /// The request as it came, its path after so many bytes; address and scheme in `X-Forwarded-…`.
    AsItCame { prefix: usize },
}

/// What a visitor asked for, and who it is.
#[derive(Debug)]
pub struct Original {
    pub method: Method,
    /// Begins with a slash.
    pub target: Bytes,
    pub client: IpAddr,
    pub tls: bool,
    /// The visitor's own fields, and one `Host`.
    pub headers: HeaderMap,
}

impl Default for Original {
    fn default() -> Original {
        Original {
            method: Method::GET,
            target: Bytes::from_static(b"/"),
            client: IpAddr::from([0, 0, 0, 0]),
            tls: false,
            headers: HeaderMap::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy is to blame.
    Told(ToldFault),
    /// The visitor is.
    Refused(Refusal),
}

/// A part of the request that was not said once and clearly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldFault {
    pub field: &'static str,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Missing,
    Twice,
    Invalid,
}

impl fmt::Display for ToldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Missing => "is missing",
            How::Twice => "is there more than once",
            How::Invalid => "is not valid",
        };
        write!(f, "{} {how}", self.field)
    }
}

fn fault(field: &'static str, how: How) -> Fault {
    Fault::Told(ToldFault { field, how })
}

impl Original {
    pub fn read(telling: Telling, head: &Head, live: &Live) -> Result<Original, Fault> {
        let trusted = &live.settings.trusted_proxies;
        let original = told(telling, head, trusted)?;
        if original.target.len() > live.tolerance.head.target_bytes {
            return Err(Fault::Refused(Refusal::TargetTooLong));
        }
        Ok(original)
    }

    /// Where the visitor stands, for a redirect that others must not resolve: scheme and host.
    pub fn site(&self) -> Option<String> {
        let host = self.headers.get(header::HOST)?.to_str().ok()?;
        Some(format!("{}://{host}", if self.tls { "https" } else { "http" }))
    }
}

pub fn told(telling: Telling, head: &Head, trusted: &Trusted) -> Result<Original, Fault> {
    let fields = &head.headers;
    let (method, target, host, client) = match telling {
        Telling::Original => (
            method(fields, ORIGINAL_METHOD)?,
            target(ORIGINAL_URI, only(fields, ORIGINAL_URI)?.as_bytes())?,
            ORIGINAL_HOST,
            real_ip(fields)?,
        ),
        Telling::Forwarded => (
            method(fields, FORWARDED_METHOD)?,
            target(FORWARDED_URI, only(fields, FORWARDED_URI)?.as_bytes())?,
            FORWARDED_HOST,
            forwarded_for(fields, trusted)?,
        ),
        Telling::AsItCame { prefix } => (
            head.method.clone(),
            target("the path", head.target.get(prefix..).unwrap_or_default())?,
            HOST,
            forwarded_for(fields, trusted)?,
        ),
    };
    let tls = tls(fields)?;
    let host = only(fields, host)?.clone();
    Ok(Original {
        method,
        target,
        client,
        tls,
        headers: visitors(fields, host),
    })
}

/// The field's only value.
pub fn only<'h>(fields: &'h HeaderMap, name: &'static str) -> Result<&'h HeaderValue, Fault> {
    let mut values = fields.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(fault(name, How::Missing)),
        (Some(_), Some(_)) => Err(fault(name, How::Twice)),
        (Some(only), None) => Ok(only),
    }
}

fn method(fields: &HeaderMap, name: &'static str) -> Result<Method, Fault> {
    let text = only(fields, name)?.as_bytes();
    let method = Method::from_bytes(text).ok().filter(|_| text.len() <= MAX_METHOD_BYTES);
    method.ok_or(fault(name, How::Invalid))
}

/// A path with its query. An address with a host of its own would say the host twice.
fn target(name: &'static str, text: &[u8]) -> Result<Bytes, Fault> {
    if text.first() == Some(&b'/') {
        Ok(Bytes::copy_from_slice(text))
    } else {
        Err(fault(name, How::Invalid))
    }
}

fn real_ip(fields: &HeaderMap) -> Result<IpAddr, Fault> {
    let text = only(fields, REAL_IP)?.to_str().unwrap_or_default();
    let address = text.parse().map_err(|_| fault(REAL_IP, How::Invalid))?;
    Ok(fold(address))
}

fn forwarded_for(fields: &HeaderMap, trusted: &Trusted) -> Result<IpAddr, Fault> {
    let field = only(fields, FORWARDED_FOR)?;
    vouched_client(field.as_bytes(), trusted).ok_or(fault(FORWARDED_FOR, How::Invalid))
}

fn tls(fields: &HeaderMap) -> Result<bool, Fault> {
    match only(fields, FORWARDED_PROTO)?.as_bytes() {
        b"https" | b"wss" => Ok(true),
        b"http" | b"ws" => Ok(false),
        _ => Err(fault(FORWARDED_PROTO, How::Invalid)),
    }
}

/// The visitor's own fields, with the host that the proxy tells.
fn visitors(fields: &HeaderMap, host: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(fields.len());
    let own = |name: &HeaderName| !NOT_THE_VISITORS.contains(&name.as_str());
    for (name, value) in fields.iter().filter(|(name, _)| own(name)) {
        headers.append(name.clone(), value.clone());
    }
    headers.insert(header::HOST, host);
    headers
}
