//! A connection behind the guard: plain bytes on one side (TLS is off by then), a proxy that believes it owns a
//! socket on the other. Shows the proxy exactly one request at a time, head replayed, body up to its last byte, and
//! holds the deadlines.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use super::body::Body;
use super::deadline::{Alarm, Deadlines, Waited};
use super::frames::{ControlFrames, Flood};
use super::head::{Framing, HeadLimits, Scan, Scanner};
use super::output::Output;
use super::wire::Wire;
use crate::edge::refusal::Refusal;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const READ_BYTES: usize = 8 * 1024;
/// What is read and thrown away after a last answer.
const LINGER_BYTES: usize = 256 * 1024;

/// What the guard tolerates on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    pub head: HeadLimits,
    pub deadlines: Deadlines,
    /// The longest request body, in bytes.
    pub body_bytes: u64,
    pub http2: bool,
}

impl Default for Tolerance {
    fn default() -> Self {
        Tolerance {
            head: HeadLimits::default(),
            deadlines: Deadlines::default(),
            body_bytes: 1 << 30,
            http2: true,
        }
    }
}

/// What came next on a connection.
#[derive(Debug)]
pub enum Next {
    Head(Bytes),
    Http2,
    Closed,
    Refused(Refusal),
}

/// A refusal as an error: carried through the proxy's own errors back to us.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("request refused: {}", .0.code())]
pub struct Refused(pub Refusal);

struct Http2 {
    began: Instant,
    control: ControlFrames,
}

pub struct GuardStream {
    wire: Wire,
    id: i32,
    tolerance: Arc<Tolerance>,
    /// The bytes are HTTP/2 frames, and somebody else's to judge.
    http2: Option<Http2>,
    /// HTTP/2 may begin by itself, without having been agreed on.
    http2_allowed: bool,
    first: bool,
    eof: bool,
    /// Read from the wire, not yet anybody's.
    input: BytesMut,
    scanner: Scanner,
    /// When the wait for the first byte, or for the rest of the head, began.
    waiting_since: Option<Instant>,
    /// The head to be shown to the proxy.
    replay: Bytes,
    body: Body,
    body_bytes: u64,
    waited: Waited,
    /// Set by whoever has sent the whole answer, be the body here or not.
    answered: Arc<AtomicBool>,
    /// When that was first seen while waiting for the rest of the body.
    answered_since: Option<Instant>,
    output: Output,
    alarm: Alarm,
}

impl GuardStream {
    pub fn new(wire: Wire, tolerance: Arc<Tolerance>) -> GuardStream {
        let (id, http2_allowed) = (wire.id(), tolerance.http2 && matches!(wire, Wire::Plain(_)));
        let stall = tolerance.deadlines.write_stall;
        GuardStream {
            wire,
            id,
            tolerance,
            http2: None,
            http2_allowed,
            first: true,
            eof: false,
            input: BytesMut::new(),
            scanner: Scanner::default(),
            waiting_since: None,
            replay: Bytes::new(),
            body: Body::Done,
            body_bytes: 0,
            waited: Waited::default(),
            answered: Arc::default(),
            answered_since: None,
            output: Output::new(stall),
            alarm: Alarm::default(),
        }
    }

    /// From now on the bytes are HTTP/2 frames.
    pub fn set_http2(&mut self) {
        self.http2 = Some(Http2 {
            began: Instant::now(),
            control: ControlFrames::default(),
        });
    }

    /// Whether no request has come yet.
    pub fn is_new(&self) -> bool {
        self.first
    }

    /// The socket's number, while it is open.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The next request head, once it is complete. Cancelling loses nothing.
    pub async fn next_head(&mut self) -> Next {
        std::future::poll_fn(|cx| self.poll_head(cx)).await
    }

    /// Shows the proxy this head, and then the body it announces.
    pub fn show(&mut self, head: Bytes, framing: Framing, tunnel: bool) {
        self.replay = head;
        self.set_body(if tunnel { Body::Tunnel } else { Body::new(framing) });
    }

    /// To be set once the answer to the request being shown is complete: the rest of its body is then not waited for.
    pub fn answered(&self) -> Arc<AtomicBool> {
        self.answered.clone()
    }

    /// Answering without having read the body: whether all of it is here already and could be dropped, so that the
    /// connection can go on.
    pub fn skip_body(&mut self, framing: Framing) -> bool {
        self.set_body(Body::new(framing));
        match self.body.take(&self.input, self.tolerance.body_bytes) {
            Ok(taken) => self.input.advance(taken),
            Err(_) => return false,
        }
        self.body.is_done()
    }

    /// Whether the request is over and the next one may be looked for.
    pub fn is_between_requests(&self) -> bool {
        self.body.is_done() && self.replay.is_empty() && self.http2.is_none()
    }

    /// Sends the rest, says that this was the last, and waits for the client to have read it.
    pub async fn close_gently(&mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let linger = self.tolerance.deadlines.linger;
        let drained = async {
            if self.shutdown().await.is_err() {
                return;
            }
            let mut left = LINGER_BYTES;
            while let Ok(n @ 1..) = std::future::poll_fn(|cx| self.poll_gather(cx)).await {
                self.input.clear();
                left = left.saturating_sub(n);
                if left == 0 {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(linger, drained).await;
    }

    fn set_body(&mut self, body: Body) {
        self.body = body;
        self.body_bytes = 0;
        self.waited = Waited::default();
        self.answered.store(false, Ordering::Relaxed);
        self.answered_since = None;
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            if !self.input.is_empty() {
                match self.look_at_input() {
                    Ok(None) => {}
                    Ok(Some(next)) => return Poll::Ready(next),
                    Err(refusal) => return Poll::Ready(Next::Refused(refusal)),
                }
            }
            let was_idle = self.input.is_empty();
            match self.poll_gather(cx) {
                Poll::Ready(Ok(1..)) if was_idle => self.waiting_since = None,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(Next::Closed),
                Poll::Pending => return self.poll_patience(cx),
            }
        }
    }

    /// Nothing more for now: how long still?
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let deadlines = &self.tolerance.deadlines;
        let idle = self.input.is_empty();
        let allowed = if idle && !self.first {
            deadlines.idle
        } else {
            deadlines.head
        };
        if idle {
            self.output.forget_buffer();
        }
        ready!(self.alarm.poll(cx, since + allowed));
        Poll::Ready(if idle {
            Next::Closed
        } else {
            Next::Refused(Refusal::TooSlow)
        })
    }

    fn look_at_input(&mut self) -> Result<Option<Next>, Refusal> {
        if self.first && self.http2_allowed && PREFACE.starts_with(&self.input[..self.input.len().min(PREFACE.len())]) {
            return Ok((self.input.len() >= PREFACE.len()).then_some(Next::Http2));
        }
        let Scan::Complete(length) = self.scanner.look(&self.input, &self.tolerance.head)? else {
            return Ok(None);
        };
        let head = match length == self.input.len() {
            true => std::mem::take(&mut self.input),
            false => self.input.split_to(length),
        };
        self.first = false;
        self.scanner = Scanner::default();
        self.waiting_since = None;
        Ok(Some(Next::Head(head.freeze())))
    }

    /// Reads what the wire has into `input`.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [const { std::mem::MaybeUninit::uninit() }; READ_BYTES];
        let mut buf = ReadBuf::uninit(&mut scratch);
        ready!(self.wire.poll_read(cx, &mut buf))?;
        self.input.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// The body is over: nothing to show, but a client that goes away should be noticed. The next request waits.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.eof {
            return Poll::Ready(Ok(()));
        }
        if !self.input.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_gather(cx))? {
            0 => {
                self.eof = true;
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        }
    }

    /// Body bytes, from what is already here or straight from the wire.
    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let max = self.tolerance.body_bytes;
        if !self.input.is_empty() {
            let shown = self.input.len().min(buf.remaining());
            let taken = self.body.take(&self.input[..shown], max).map_err(refused)?;
            buf.put_slice(&self.input[..taken]);
            self.input.advance(taken);
            self.body_bytes += taken as u64;
            return Poll::Ready(Ok(()));
        }
        if self.wire.poll_read(cx, buf)?.is_pending() {
            if matches!(self.body, Body::Tunnel) {
                return Poll::Pending;
            }
            let deadline = self.body_deadline();
            ready!(self.alarm.poll(cx, deadline));
            return Poll::Ready(Err(refused(Refusal::TooSlow)));
        }
        self.waited.end();
        let fresh = &buf.filled()[before..];
        let taken = self.body.take(fresh, max).map_err(refused)?;
        self.input.extend_from_slice(&fresh[taken..]);
        self.body_bytes += taken as u64;
        buf.set_filled(before + taken);
        Poll::Ready(Ok(()))
    }

    /// HTTP/2: everything is shown as it is, and control frames are counted.
    fn poll_frames(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.input.is_empty() {
            ready!(self.wire.poll_read(cx, buf))?;
        } else {
            let shown = self.input.len().min(buf.remaining());
            buf.put_slice(&self.input.split_to(shown));
        }
        let Some(Http2 { began, control }) = &mut self.http2 else {
            return Poll::Ready(Ok(()));
        };
        match control.look(&buf.filled()[before..], began.elapsed()) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Flood) => Poll::Ready(Err(io::Error::other("a flood of HTTP/2 control frames"))),
        }
    }

    /// Until when the next bytes of the body may stay away.
    fn body_deadline(&mut self) -> Instant {
        let deadlines = &self.tolerance.deadlines;
        let deadline = self.waited.begin(deadlines.body_allowance(self.body_bytes));
        if !self.answered.load(Ordering::Relaxed) {
            return deadline;
        }
        let answered = *self.answered_since.get_or_insert_with(Instant::now);
        deadline.min(answered + deadlines.linger)
    }
}

fn refused(refusal: Refusal) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Refused(refusal))
}

impl AsyncRead for GuardStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.replay.is_empty() {
            let shown = this.replay.len().min(buf.remaining());
            buf.put_slice(&this.replay.split_to(shown));
            return Poll::Ready(Ok(()));
        }
        if this.http2.is_some() {
            return this.poll_frames(cx, buf);
        }
        if this.body.is_done() {
            this.poll_idle(cx)
        } else {
            this.poll_body(cx, buf)
        }
    }
}

impl AsyncWrite for GuardStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.output.poll_write(cx, &mut this.wire, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.output.poll_flush(cx, &mut this.wire)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.output.poll_flush(cx, &mut this.wire))?;
        this.wire.poll_shutdown(cx)
    }
}

impl std::fmt::Debug for GuardStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardStream")
            .field("id", &self.id)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
