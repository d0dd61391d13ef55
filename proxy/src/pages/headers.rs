//! The headers of everything the edge says by itself: never stored, never indexed, nothing loaded from anywhere.

use std::fmt::Write;

use http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, VARY};
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Longest nonce used, in characters.
const MAX_NONCE: usize = 64;

/// What the answer's page may load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// Nothing but itself: our own pages.
    Nothing,
    /// Pictures, fonts and sounds over HTTPS: an operator's own page.
    Media,
}

/// Headers that every answer of the edge's own has.
#[must_use]
pub fn common(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(
        VARY,
        HeaderValue::from_static("Accept, Accept-Encoding, Accept-Language, Cookie"),
    );
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers
}

/// Adds what a page needs on top.
pub fn page(headers: &mut HeaderMap, language: &'static str, nonce: &str, loads: Loads) {
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language));
    if let Ok(policy) = HeaderValue::from_str(&policy(nonce, loads)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

pub fn retry_after(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
}

/// `worker-src blob:` lets the page keep time in a hidden tab, where a page's own timers are held back for up to a
/// minute.
fn policy(nonce: &str, loads: Loads) -> String {
    let nonce = clean_nonce(nonce);
    let media = match loads {
        Loads::Nothing => "img-src data:",
        Loads::Media => "img-src 'self' data: https:; font-src 'self' data: https:; media-src 'self' data: https:",
    };
    let mut text = String::with_capacity(320);
    let _ = write!(
        text,
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; {media}; \
         worker-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    text
}

/// Only characters a nonce can have: it goes into a header and into attributes.
#[must_use]
pub fn clean_nonce(nonce: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "+/=-_".contains(*c);
    nonce.chars().filter(fits).take(MAX_NONCE).collect()
}
