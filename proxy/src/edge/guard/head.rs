//! The raw judge of HTTP/1: bytes of a request head in, a checked head or a refusal out. Pure; each byte is looked at
//! twice at most (once while the head arrives, once when it is complete). Knows nothing of sockets, hosts or rooms.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::edge::refusal::Refusal;

/// How much of a head is tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    pub head_bytes: usize,
    pub fields: usize,
    pub target_bytes: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        HeadLimits {
            head_bytes: 16 * 1024,
            fields: 100,
            target_bytes: 8 * 1024,
        }
    }
}

const MAX_NAME_BYTES: usize = 256;
const MAX_METHOD_BYTES: usize = 32;
/// A length of more digits than this is beyond any body.
const MAX_LENGTH_DIGITS: usize = 18;

/// How far the search for the end of the head has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    More,
    /// The head is this long, its empty line included.
    Complete(usize),
}

/// Finds the end of a head while it arrives, without ever looking at a byte again.
#[derive(Debug, Default)]
pub struct Scanner {
    seen: usize,
    line_start: usize,
    lines: usize,
}

impl Scanner {
    /// Looks at what is new in `buf`, which holds the head from its first byte.
    pub fn look(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Scan, Refusal> {
        if buf.first().is_some_and(|byte| !is_token_byte(*byte)) {
            return Err(Refusal::RequestLine);
        }
        while let Some(offset) = buf.get(self.seen..).and_then(|new| memchr::memchr(b'\n', new)) {
            let end = self.seen + offset;
            self.seen = end + 1;
            if self.line(buf, end, limits)? {
                return Ok(Scan::Complete(end + 1));
            }
        }
        self.seen = buf.len();
        if self.lines == 0 && buf.len() > limits.target_bytes + MAX_METHOD_BYTES + 16 {
            return Err(Refusal::TargetTooLong);
        }
        if buf.len() > limits.head_bytes {
            Err(Refusal::HeadTooLarge)
        } else {
            Ok(Scan::More)
        }
    }

    /// Takes note of the line that ends in the line feed at `end`; `true` when it was the empty one.
    fn line(&mut self, buf: &[u8], end: usize, limits: &HeadLimits) -> Result<bool, Refusal> {
        let line = buf
            .get(self.line_start..end)
            .and_then(|line| line.strip_suffix(b"\r"))
            .ok_or(Refusal::LineEnding)?;
        if end >= limits.head_bytes {
            return Err(Refusal::HeadTooLarge);
        }
        if line.is_empty() {
            return Ok(true);
        }
        self.lines += 1;
        self.line_start = end + 1;
        if self.lines > 1 + limits.fields {
            Err(Refusal::TooManyFields)
        } else {
            Ok(false)
        }
    }
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Empty,
    Length(u64),
    Chunked,
}

/// A request head of which only one reading is possible.
#[derive(Debug)]
pub struct Head {
    pub method: Method,
    /// The request target as it was sent.
    pub target: Bytes,
    pub headers: HeaderMap,
    pub framing: Framing,
    /// The client's connection is not to be used again.
    pub last: bool,
    /// HTTP/1.0.
    pub old: bool,
}

/// Reads a complete head.
pub fn parse(bytes: Bytes, limits: &HeadLimits) -> Result<Head, Refusal> {
    let mut lines = Lines { rest: &bytes };
    let line = lines.next().ok_or(Refusal::RequestLine)?;
    let (method, target, old) = request_line(line, limits)?;
    let mut headers = HeaderMap::with_capacity(16);
    for line in lines {
        let (name, value) = field(line)?;
        // No copy. The one look at each byte: a value may hold neither controls (but a tab) nor DEL.
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(value)).map_err(|_| Refusal::ControlByte)?;
        headers.append(name, value);
    }
    let framing = framing(&method, &headers, old)?;
    let target = bytes.slice_ref(target);
    let last = old || asks_to_close(&headers);
    Ok(Head {
        method,
        target,
        headers,
        framing,
        last,
        old,
    })
}

/// The lines of a head up to the empty one, without their line endings.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end + 1)?;
        self.rest = rest;
        line.strip_suffix(b"\r\n").filter(|line| !line.is_empty())
    }
}

fn request_line<'a>(line: &'a [u8], limits: &HeadLimits) -> Result<(Method, &'a [u8], bool), Refusal> {
    if line.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
        return Err(Refusal::ControlByte);
    }
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::RequestLine);
    };
    if target.is_empty() {
        return Err(Refusal::RequestLine);
    }
    if target.len() > limits.target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    let old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::RequestLine),
    };
    Ok((parse_method(method)?, target, old))
}

fn parse_method(method: &[u8]) -> Result<Method, Refusal> {
    if method.is_empty() || method.len() > MAX_METHOD_BYTES || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Refusal::Method);
    }
    Method::from_bytes(method).map_err(|_| Refusal::Method)
}

/// One `name: value` line.
fn field(line: &[u8]) -> Result<(HeaderName, &[u8]), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::FoldedField);
    }
    let colon = memchr::memchr(b':', line).ok_or(Refusal::FieldName)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.len() > MAX_NAME_BYTES {
        return Err(Refusal::FieldName);
    }
    // Token characters only, and at least one.
    let name = HeaderName::from_bytes(name).map_err(|_| Refusal::FieldName)?;
    Ok((name, trim_blanks(value)))
}

/// Exactly one way to tell where the body ends, or a refusal.
fn framing(method: &Method, headers: &HeaderMap, old: bool) -> Result<Framing, Refusal> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let framing = match (codings.next(), codings.next()) {
        (None, _) => match content_length(headers)? {
            None | Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
        },
        (Some(_), _) if headers.contains_key(header::CONTENT_LENGTH) => return Err(Refusal::LengthAndCoding),
        (Some(_), _) if old => return Err(Refusal::CodingOnOldVersion),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        _ => return Err(Refusal::Coding),
    };
    if framing != Framing::Empty && matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::BodyNotExpected);
    }
    Ok(framing)
}

/// One `Content-Length` of plain digits, without leading zeros.
pub fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let mut fields = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(only) = fields.next() else { return Ok(None) };
    let digits = only.as_bytes();
    if fields.next().is_some() || digits.contains(&b',') {
        return Err(Refusal::LengthTwice);
    }
    let plain = !digits.is_empty() && digits.len() <= MAX_LENGTH_DIGITS && digits.iter().all(u8::is_ascii_digit);
    if !plain || (digits.len() > 1 && digits.first() == Some(&b'0')) {
        return Err(Refusal::LengthInvalid);
    }
    Ok(Some(
        digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')),
    ))
}

fn asks_to_close(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|field| {
        field
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9110 `tchar`.
pub fn is_token_byte(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            let b = byte as u8;
            table[byte] = b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'!' | b'#'
                        | b'$'
                        | b'%'
                        | b'&'
                        | b'\''
                        | b'*'
                        | b'+'
                        | b'-'
                        | b'.'
                        | b'^'
                        | b'_'
                        | b'`'
                        | b'|'
                        | b'~'
                );
            byte += 1;
        }
        table
    };
    TOKEN[usize::from(byte)]
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
