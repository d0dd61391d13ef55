//! From a bound socket to served connections: accept, count, TLS, hand over. Refuses at accept what is too much.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::core::Live;
use super::guard::count::Seat;
use super::guard::stream::GuardStream;
use super::guard::wire::Wire;
use super::h1::{self, Edge, From};
use super::h2;
use super::tls::Certificates;

/// After a failed accept (out of files, mostly) others get this long to give some back.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Accepts connections until the edge stops. `killed` ends them all at once.
pub async fn accept(
    mut edge: Edge,
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    killed: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = edge.stopping.wait_for(|stopping| *stopping) => return,
            accepted = listener.accept() => accepted,
        };
        let (tcp, peer) = match accepted {
            Ok((tcp, peer)) => (tcp, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                continue;
            }
        };
        let live = edge.core.live.load_full();
        let Some(seat) = seat(&edge, &live, peer) else { continue };
        let (edge, certificates, mut killed) = (edge.clone(), certificates.clone(), killed.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve(edge, live, tcp, peer, certificates) => {}
                _ = killed.wait_for(|killed| *killed) => {}
            }
            drop(seat);
        });
    }
}

/// A seat for the connection, unless there are too many already.
fn seat(edge: &Edge, live: &Live, peer: IpAddr) -> Option<Seat> {
    let overall = live.max_connections.saturating_sub(edge.core.forwards.open());
    match edge.core.connections.admit(peer, overall, live.most_of_network(peer)) {
        Ok(seat) => {
            edge.core.stats.accepted.fetch_add(1, Ordering::Relaxed);
            Some(seat)
        }
        Err(full) => {
            edge.core.stats.turned_away.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%peer, ?full, "a connection was turned away");
            None
        }
    }
}

async fn serve(edge: Edge, live: Arc<Live>, tcp: TcpStream, peer: IpAddr, certificates: Option<Arc<Certificates>>) {
    let _ = tcp.set_nodelay(true);
    let from = From {
        peer,
        tls: certificates.is_some(),
    };
    let (wire, http2) = match certificates {
        None => (Wire::Plain(tcp), false),
        Some(certificates) => {
            let handshake = certificates.acceptor(live.tolerance.http2).accept(tcp);
            let Ok(Ok(tls)) = tokio::time::timeout(live.tolerance.deadlines.tls_handshake, handshake).await else {
                edge.core.stats.tls_failed.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            (Wire::Tls(Box::new(tls)), http2)
        }
    };
    let stream = Box::new(GuardStream::new(wire, live.tolerance.clone()));
    drop(live);
    let stream = if http2 {
        Some(stream)
    } else {
        h1::serve(edge.clone(), stream, from).await
    };
    if let Some(stream) = stream {
        h2::serve(edge, stream, from).await;
    }
}
