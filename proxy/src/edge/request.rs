//! A request made strict: one host, one path, one method that is allowed. Shared by HTTP/1 and HTTP/2; pure. What
//! comes out is both what the gate is asked about and what an origin would get.

use std::borrow::Cow;

use http::{HeaderMap, Method, header};

use super::fields;
use super::host::{Hosts, parse_host};
use super::path::{self, Canonical};
use super::refusal::Refusal;

/// What a client may ask for.
pub const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
/// The same, as the `Allow` field of a refusal.
pub const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The parts of a request that decide where it goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked<'a> {
    pub host: Cow<'a, str>,
    pub path: Cow<'a, str>,
    pub query: Option<&'a str>,
    /// The client wrote another path than it meant: send it to the canonical one.
    pub redirect: bool,
    /// The target as sent is not what is to be forwarded.
    pub rewritten: bool,
}

impl Checked<'_> {
    /// Path and query, as they are forwarded, and as a redirect names them.
    pub fn target(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_string(),
        }
    }
}

/// Checks method, target, host, connection options and expectation. `authority` is HTTP/2's.
pub fn check<'a>(
    method: &Method,
    target: &'a [u8],
    authority: Option<&'a [u8]>,
    headers: &'a HeaderMap,
    hosts: &Hosts,
) -> Result<Checked<'a>, Refusal> {
    if !METHODS.contains(method) {
        return Err(Refusal::MethodNotAllowed);
    }
    let (named, local) = split_target(target)?;
    let authority = one_authority(authority.or(named), headers)?;
    let host = parse_host(authority)?;
    let (raw_path, query) = split_query(local);
    let query = query.map(check_query).transpose()?;
    let Canonical { path, restructured } = path::canonical(raw_path)?;
    if restructured && !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::PathNotCanonical);
    }
    fields::check_nominations(headers)?;
    check_expectation(headers)?;
    if !hosts.serves(&host) {
        return Err(Refusal::HostUnknown);
    }
    let rewritten = named.is_some() || matches!(path, Cow::Owned(_));
    Ok(Checked {
        host,
        path,
        query,
        redirect: restructured,
        rewritten,
    })
}

/// Origin form, or absolute form with its authority.
fn split_target(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Refusal> {
    if target.first() == Some(&b'/') {
        return Ok((None, target));
    }
    let rest = [&b"http://"[..], b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (head, rest) = target.split_at_checked(scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then_some(rest)
        })
        .ok_or(Refusal::Target)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let (authority, local) = rest.split_at(end);
    match local.first() {
        None => Ok((Some(authority), b"/")),
        Some(b'/') => Ok((Some(authority), local)),
        _ => Err(Refusal::Target),
    }
}

/// The one authority that everything in the request agrees on.
fn one_authority<'a>(named: Option<&'a [u8]>, headers: &'a HeaderMap) -> Result<&'a [u8], Refusal> {
    let mut fields = headers.get_all(header::HOST).iter();
    match (fields.next(), fields.next(), named) {
        (_, Some(_), _) => Err(Refusal::HostTwice),
        (Some(field), None, Some(named)) if !field.as_bytes().eq_ignore_ascii_case(named) => Err(Refusal::HostMismatch),
        (Some(field), None, _) => Ok(field.as_bytes()),
        (None, _, _) => named
            .filter(|_| !headers.contains_key(header::HOST))
            .ok_or(Refusal::HostMissing),
    }
}

fn split_query(local: &[u8]) -> (&[u8], Option<&[u8]>) {
    match local.iter().position(|byte| *byte == b'?') {
        Some(at) => (&local[..at], Some(&local[at + 1..])),
        None => (local, None),
    }
}

fn check_query(query: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(query).map_err(|_| Refusal::Query)?;
    if path::query_is_allowed(query) {
        Ok(text)
    } else {
        Err(Refusal::Query)
    }
}

fn check_expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut fields = headers.get_all(header::EXPECT).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        _ => Err(Refusal::Expectation),
    }
}
