//! The admin listener's own bounds: so many connections at a time, a head that is complete in time and no larger than it
//! need be, no client that is silent or takes nothing for long. Beyond the bound there is a reserve that answers health
//! checks and nothing else, so that a flood does not have the edge taken for dead.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::reserve::{Reserve, health_only};

/// Largest head of a request, and most fields.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;

/// What the listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time. Further ones are of the reserve.
    pub connections: usize,
    /// Connections beyond those: one answer about health each. One more ends the oldest of them.
    pub reserve: usize,
    /// All the time that a connection of the reserve has.
    pub reserve_life: Duration,
    /// A head is complete this long after the connection is ready for it.
    pub head: Duration,
    /// Longest time in which a client sends nothing, or takes nothing.
    pub silence: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 256,
            reserve: 64,
            reserve_life: Duration::from_secs(2),
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
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let seat = Arc::clone(&self.free).try_acquire_owned().ok();
                    return (Connection::new(stream, seat, self.bounds.silence), peer);
                }
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
    let bounds = listener.bounds;
    // As many as there are permits, and the reserve.
    let mut open = JoinSet::new();
    let mut reserve = Reserve::new(bounds.reserve);
    loop {
        tokio::select! {
            (stream, peer) = listener.accept() => {
                let router = router.clone().layer(Extension(ConnectInfo(Peer(peer))));
                if stream.has_a_seat() {
                    open.spawn(talk(stream, router, bounds.head, true, stopping.subscribe()));
                } else {
                    let router = router.layer(middleware::from_fn(health_only));
                    let talk = talk(stream, router, bounds.reserve_life, false, stopping.subscribe());
                    let talk = async move { drop(timeout(bounds.reserve_life, talk).await) };
                    reserve.keep(open.spawn(talk));
                }
            }
            Some(_) = open.join_next() => {}
            () = &mut stop => break,
        }
    }
    stopping.send_replace(true);
    while open.join_next().await.is_some() {}
}

/// One connection, to its end.
async fn talk(
    stream: Connection,
    router: Router,
    head: Duration,
    keep_alive: bool,
    mut stopping: watch::Receiver<bool>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .keep_alive(keep_alive)
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
    /// `None`: it is of the reserve.
    seat: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: TcpStream, seat: Option<OwnedSemaphorePermit>, max_silence: Duration) -> Connection {
        Connection {
            stream,
            silence: Box::pin(sleep(max_silence)),
            max_silence,
            seat,
        }
    }

    fn has_a_seat(&self) -> bool {
        self.seat.is_some()
    }

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
mod tests;
