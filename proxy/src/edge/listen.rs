//! From a bound socket to served connections: accept, count, TLS, hand over. Refuses at accept what is too much.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::client_ip::From;
use super::core::Live;
use super::guard::count::Seat;
use super::guard::stream::GuardStream;
use super::guard::wire::Wire;
use super::h1::{self, Edge};
use super::h2;
use super::preface;
use super::tls::Certificates;

/// After a failed accept (out of files, mostly) others get this long to give some back.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// What every connection of a listener begins with.
#[derive(Clone)]
pub struct Begin {
    pub certificates: Option<Arc<Certificates>>,
    /// A PROXY protocol header, from a trusted hop.
    pub proxy_protocol: bool,
    /// Proxies that ask, and no visitors.
    pub decision: bool,
}

/// Accepts connections until the edge stops; gives those that are still open. They end with the set.
pub async fn accept(mut edge: Edge, listener: TcpListener, begin: Begin) -> JoinSet<()> {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = edge.stopping.wait_for(|stopping| *stopping) => return open,
            Some(_) = open.join_next() => continue,
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
        if begin.decision && !live.settings.decision_peers.contains(peer) {
            edge.core.stats.strangers.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%peer, "a stranger at the decision service was turned away");
            continue;
        }
        let Some(seat) = seat(&edge, &live, peer) else { continue };
        let caller = Caller { tcp, peer, seat };
        open.spawn(serve(edge.clone(), live, caller, begin.clone()));
    }
}

/// An accepted connection, whose place it is, and who is at its other end.
struct Caller {
    tcp: TcpStream,
    peer: IpAddr,
    seat: Seat,
}

/// A seat for the connection, unless there are too many already.
fn seat(edge: &Edge, live: &Live, peer: IpAddr) -> Option<Seat> {
    let overall = live.max_connections.saturating_sub(edge.core.forwards.open());
    let most_of_network = live.most_of_network(peer).filter(|_| !edge.decision);
    match edge.core.connections.admit(peer, overall, most_of_network) {
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

/// Whom the connection speaks for, and the place that it takes. Nothing where it may not say, or does not say it well.
async fn introduced(edge: &Edge, live: &Live, caller: &mut Caller, begin: &Begin) -> Option<From> {
    let from = |peer| From::new(peer, begin.certificates.is_some(), begin.proxy_protocol);
    if !begin.proxy_protocol {
        return Some(from(caller.peer));
    }
    let said = if live.settings.trusted_proxies.contains(caller.peer) {
        preface::read(&mut caller.tcp).await.map_err(Some)
    } else {
        Err(None)
    };
    match said {
        Ok(None) => Some(from(caller.peer)),
        Ok(Some(client)) => {
            caller.seat = seat(edge, live, client)?;
            Some(from(client))
        }
        Err(problem) => {
            edge.core.stats.preface_failed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(peer = %caller.peer, ?problem, "no good PROXY protocol header from a trusted hop");
            None
        }
    }
}

async fn serve(edge: Edge, live: Arc<Live>, mut caller: Caller, begin: Begin) {
    let _ = caller.tcp.set_nodelay(true);
    let Some(from) = introduced(&edge, &live, &mut caller, &begin).await else {
        return;
    };
    let Caller { tcp, seat, .. } = caller;
    let (wire, http2) = match begin.certificates {
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
    let stream = Box::new(GuardStream::new(wire, edge.tolerance(&live).clone()));
    drop(live);
    let stream = if http2 {
        Some(stream)
    } else {
        h1::serve(edge.clone(), stream, &from).await
    };
    if let Some(stream) = stream {
        h2::serve(edge, stream, from).await;
    }
    drop(seat);
}
