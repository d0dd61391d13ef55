//! The listeners and what they bear.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Plain listeners: HTTP/1.1, and HTTP/2 with prior knowledge where `http2` is on.
    pub listen: Vec<SocketAddr>,
    /// TLS listeners. There is a certificate wherever there is one of these.
    pub listen_tls: Vec<SocketAddr>,
    pub admin: SocketAddr,
    /// Tells edges apart that share the folder of keys.
    pub name: Option<String>,
    /// Goes into passes (`rgn`) and logs.
    pub region: Option<String>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The listeners whose connections begin with a PROXY protocol header; all are among those above.
    pub proxy_protocol: Vec<SocketAddr>,
    /// The first is served to a client that names no host, or an unknown one.
    pub certificates: Vec<Certificate>,
    pub guard: Guard,
    pub http2: bool,
    /// Where a new process takes the listening sockets over from the old one.
    pub upgrade_sock: Option<PathBuf>,
    /// Scheme and authority under which visitors reach this edge, without trailing slash; the issuer of passes.
    pub public_url: Option<String>,
    /// How long requests under way may take once the edge was told to stop.
    pub drain: Duration,
}

/// A certificate chain with its key, for these names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Exact names or `*.example.org`; empty: served where no other certificate fits.
    pub names: Vec<String>,
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Limits on what one connection may cost (THREATS H9, H10, H11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// A request's head is complete this long after its first byte, or the connection ends.
    pub head_timeout: Duration,
    pub tls_timeout: Duration,
    /// A body slower than this, in bytes per second, after `body_grace`, ends the connection.
    pub body_min_bytes_per_s: u64,
    pub body_grace: Duration,
    /// Longest time that a client may take no byte of an answer.
    pub write_stall: Duration,
    /// Longest silence between two requests.
    pub idle: Duration,
    pub max_head_bytes: usize,
    pub max_fields: usize,
    pub max_url_bytes: usize,
    /// Connections of one IPv4 /24 or IPv6 /64 at a time.
    pub connections_per_prefix: u32,
    /// Connections in all; `None`: 80 % of the process's file descriptors.
    pub max_connections: Option<u32>,
    /// Bytes that the process may hold; `None`: what the control group allows.
    pub max_memory: Option<u64>,
}
