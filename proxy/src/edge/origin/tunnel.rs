//! Connections to a server that may be asked to switch protocols. Pingora's proxy hands the (empty) request body to the
//! server's side of the exchange and waits for the answer at the same time, in no fixed order; a 101 that is read before
//! that empty body is taken for the end of the tunnel. Here the answer to what was just written is seen one turn later,
//! which leaves the body the first turn.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::{Error, ErrorType};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Opens such connections.
#[derive(Debug)]
pub struct TunnelConnector {
    pub timeout: Duration,
}

#[async_trait]
impl L4Connect for TunnelConnector {
    async fn connect(&self, address: &SocketAddr) -> pingora::Result<Stream> {
        let Some(address) = address.as_inet() else {
            return Error::e_explain(ErrorType::ConnectError, "not an internet address");
        };
        let tcp = match tokio::time::timeout(self.timeout, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Error::e_because(ErrorType::ConnectError, "connecting for a tunnel", error),
            Err(late) => return Error::e_because(ErrorType::ConnectTimedout, "connecting for a tunnel", late),
        };
        Ok(Stream::from(VirtualSocketStream::new(Box::new(OneTurnLater::new(tcp)))))
    }
}

/// Shows nothing at the first look after a write.
#[derive(Debug)]
struct OneTurnLater<S> {
    inner: S,
    wrote: bool,
}

impl<S> OneTurnLater<S> {
    fn new(inner: S) -> Self {
        OneTurnLater { inner, wrote: false }
    }
}

impl VirtualSocket for OneTurnLater<TcpStream> {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.inner.set_nodelay(true),
            _ => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for OneTurnLater<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.wrote) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OneTurnLater<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.wrote = true;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What else waits in the same `select!` has its turn before an answer that is already here.
    #[tokio::test]
    async fn an_answer_waits_for_whoever_else_is_ready() {
        for round in 0..100 {
            let (near, mut far) = tokio::io::duplex(64);
            let mut near = OneTurnLater::new(near);
            near.write_all(b"ask").await.unwrap();
            far.write_all(b"101").await.unwrap();
            let (body, mut queue) = tokio::sync::mpsc::channel::<()>(1);
            body.send(()).await.unwrap();
            let mut answer = [0; 3];
            let body_first = tokio::select! {
                _ = near.read_exact(&mut answer) => false,
                _ = queue.recv() => true,
            };
            assert!(body_first, "round {round}");
            near.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"101");
        }
    }
}
