//! The admin listener's own bounds: so many connections at a time, a head that is complete in time and no larger than it
//! need be, no client that is silent or takes nothing for long.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};

/// Largest head of a request, and most fields.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;

/// What the listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time. The next one waits in the kernel's queue.
    pub connections: usize,
    /// A head is complete this long after the connection is ready for it.
    pub head: Duration,
    /// Longest time in which a client sends nothing, or takes nothing.
    pub silence: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 256,
            head: Duration::from_secs(10),
            silence: Duration::from_secs(60),
        }
    }
}

pub struct Bounded {
    listener: TcpListener,
    free: Arc<Semaphore>,
    bounds: Bounds,
}

impl Bounded {
    #[must_use]
    pub fn new(listener: TcpListener, bounds: Bounds) -> Bounded {
        Bounded {
            listener,
            free: Arc::new(Semaphore::new(bounds.connections)),
            bounds,
        }
    }

    async fn accept(&self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&self.free).acquire_owned().await else {
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => return (Connection::new(stream, permit, self.bounds.silence), peer),
                // Out of descriptors, or a client that left at once: others may do better in a moment.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// Answers everybody until `stop` is ready; requests under way are finished.
pub async fn serve(listener: Bounded, router: Router, stop: impl Future<Output = ()>) {
    let (stopping, _) = watch::channel(false);
    let mut stop = pin!(stop);
    // As many as there are permits.
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            (stream, peer) = listener.accept() => {
                let router = router.clone().layer(Extension(ConnectInfo(Peer(peer))));
                open.spawn(talk(stream, router, listener.bounds.head, stopping.subscribe()));
            }
            Some(_) = open.join_next() => {}
            () = &mut stop => break,
        }
    }
    stopping.send_replace(true);
    while open.join_next().await.is_some() {}
}

/// One connection, to its end.
async fn talk(stream: Connection, router: Router, head: Duration, mut stopping: watch::Receiver<bool>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        // A client that broke off or broke a bound: there is nobody to tell.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The peer's address, for handlers.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A connection that ends when its client is silent, or takes nothing, for too long.
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

impl Connection {
    /// What was done, or the end of patience.
    fn watched<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            let until = Instant::now() + self.max_silence;
            self.silence.as_mut().reset(until);
            return done;
        }
        self.silence
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.watched(cx, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
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
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn bounded(bounds: Bounds) -> (Bounded, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Bounded::new(listener, bounds), address)
    }

    async fn served(bounds: Bounds) -> SocketAddr {
        let (bounded, address) = bounded(bounds).await;
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(serve(bounded, router, std::future::pending()));
        address
    }

    async fn answer_to(address: SocketAddr, bytes: &[u8]) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        // A server that refuses may close before all is sent.
        let _ = client.write_all(bytes).await;
        let mut answer = Vec::new();
        let reading = client.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("an end");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// H9: a client that says nothing is let go.
    #[tokio::test]
    async fn h9_silence_ends_a_connection() {
        let silence = Duration::from_millis(50);
        let (bounded, address) = bounded(Bounds {
            silence,
            ..Bounds::default()
        })
        .await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = bounded.accept().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'x');
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// H9: a client that takes nothing is let go, too.
    #[tokio::test]
    async fn h9_a_client_that_takes_nothing_is_let_go() {
        let silence = Duration::from_millis(50);
        let (bounded, address) = bounded(Bounds {
            silence,
            ..Bounds::default()
        })
        .await;
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = bounded.accept().await;
        let much = vec![0; 1 << 20];
        let ended = async { while connection.write_all(&much).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(20), ended)
            .await
            .expect("an end");
    }

    /// H9: a head that drips in is cut off at its deadline, however lively it is.
    #[tokio::test]
    async fn h9_a_dripping_head_is_cut_off() {
        let head = Duration::from_millis(300);
        let address = served(Bounds {
            head,
            ..Bounds::default()
        })
        .await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        let began = Instant::now();
        while client.write_all(b"X-A: b\r\n").await.is_ok() {
            assert!(began.elapsed() < Duration::from_secs(20), "it drips on and on");
            sleep(Duration::from_millis(10)).await;
        }
        assert!(began.elapsed() >= head, "{:?}", began.elapsed());
    }

    /// H10: heads are bounded in bytes and fields; what fits is answered.
    #[tokio::test]
    async fn h10_large_heads_are_refused() {
        let address = served(Bounds::default()).await;
        let request = |fields: String| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let ordinary = answer_to(address, request(String::new()).as_bytes()).await;
        assert!(
            ordinary.starts_with("HTTP/1.1 200") && ordinary.ends_with("here"),
            "{ordinary}"
        );
        for fields in [
            "X-A: b\r\n".repeat(MAX_FIELDS),
            format!("X-A: {}\r\n", "b".repeat(MAX_HEAD_BYTES)),
        ] {
            let refused = answer_to(address, request(fields).as_bytes()).await;
            assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
        }
    }

    /// H11: one past the bound waits until another has gone.
    #[tokio::test]
    async fn h11_one_past_the_bound_waits() {
        let (bounded, address) = bounded(Bounds {
            connections: 1,
            ..Bounds::default()
        })
        .await;
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
