//! The admin listener's own bounds: so many connections at a time, none silent for longer than a minute.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at a time. The next one waits in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 256;
/// Longest silence of a client.
pub const MAX_SILENCE: Duration = Duration::from_secs(60);

pub struct Bounded {
    listener: TcpListener,
    free: Arc<Semaphore>,
    max_silence: Duration,
}

impl Bounded {
    #[must_use]
    pub fn new(listener: TcpListener) -> Bounded {
        Bounded::with(listener, MAX_CONNECTIONS, MAX_SILENCE)
    }

    fn with(listener: TcpListener, connections: usize, max_silence: Duration) -> Bounded {
        Bounded {
            listener,
            free: Arc::new(Semaphore::new(connections)),
            max_silence,
        }
    }
}

impl axum::serve::Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&self.free).acquire_owned().await else {
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => return (Connection::new(stream, permit, self.max_silence), peer),
                // Out of descriptors, or a client that left at once: others may do better in a moment.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The peer's address, for handlers.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Peer(*stream.remote_addr())
    }
}

/// A connection that ends when its client is silent for too long.
pub struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    max_silence: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit, max_silence: Duration) -> Connection {
        Connection {
            stream,
            silence: Box::pin(sleep(max_silence)),
            max_silence,
            _permit: permit,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            let until = Instant::now() + self.max_silence;
            self.silence.as_mut().reset(until);
            return read;
        }
        match self.silence.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::serve::Listener;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn bounded(connections: usize, max_silence: Duration) -> (Bounded, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Bounded::with(listener, connections, max_silence), address)
    }

    /// H9: a client that says nothing is let go.
    #[tokio::test]
    async fn h9_silence_ends_a_connection() {
        let (mut bounded, address) = bounded(1, Duration::from_millis(50)).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = bounded.accept().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'x');
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// H11: one past the bound waits until another has gone.
    #[tokio::test]
    async fn h11_one_past_the_bound_waits() {
        let (mut bounded, address) = bounded(1, MAX_SILENCE).await;
        let _clients = (
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        );
        let (first, _) = bounded.accept().await;
        let second = tokio::time::timeout(Duration::from_millis(100), bounded.accept()).await;
        assert!(second.is_err(), "the second is not accepted while the first is held");
        drop(first);
        let second = tokio::time::timeout(Duration::from_secs(10), bounded.accept()).await;
        assert!(second.is_ok(), "it is once the first has gone");
    }
}
