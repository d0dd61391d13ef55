//! An [`Answer`] on its way out: HTTP/1 bytes, or a header for the proxy machinery to send. Adds what the gate leaves
//! to the edge: length, date, the connection's fate. Pure.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;

use super::gate::Answer;

/// Fields that only the edge sets.
fn is_ours(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONTENT_LENGTH
            | header::DATE
            | header::CONNECTION
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::TRAILER
    ) || name == "keep-alive"
}

fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The whole answer in HTTP/1.1. A `HEAD` gets the head of it.
pub fn to_http1(answer: &Answer, is_head: bool, close: bool, date: &HeaderValue) -> Bytes {
    let mut out = BytesMut::with_capacity(256 + answer.headers.len() * 64 + answer.body.len());
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(answer.status.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(answer.status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.put_slice(b"\r\n");
    for (name, value) in answer.headers.iter().filter(|(name, _)| !is_ours(name)) {
        put_field(&mut out, name.as_str().as_bytes(), value.as_bytes());
    }
    put_field(&mut out, b"date", date.as_bytes());
    if has_body(answer.status) {
        put_field(&mut out, b"content-length", answer.body.len().to_string().as_bytes());
    }
    put_field(&mut out, b"connection", if close { b"close" } else { b"keep-alive" });
    out.put_slice(b"\r\n");
    if !is_head && has_body(answer.status) {
        out.put_slice(&answer.body);
    }
    out.freeze()
}

fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.put_slice(name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// The head of an answer for Pingora to send, in either version.
pub fn to_header(answer: &Answer, date: &HeaderValue) -> pingora::Result<Box<ResponseHeader>> {
    let mut header = ResponseHeader::build_no_case(answer.status, Some(answer.headers.len() + 3))?;
    for (name, value) in answer.headers.iter().filter(|(name, _)| !is_ours(name)) {
        header.append_header(name.clone(), value.clone())?;
    }
    header.insert_header(header::DATE, date.clone())?;
    if has_body(answer.status) {
        header.insert_header(header::CONTENT_LENGTH, answer.body.len())?;
    }
    Ok(Box::new(header))
}

/// Sends a client to the canonical path of the same host. `target` begins with exactly one slash (H16).
pub fn to_canonical(target: &str) -> Answer {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(target) {
        headers.insert(header::LOCATION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer {
        status: StatusCode::PERMANENT_REDIRECT,
        headers,
        body: Bytes::new(),
        close: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, fields: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
            close: false,
        }
    }

    #[test]
    fn an_answer_has_one_length_one_date_and_its_fate() {
        let date = HeaderValue::from_static("D");
        let fields = &[
            ("content-length", "99"),
            ("connection", "x"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        let text =
            |answer: &Answer, head, close| String::from_utf8(to_http1(answer, head, close, &date).to_vec()).unwrap();
        let whole = "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ndate: D\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
        assert_eq!(text(&answer(200, fields, "hello"), false, true), whole);
        assert_eq!(
            text(&answer(200, fields, "hello"), true, true),
            whole.trim_end_matches("hello")
        );
        assert_eq!(
            text(&answer(204, &[], ""), false, false),
            "HTTP/1.1 204 No Content\r\ndate: D\r\nconnection: keep-alive\r\n\r\n"
        );
    }
}
