//! The shapes of the small tables and of `[[origins]]`.

use schemars::JsonSchema;

use super::words::{Address, Duration, Host, LogFormat, LogLevel, Name, Path, Prefix, Signing};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct AdminTable {
    /// A file whose first line is the bearer token: 32 to 512 printable characters. One that every account of the
    /// machine can read is refused.
    token_file: Option<Path>,
    /// The token's SHA-256 in hexadecimal, in place of `token_file`.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{64}$"))]
    token_sha256: Option<String>,
    /// Peers that may connect. Without any: everybody who can reach the address.
    #[schemars(length(max = 64), extend("default" = []))]
    allow: Option<Vec<Prefix>>,
    /// Names under which it is asked for (`edge-1`, `*.internal`). Besides them it answers to `localhost`, to loopback
    /// addresses and to the address it listens on; to every address where that is `0.0.0.0` or `[::]`.
    #[schemars(length(max = 64), extend("default" = []))]
    hosts: Option<Vec<Host>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct StoreTable {
    /// `memory://` (one process is the whole system), `redis://user:password@host:port/0`, `redis+unix:///path`,
    /// `redis+cluster://host:port,host:port` or `redis+sentinel://host:port,host:port/master`; `rediss…` with TLS.
    #[schemars(length(max = 2048), extend("default" = "memory://"))]
    url: Option<String>,
    /// No request waits longer than this on the store. From 10ms to 1s.
    #[schemars(extend("default" = "100ms"))]
    deadline: Option<Duration>,
    /// Most commands under way at one time; further ones are refused, so that a slow store is not buried.
    #[schemars(range(min = 1, max = 65_536), extend("default" = 256))]
    max_in_flight: Option<u64>,
    /// With `rediss…`: the authority whose certificates are accepted, PEM, in place of the system's.
    ca: Option<Path>,
    /// The user that loads the scripts, where that of `url` may not. Needs `loader_password_file`.
    #[schemars(length(min = 1, max = 256))]
    loader_user: Option<String>,
    /// A file whose first line is that user's password. One that every account of the machine can read is refused.
    loader_password_file: Option<Path>,
    /// With `redis+sentinel…`: the user at the sentinels, where they have users. Needs `sentinel_password_file`.
    #[schemars(length(min = 1, max = 256))]
    sentinel_user: Option<String>,
    /// With `redis+sentinel…`: a file whose first line is the password of the sentinels themselves.
    sentinel_password_file: Option<Path>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct KeysTable {
    /// The folder of the keys. It is made at the first start; all edges of one line share its content.
    #[schemars(extend("default" = "keys"))]
    dir: Option<Path>,
    /// How passes are signed.
    #[schemars(extend("default" = "EdDSA"))]
    algorithm: Option<Signing>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct OriginTable {
    /// What rooms call it.
    name: Name,
    /// `HOST:PORT` or `ADDRESS:PORT` of each server.
    #[schemars(length(min = 1, max = 64))]
    servers: Vec<String>,
    /// Longest wait for a connection. From 10ms to 1m.
    #[schemars(extend("default" = "2s"))]
    connect_timeout: Option<Duration>,
    /// Longest silence of a server while its answer is awaited or read. From 100ms to 1h.
    #[schemars(extend("default" = "60s"))]
    read_timeout: Option<Duration>,
    /// Whether the servers speak TLS.
    #[schemars(extend("default" = false))]
    tls: Option<bool>,
    /// The name that the servers' certificate must have. Left out, it is `host_header`, or the one name of all
    /// servers.
    tls_name: Option<String>,
    /// The `Host` that the servers are sent. Left out, they see the visitor's.
    host_header: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct DecisionTable {
    /// Addresses of the decision service, plain HTTP/1.1. Without any there is none.
    #[schemars(length(max = 8), extend("default" = []))]
    listen: Option<Vec<Address>>,
    /// The proxies that may ask, and are believed in whom they ask for; others get no answer. Left out: this machine
    /// alone. Needed wherever `listen` can be reached from elsewhere.
    #[schemars(length(max = 256), extend("default" = []))]
    allow: Option<Vec<Prefix>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct GeoTable {
    /// A database of countries or cities.
    database: Option<Path>,
    /// A database of autonomous systems.
    asn_database: Option<Path>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct LogTable {
    /// Lines for people, or JSON.
    #[schemars(extend("default" = "text"))]
    format: Option<LogFormat>,
    /// The least that is logged.
    #[schemars(extend("default" = "info"))]
    level: Option<LogLevel>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct MetricsTable {
    /// Whether `/metrics` asks for the admin token, where there is one.
    #[schemars(extend("default" = true))]
    require_token: Option<bool>,
}
