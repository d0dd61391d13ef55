//! Where a request's body ends on the wire: the same boundary that the proxy will find, judged on the raw bytes. Pure.
//! Chunk extensions and trailers are refused: nobody needs them, and parsers disagree about them.

use super::head::Framing;
use crate::edge::refusal::Refusal;

/// What of a request is still to come.
#[derive(Debug)]
pub enum Body {
    Done,
    Length(u64),
    Chunked {
        state: Chunk,
        total: u64,
    },
    /// After an upgrade: everything belongs to the tunnel.
    Tunnel,
}

/// What the next byte of a chunked body must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    Size { digits: u8, value: u64 },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    LastCr,
    LastLf,
}

const FIRST: Chunk = Chunk::Size { digits: 0, value: 0 };
/// Sixteen hexadecimal digits are a 64-bit number; more are only leading zeros.
const MAX_SIZE_DIGITS: u8 = 16;

impl Body {
    pub fn new(framing: Framing) -> Body {
        match framing {
            Framing::Empty => Body::Done,
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked { state: FIRST, total: 0 },
        }
    }

    pub fn is_done(&self) -> bool {
        matches!(self, Body::Done)
    }

    /// How many of these bytes belong to this body; the rest is the next request. No body may be longer than `max`.
    pub fn take(&mut self, bytes: &[u8], max: u64) -> Result<usize, Refusal> {
        match self {
            Body::Done => Ok(0),
            Body::Tunnel => Ok(bytes.len()),
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    *self = Body::Done;
                }
                Ok(taken)
            }
            Body::Chunked { state, total } => {
                let (taken, done) = take_chunks(state, total, bytes, max)?;
                if done {
                    *self = Body::Done;
                }
                Ok(taken)
            }
        }
    }
}

fn take_chunks(state: &mut Chunk, total: &mut u64, bytes: &[u8], max: u64) -> Result<(usize, bool), Refusal> {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let Chunk::Data { left } = state {
            let run = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
            *left -= run as u64;
            at += run;
            if *left == 0 {
                *state = Chunk::DataCr;
            }
            continue;
        }
        at += 1;
        *state = match step(*state, byte)? {
            Some(Chunk::Data { left }) => {
                *total = total.saturating_add(left);
                if *total > max {
                    return Err(Refusal::BodyTooLarge);
                }
                Chunk::Data { left }
            }
            Some(next) => next,
            None => return Ok((at, true)),
        };
    }
    Ok((at, false))
}

/// One byte of chunk framing; `None`: that was the last one.
fn step(state: Chunk, byte: u8) -> Result<Option<Chunk>, Refusal> {
    let next = match (state, byte) {
        (Chunk::Size { digits: 1.., value }, b'\r') => Chunk::SizeEnd { value },
        (Chunk::Size { digits, value }, _) => {
            let digit = char::from(byte)
                .to_digit(16)
                .filter(|_| digits < MAX_SIZE_DIGITS)
                .ok_or(Refusal::ChunkInvalid)?;
            Chunk::Size {
                digits: digits + 1,
                value: value << 4 | u64::from(digit),
            }
        }
        (Chunk::SizeEnd { value: 0 }, b'\n') => Chunk::LastCr,
        (Chunk::SizeEnd { value }, b'\n') => Chunk::Data { left: value },
        (Chunk::DataCr, b'\r') => Chunk::DataLf,
        (Chunk::DataLf, b'\n') => FIRST,
        (Chunk::LastCr, b'\r') => Chunk::LastLf,
        (Chunk::LastLf, b'\n') => return Ok(None),
        _ => return Err(Refusal::ChunkInvalid),
    };
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: u64 = 1 << 30;

    /// Feeds `bytes` in pieces of `step`; how much was the body's, or the refusal.
    fn fed(framing: Framing, bytes: &[u8], step: usize) -> Result<Option<usize>, Refusal> {
        let mut body = Body::new(framing);
        let mut taken = 0;
        for piece in bytes.chunks(step) {
            let n = body.take(piece, MAX)?;
            taken += n;
            if n < piece.len() || body.is_done() {
                break;
            }
        }
        Ok(body.is_done().then_some(taken))
    }

    /// H1: what a chunked body may look like, at every way of cutting it up.
    #[test]
    fn chunked_bodies_end_where_they_end() {
        let good: &[(&[u8], usize)] = &[
            (b"0\r\n\r\n", 5),
            (b"5\r\nhello\r\n0\r\n\r\nGET", 15),
            (b"a\r\n0123456789\r\n0\r\n\r\n", 20),
            (b"A\r\n0123456789\r\n0\r\n\r\n", 20),
            (b"0000000000000005\r\nhello\r\n0\r\n\r\n", 30),
            (b"1\r\na\r\n1\r\nb\r\n00\r\n\r\n", 18),
            (b"2\r\n\r\n\r\n0\r\n\r\n", 12),
        ];
        let bad: &[&[u8]] = &[
            b"\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b" 5\r\n",
            b"\t5\r\n",
            b"5;x=1\r\nhello\r\n",
            b"5;\r\n",
            b"0x5\r\n",
            b"+5\r\n",
            b"-5\r\n",
            b"5_0\r\n",
            b"5\nhello\r\n",
            b"5\r\rhello",
            b"5\r\nhelloX",
            b"5\r\nhello\n",
            b"5\r\nhello\rX",
            b"g\r\n",
            b"00000000000000005\r\n",
            b"10000000000000000\r\n",
            b"0\r\nTrailer: x\r\n\r\n",
            b"0\r\n\n",
            b"0\n\r\n",
            b"0\r\n\rX",
            b"5.0\r\n",
            b"\"5\"\r\n",
            b"\xd9\xa5\r\n",
            b"\0",
        ];
        for step in [1, 2, 3, 7, 1000] {
            for (bytes, want) in good {
                assert_eq!(
                    fed(Framing::Chunked, bytes, step),
                    Ok(Some(*want)),
                    "{:?}",
                    String::from_utf8_lossy(bytes)
                );
            }
            for bytes in bad {
                let got = fed(Framing::Chunked, bytes, step);
                assert_eq!(got, Err(Refusal::ChunkInvalid), "{:?}", String::from_utf8_lossy(bytes));
            }
        }
    }

    #[test]
    fn a_chunked_body_may_be_no_longer_than_allowed() {
        let mut body = Body::new(Framing::Chunked);
        assert_eq!(body.take(b"5\r\nhello\r\n5\r\nhello\r\n", 10), Ok(20));
        assert_eq!(body.take(b"1\r\n", 10), Err(Refusal::BodyTooLarge));
        let mut body = Body::new(Framing::Chunked);
        assert_eq!(body.take(b"ffffffffffffffff\r\n", 10), Err(Refusal::BodyTooLarge));
    }

    #[test]
    fn a_length_is_exact() {
        assert_eq!(fed(Framing::Length(5), b"helloGET", 3), Ok(Some(5)));
        assert_eq!(fed(Framing::Length(5), b"hell", 1), Ok(None));
        assert_eq!(fed(Framing::Empty, b"GET", 3), Ok(Some(0)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1usize..20) {
            let _ = fed(Framing::Chunked, &bytes, step);
        }
    }
}
