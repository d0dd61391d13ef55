//! Gzip for pages. Nothing secret stands in them and nothing of the request, so their size gives nothing away.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use http::HeaderValue;
use http::header::CONTENT_ENCODING;

use super::accept;
use crate::edge::gate::Answer;

/// A quick level: twice the time saves another twentieth.
const LEVEL: Compression = Compression::new(2);

/// Compresses the body for those who take it.
pub fn squeeze(answer: &mut Answer, accept_encoding: Option<&str>) {
    if !accept_encoding.is_some_and(accept::takes_gzip) {
        return;
    }
    // No name and no time in the head: equal pages are equal bytes.
    let mut gzip = GzBuilder::new().write(Vec::with_capacity(answer.body.len() / 2), LEVEL);
    let Ok(small) = gzip.write_all(&answer.body).and_then(|()| gzip.finish()) else {
        return;
    };
    answer.body = Bytes::from(small);
    answer
        .headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
}
