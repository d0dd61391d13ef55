//! What a request says: its body, as JSON or as a form, and its idempotency key. Strict: nothing unknown, nothing twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::pass::Visitor;
use crate::shop::command::Key;

const MAX_KEY: usize = 255;
/// Longest sentence about a body, in characters.
const MAX_DETAIL: usize = 300;

/// The body as what it is taken for. Members of a form are text; `numbers` names those that are numbers.
pub(super) fn body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], numbers: &[&str]) -> Result<T, Problem> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        let text = "Send the body as it is, without a Content-Encoding.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", text));
    }
    match media_type(headers).as_deref() {
        Some("application/json") => serde_json::from_slice(body).map_err(|error| bad(error.to_string())),
        Some("application/x-www-form-urlencoded") => form(body, numbers),
        _ => {
            let text = "Send application/json or application/x-www-form-urlencoded.";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", text))
        }
    }
}

/// What is wrong with a body. May repeat what was sent, and then not much of it.
pub(super) fn bad(text: impl Into<String>) -> Problem {
    let mut text: String = text.into();
    if let Some((end, _)) = text.char_indices().nth(MAX_DETAIL) {
        text.truncate(end);
        text.push('…');
    }
    Problem::new(StatusCode::BAD_REQUEST, "bad-order", text)
}

fn form<T: DeserializeOwned>(body: &[u8], numbers: &[&str]) -> Result<T, Problem> {
    let mut fields = serde_json::Map::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = match numbers.contains(&name.as_ref()) {
            true => {
                let number: u64 = value.parse().map_err(|_| bad(format!("{name} must be a number")))?;
                number.into()
            }
            false => serde_json::Value::String(value.into_owned()),
        };
        if fields.insert(name.to_string(), value).is_some() {
            return Err(bad(format!("`{}` is there twice", name.escape_debug())));
        }
    }
    serde_json::from_value(fields.into()).map_err(|error| bad(error.to_string()))
}

/// The parameters of an address; each once.
pub(super) fn query(text: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.unwrap_or("").as_bytes()) {
        let wrong = |what: &str| {
            let text = format!("{what}: `{}`", name.escape_debug());
            Problem::new(StatusCode::BAD_REQUEST, "bad-query", text)
        };
        if !known.contains(&name.as_ref()) {
            return Err(wrong("there is no such parameter"));
        }
        if found.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(wrong("this parameter is there twice"));
        }
    }
    Ok(found)
}

/// The visitor's key for this request; the header counts where a form has one too.
pub(super) fn key(
    headers: &HeaderMap,
    in_form: Option<String>,
    visitor: &Visitor,
    path: &str,
    request: &impl Serialize,
) -> Result<Option<Key>, Problem> {
    let Some(key) = key_text(headers, in_form)? else {
        return Ok(None);
    };
    let canonical = serde_json::to_vec(&(path, request)).map_err(|error| bad(error.to_string()))?;
    let digest = Sha256::digest(&canonical);
    let fingerprint: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(Key {
        person: visitor.subject.as_str().into(),
        key: Arc::from(key),
        fingerprint: fingerprint.into(),
    }))
}

fn key_text(headers: &HeaderMap, in_form: Option<String>) -> Result<Option<String>, Problem> {
    let bad = || {
        let text = format!("Idempotency-Key must be one of 1-{MAX_KEY} printable ASCII characters");
        Problem::new(StatusCode::BAD_REQUEST, "bad-key", text)
    };
    let mut given = headers.get_all("idempotency-key").iter();
    let key = match (given.next(), given.next()) {
        (None, _) => in_form,
        (Some(key), None) => Some(key.to_str().map_err(|_| bad())?.to_owned()),
        _ => return Err(bad()),
    };
    let good = |key: &String| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    match key {
        None => Ok(None),
        Some(key) if good(&key) => Ok(Some(key)),
        Some(_) => Err(bad()),
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(|kind| kind.trim().to_ascii_lowercase())
}
