//! A connection behind the guard: plain bytes on one side (TLS is off by then), a proxy that believes it owns a socket on the other. Shows
//! the proxy exactly one request at a time, head replayed, body up to its last byte, and holds the deadlines.

use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::body::Body;
use super::deadline::{Alarm, Deadlines, Waited};
use super::head::{Framing, HeadLimits, Scan, Scanner};
use crate::edge::refusal::Refusal;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const READ_BYTES: usize = 8 * 1024;
/// Small writes are gathered up to this size.
const WRITE_BYTES: usize = 4 * 1024;
/// What is read and thrown away after a last answer.
const LINGER_BYTES: usize = 256 * 1024;

/// What the guard tolerates on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    pub head: HeadLimits,
    pub deadlines: Deadlines,
    /// The longest request body, in bytes.
    pub body_bytes: u64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Tolerance {
            head: HeadLimits::default(),
            deadlines: Deadlines::default(),
            body_bytes: 1 << 30,
        }
    }
}

/// The socket, with or without TLS.
#[derive(Debug)]
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
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

pub struct GuardStream {
    wire: Wire,
    fd: i32,
    tolerance: Arc<Tolerance>,
    http2: bool,
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
    output: BytesMut,
    stalled_since: Option<Instant>,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

impl GuardStream {
    pub fn new(wire: Wire, tolerance: Arc<Tolerance>) -> GuardStream {
        let (fd, http2_allowed) = match &wire {
            Wire::Plain(tcp) => (tcp.as_raw_fd(), true),
            Wire::Tls(tls) => (tls.get_ref().0.as_raw_fd(), false),
        };
        GuardStream {
            wire,
            fd,
            tolerance,
            http2: false,
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
            output: BytesMut::new(),
            stalled_since: None,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    /// From now on the bytes are HTTP/2 frames, and somebody else's to judge.
    pub fn set_http2(&mut self) {
        self.http2 = true;
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
        self.body.is_done() && self.replay.is_empty() && !self.http2
    }

    /// Sends the rest, says that this was the last, and waits for the client to have read it.
    pub async fn close_gently(&mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let linger = self.tolerance.deadlines.linger;
        let drained = async {
            if self.wire_shutdown().await.is_err() {
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
            self.output = BytesMut::new();
        }
        ready!(self.read_alarm.poll(cx, since + allowed));
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
            let deadline = self
                .waited
                .begin(self.tolerance.deadlines.body_allowance(self.body_bytes));
            ready!(self.read_alarm.poll(cx, deadline));
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

    /// Writes to the wire, for no longer than a stall is tolerated.
    fn poll_wire_write(&mut self, cx: &mut Context<'_>, more: &[u8]) -> Poll<io::Result<usize>> {
        let written = match self.output.is_empty() {
            true => self.wire.poll_write(cx, &[io::IoSlice::new(more)]),
            false => self
                .wire
                .poll_write(cx, &[io::IoSlice::new(&self.output), io::IoSlice::new(more)]),
        };
        match self.poll_unstalled(cx, written) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            other => other,
        }
    }

    fn poll_wire_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Wire::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        };
        self.poll_unstalled(cx, flushed)
    }

    /// Passes an outcome of the write side on; turns a stall that lasted too long into an error.
    fn poll_unstalled<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled_since = None;
            return outcome;
        }
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        ready!(self.write_alarm.poll(cx, since + self.tolerance.deadlines.write_stall));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(self.poll_wire_write(cx, &[]))?;
            self.output.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    async fn wire_shutdown(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(tcp) => tcp.shutdown().await,
            Wire::Tls(tls) => tls.shutdown().await,
        }
    }
}

fn refused(refusal: Refusal) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Refused(refusal))
}

impl Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Wire::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Wire::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
        }
    }
}

impl AsyncRead for GuardStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.replay.is_empty() {
            let shown = this.replay.len().min(buf.remaining());
            buf.put_slice(&this.replay.split_to(shown));
            return Poll::Ready(Ok(()));
        }
        if this.http2 {
            if this.input.is_empty() {
                return this.wire.poll_read(cx, buf);
            }
            let shown = this.input.len().min(buf.remaining());
            buf.put_slice(&this.input.split_to(shown));
            return Poll::Ready(Ok(()));
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
        if this.output.len() + buf.len() <= WRITE_BYTES {
            this.output.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        loop {
            let written = ready!(this.poll_wire_write(cx, buf))?;
            let ours = written.min(this.output.len());
            this.output.advance(ours);
            if written > ours {
                return Poll::Ready(Ok(written - ours));
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.poll_wire_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Wire::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}

impl std::fmt::Debug for GuardStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardStream")
            .field("fd", &self.fd)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// What Pingora asks of a stream. Addresses and TLS are known to the edge, and not told through here.
mod as_pingora_stream {
    use std::sync::Arc;

    use async_trait::async_trait;
    use pingora::protocols::raw_connect::ProxyDigest;
    use pingora::protocols::{
        GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
        UniqueIDType,
    };

    use super::GuardStream;

    #[async_trait]
    impl Shutdown for GuardStream {
        async fn shutdown(&mut self) {
            self.close_gently().await;
        }
    }

    impl UniqueID for GuardStream {
        fn id(&self) -> UniqueIDType {
            self.fd
        }
    }

    impl Ssl for GuardStream {}
    impl Peek for GuardStream {}

    impl GetTimingDigest for GuardStream {
        fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
            Vec::new()
        }
    }

    impl GetProxyDigest for GuardStream {
        fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
            None
        }
    }

    impl GetSocketDigest for GuardStream {
        fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
            None
        }
    }
}
