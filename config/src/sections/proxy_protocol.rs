//! `edge.proxy_protocol`: which listeners are reached through hops that say whom they speak for.

use std::net::SocketAddr;

use crate::read::{At, Notes, Told};
use crate::types::Edge;

/// The listeners that begin with a header: each must be one, and somebody must be trusted to send it.
pub(super) fn proxied(placed: &[(SocketAddr, At)], edge: &Edge, notes: &mut Notes<'_>) -> Vec<SocketAddr> {
    for (address, at) in placed {
        if !edge.listen.contains(address) && !edge.listen_tls.contains(address) {
            let told = Told {
                what: format!("`proxy_protocol` names {address}, which is no listener"),
                why: "it says which of `listen` and `listen_tls` begin with a PROXY protocol header".to_owned(),
                help: "write the address exactly as it stands there, or add it there".to_owned(),
            };
            notes.dependent(at, told);
        }
    }
    if let Some((_, at)) = placed.first().filter(|_| edge.trusted_proxies.is_empty()) {
        let told = Told {
            what: "`proxy_protocol` without `trusted_proxies`".to_owned(),
            why: "whoever sends the header says who the client is, so only trusted peers may: nobody could connect"
                .to_owned(),
            help: "name your load balancers in trusted_proxies = [\"10.0.0.0/24\"]".to_owned(),
        };
        notes.dependent(at, told);
    }
    placed.iter().map(|(address, _)| *address).collect()
}
