//! The way out of the guard: small writes are gathered, and a client that takes nothing for too long is given up.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::time::Instant;

use super::deadline::Alarm;
use super::wire::Wire;

/// Small writes are gathered up to this size.
const GATHERED_BYTES: usize = 4 * 1024;

/// What is still to be written.
#[derive(Debug)]
pub struct Output {
    buf: BytesMut,
    stall: Duration,
    stalled_since: Option<Instant>,
    alarm: Alarm,
}

impl Output {
    pub fn new(stall: Duration) -> Output {
        Output {
            buf: BytesMut::new(),
            stall,
            stalled_since: None,
            alarm: Alarm::default(),
        }
    }

    /// Gives the memory back while there is nothing to write.
    pub fn forget_buffer(&mut self) {
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
        }
    }

    pub fn poll_write(&mut self, cx: &mut Context<'_>, wire: &mut Wire, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.buf.len() + bytes.len() <= GATHERED_BYTES {
            if self.buf.is_empty() {
                self.buf.reserve(GATHERED_BYTES);
            }
            self.buf.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        loop {
            let written = ready!(self.poll_push(cx, wire, bytes))?;
            let ours = written.min(self.buf.len());
            self.buf.advance(ours);
            if written > ours {
                return Poll::Ready(Ok(written - ours));
            }
        }
    }

    pub fn poll_flush(&mut self, cx: &mut Context<'_>, wire: &mut Wire) -> Poll<io::Result<()>> {
        while !self.buf.is_empty() {
            let written = ready!(self.poll_push(cx, wire, &[]))?;
            self.buf.advance(written);
        }
        let flushed = wire.poll_flush(cx);
        self.poll_unstalled(cx, flushed)
    }

    /// Writes what was gathered, and `more`, as far as the wire takes it.
    fn poll_push(&mut self, cx: &mut Context<'_>, wire: &mut Wire, more: &[u8]) -> Poll<io::Result<usize>> {
        let written = match (&self.buf[..], more) {
            (only, []) | ([], only) => wire.poll_write(cx, only),
            (first, then) => wire.poll_write_vectored(cx, &[io::IoSlice::new(first), io::IoSlice::new(then)]),
        };
        match self.poll_unstalled(cx, written) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            other => other,
        }
    }

    /// Passes an outcome on; turns a stall that lasted too long into an error.
    fn poll_unstalled<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled_since = None;
            return outcome;
        }
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        ready!(self.alarm.poll(cx, since + self.stall));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}
