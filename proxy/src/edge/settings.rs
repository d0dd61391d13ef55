//! What the edge is told: where to listen, whom to trust, where origins are, how much is tolerated. Plain values; all
//! but the listeners may be replaced while the edge runs.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

use super::client_ip::Trusted;
use super::guard::stream::Tolerance;
use super::host::Hosts;

/// One listening socket's manner of speaking. The socket itself is bound by the caller.
#[derive(Clone, Debug, Default)]
pub struct ListenerSettings {
    /// `None`: HTTP/1.1 and HTTP/2 with prior knowledge, in the clear.
    pub tls: Option<Vec<CertificateFiles>>,
    /// Each connection is a trusted hop's and begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Other proxies ask here what to do with a request; no visitor is served.
    pub decision: bool,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
    /// The names it is shown for (`a.example`, `*.a.example`); the first certificate is shown for all others.
    pub hosts: Vec<String>,
}

/// What may be replaced while the edge runs.
#[derive(Clone, Debug, Default)]
pub struct EdgeSettings {
    pub hosts: Hosts,
    pub trusted_proxies: Trusted,
    pub tolerance: Tolerance,
    pub connections: ConnectionCaps,
    /// Bytes of memory; `None`: what the control group allows.
    pub max_memory: Option<u64>,
    pub origins: Vec<OriginSettings>,
    /// Who may ask the decision service.
    pub decision_peers: Trusted,
}

/// How many connections are open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCaps {
    /// `None`: four fifths of the process's limit on open files.
    pub overall: Option<usize>,
    /// Per IPv4 /24 or IPv6 /64; trusted proxies are exempt.
    pub per_prefix: usize,
}

impl Default for ConnectionCaps {
    fn default() -> Self {
        ConnectionCaps {
            overall: None,
            per_prefix: 4096,
        }
    }
}

/// A named group of servers that answer alike.
#[derive(Clone, Debug)]
pub struct OriginSettings {
    pub name: String,
    /// `host:port`; names are looked up when the edge starts and every half minute.
    pub servers: Vec<String>,
    /// Speak TLS to them, asking for this name.
    pub tls_name: Option<String>,
    /// The `Host` that they are sent in place of the visitor's.
    pub host_header: Option<HeaderValue>,
    pub connect_timeout: Duration,
    /// The longest silence while an answer is expected or under way.
    pub read_timeout: Duration,
    /// How long an unused connection is kept. Below what servers commonly keep, so that they rarely close one under a
    /// request.
    pub idle_timeout: Duration,
}

impl OriginSettings {
    pub fn new(name: impl Into<String>, servers: Vec<String>) -> OriginSettings {
        OriginSettings {
            name: name.into(),
            servers,
            tls_name: None,
            host_header: None,
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(4),
        }
    }
}
