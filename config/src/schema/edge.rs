//! The shape of `[edge]`.

use schemars::JsonSchema;

use super::words::{Address, Duration, Host, Name, Path, Prefix, Size, Speed};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct EdgeTable {
    /// Plain listeners: HTTP/1.1, and HTTP/2 where the client begins with it. Left out where `listen_tls` is used,
    /// there is none.
    #[schemars(length(min = 1, max = 16), extend("default" = ["127.0.0.1:8080"]))]
    listen: Option<Vec<Address>>,
    /// TLS listeners. They need a certificate in `tls`.
    #[schemars(length(max = 16), extend("default" = []))]
    listen_tls: Option<Vec<Address>>,
    /// The listener of the admin API, `/healthz`, `/readyz` and `/metrics`. On an address that others can reach it
    /// needs a token.
    #[schemars(extend("default" = "127.0.0.1:9090"))]
    admin: Option<Address>,
    /// What tells this edge from others that share `keys.dir`: its file in there is called so. Left out, it is made of
    /// the admin address.
    name: Option<Name>,
    /// The name of the region, 1 to 32 characters of `a-z`, `0-9` and `-`. It goes into passes, logs and metrics.
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,32}$"))]
    region: Option<String>,
    /// Peers whose `X-Forwarded-For` is believed. Prefixes wider than IPv4 /8 or IPv6 /7 are refused.
    #[schemars(length(max = 1024), extend("default" = []))]
    trusted_proxies: Option<Vec<Prefix>>,
    /// Those of the listeners above whose connections each begin with a PROXY protocol header, version 1 or 2. The peer must
    /// be one of `trusted_proxies`; on these listeners `X-Forwarded-For` does not count. On all others the header is refused.
    #[schemars(length(max = 16), extend("default" = []))]
    proxy_protocol: Option<Vec<Address>>,
    /// Certificates: one table, or one for each set of names. The first is shown to a client that names no host.
    tls: Option<OneOrMany>,
    /// What one connection may cost.
    guard: Option<GuardTable>,
    /// Whether HTTP/2 is spoken where a client asks for it.
    #[schemars(extend("default" = true))]
    http2: Option<bool>,
    /// Where a new process takes the listening sockets over from the old one. Its folder must be there, and writable
    /// by this service alone.
    upgrade_sock: Option<Path>,
    /// Scheme and host under which visitors reach this edge; the issuer of passes. No path.
    #[schemars(length(max = 512))]
    public_url: Option<String>,
    /// How long requests under way may take after `SIGTERM`, or once a successor has taken over, before they are cut
    /// off. What kills a process that does not end must wait a few seconds longer. From 0s to 1h.
    #[schemars(extend("default" = "20s"))]
    drain: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum OneOrMany {
    One(CertificateTable),
    Many(#[schemars(length(max = 256))] Vec<CertificateTable>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct CertificateTable {
    /// The hosts it is for: exact names or `*.example.org`. Without any it is shown where no other fits.
    #[schemars(length(max = 64), extend("default" = []))]
    names: Option<Vec<Host>>,
    /// The certificate chain, PEM.
    cert: Path,
    /// Its private key, PEM. A key that every account of the machine can read is refused.
    key: Path,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct GuardTable {
    /// A request's head is complete this long after its first byte, or the connection ends. From 100ms to 2m.
    #[schemars(extend("default" = "10s"))]
    head_timeout: Option<Duration>,
    /// A TLS handshake is complete after this. From 100ms to 1m.
    #[schemars(extend("default" = "5s"))]
    tls_timeout: Option<Duration>,
    /// A body that arrives slower than this ends its connection. From 1B/s to 1GiB/s.
    #[schemars(extend("default" = "500B/s"))]
    body_min_rate: Option<Speed>,
    /// How long a body may be slower at first. From 100ms to 5m.
    #[schemars(extend("default" = "5s"))]
    body_grace: Option<Duration>,
    /// Longest time that a client may take no byte of an answer. From 100ms to 10m.
    #[schemars(extend("default" = "30s"))]
    write_stall: Option<Duration>,
    /// Longest silence between two requests of a connection. From 100ms to 1h.
    #[schemars(extend("default" = "60s"))]
    idle: Option<Duration>,
    /// Largest head of a request, its first line included. From 1KiB to 256KiB.
    #[schemars(extend("default" = "16KiB"))]
    max_head_bytes: Option<Size>,
    /// Most header fields of a request.
    #[schemars(range(min = 10, max = 256), extend("default" = 100))]
    max_fields: Option<u64>,
    /// Longest URL; at most `max_head_bytes`. From 256B to 64KiB.
    #[schemars(extend("default" = "8KiB"))]
    max_url_bytes: Option<Size>,
    /// Most connections of one IPv4 /24 or IPv6 /64 at a time.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 4096))]
    connections_per_prefix: Option<u64>,
    /// Most connections in all. Left out, it is 80 % of the file descriptors that the process may open.
    #[schemars(range(min = 1, max = 10_000_000))]
    max_connections: Option<u64>,
    /// Memory that the process may hold: from 90 % nothing more is forwarded, from 95 % every answer is the last of its connection; the waiting page is served on. Left out, it is the control group's limit, where there is one. From 32MiB to 1024GiB.
    max_memory: Option<Size>,
}
