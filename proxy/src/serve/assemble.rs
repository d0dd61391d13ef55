//! From a checked configuration to what the parts are told. Values in, values out.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use http::HeaderValue;
use ipnet::IpNet;
use stanchion_admission::keys::PassAlg;
use stanchion_admission::policy::RoomPolicy;
use stanchion_config::{Certificate, Config, Decision, Edge, Guard, Origin, SigningAlgorithm};

use crate::edge::{
    CertificateFiles, ConnectionCaps, Deadlines, EdgeSettings, HeadLimits, Hosts, ListenerSettings, OriginSettings,
    Tolerance, Trusted,
};

/// What may be replaced while the edge runs.
#[must_use]
pub fn edge_settings(config: &Config) -> EdgeSettings {
    EdgeSettings {
        hosts: Hosts::from_patterns(config.rooms.iter().flat_map(|room| &room.hosts).map(String::as_str)),
        trusted_proxies: Trusted::new(config.edge.trusted_proxies.clone()),
        tolerance: Tolerance {
            http2: config.edge.http2,
            ..tolerance(&config.edge.guard)
        },
        connections: ConnectionCaps {
            overall: config.edge.guard.max_connections.map(|most| most as usize),
            per_prefix: config.edge.guard.connections_per_prefix as usize,
        },
        max_memory: config.edge.guard.max_memory,
        origins: config.origins.iter().map(origin).collect(),
        decision_peers: Trusted::new(decision_peers(&config.decision)),
    }
}

/// Where nobody is named it is this machine, whose addresses are the only ones listened on then.
fn decision_peers(decision: &Decision) -> Vec<IpNet> {
    if decision.allow.is_empty() {
        let this_machine = [
            IpNet::new_assert(Ipv4Addr::LOCALHOST.into(), 8),
            IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        return this_machine.to_vec();
    }
    decision.allow.clone()
}

fn tolerance(guard: &Guard) -> Tolerance {
    let defaults = Tolerance::default();
    Tolerance {
        head: HeadLimits {
            head_bytes: guard.max_head_bytes,
            fields: guard.max_fields,
            target_bytes: guard.max_url_bytes,
        },
        deadlines: Deadlines {
            head: guard.head_timeout,
            idle: guard.idle,
            body_grace: guard.body_grace,
            body_bytes_per_s: u32::try_from(guard.body_min_bytes_per_s).unwrap_or(u32::MAX),
            write_stall: guard.write_stall,
            tls_handshake: guard.tls_timeout,
            ..defaults.deadlines
        },
        ..defaults
    }
}

fn origin(origin: &Origin) -> OriginSettings {
    OriginSettings {
        tls_name: origin.tls.then(|| origin.tls_name.clone()).flatten(),
        // A host by then, which can stand in a field.
        host_header: origin
            .host_header
            .as_deref()
            .and_then(|host| HeaderValue::from_str(host).ok()),
        connect_timeout: origin.connect_timeout,
        read_timeout: origin.read_timeout,
        ..OriginSettings::new(origin.name.clone(), origin.servers.clone())
    }
}

/// The manner of speaking of each listener, in the order plain, TLS, decision service.
#[must_use]
pub fn listeners(config: &Config) -> Vec<(SocketAddr, ListenerSettings)> {
    let edge = &config.edge;
    let files: Vec<CertificateFiles> = edge.certificates.iter().map(certificate).collect();
    let plain = edge.listen.iter().map(|address| (address, None));
    let tls = edge.listen_tls.iter().map(|address| (address, Some(files.clone())));
    let settings = |(address, tls): (&SocketAddr, _)| {
        let proxy_protocol = edge.proxy_protocol.contains(address);
        let settings = ListenerSettings {
            tls,
            proxy_protocol,
            decision: false,
        };
        (*address, settings)
    };
    let decision = config.decision.listen.iter().map(|address| {
        let settings = ListenerSettings {
            decision: true,
            ..ListenerSettings::default()
        };
        (*address, settings)
    });
    plain.chain(tls).map(settings).chain(decision).collect()
}

fn certificate(certificate: &Certificate) -> CertificateFiles {
    CertificateFiles {
        chain: certificate.cert.clone(),
        key: certificate.key.clone(),
        hosts: certificate.names.clone(),
    }
}

#[must_use]
pub fn policies(config: &Config) -> Vec<RoomPolicy> {
    config.rooms.iter().map(|room| room.policy.clone()).collect()
}

#[must_use]
pub fn pass_algorithm(config: &Config) -> PassAlg {
    match config.keys.algorithm {
        SigningAlgorithm::EdDsa => PassAlg::EdDsa,
        SigningAlgorithm::Es256 => PassAlg::Es256,
    }
}

/// What this edge's own file in the folder of keys is called.
#[must_use]
pub fn edge_name(edge: &Edge) -> String {
    let from_address = || {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        edge.admin.to_string().chars().map(plain).collect()
    };
    edge.name.clone().unwrap_or_else(from_address)
}

/// `iss` of every pass: the public address where it is configured, else a name that says whose it is.
#[must_use]
pub fn issuer(config: &Config) -> String {
    config.edge.public_url.clone().unwrap_or_else(|| "stanchion".to_owned())
}
