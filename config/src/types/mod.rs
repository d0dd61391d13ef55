//! The checked values. Whoever holds a [`Config`] need not check anything again: every name resolves, every number is
//! in its bounds, every path is absolute or relative to the folder of the configuration file.

mod decision;
mod edge;
mod limit;
mod room;
mod store;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::problem::Problem;

pub use decision::Decision;
pub use edge::{Certificate, Edge, Guard};
pub use limit::{Algorithm, Key, Limit, Matcher, OnMissingKey, OnStoreError, Quota, Scope};
pub use room::{Bind, Challenge, Enforcement, OnStoreLoss, PageText, Room, Upgrades};
pub use store::{Login, Store, StoreKind, StoreUrl};

/// A whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub edge: Edge,
    pub admin: Admin,
    pub store: Store,
    pub keys: Keys,
    pub origins: Vec<Origin>,
    pub rooms: Vec<Room>,
    pub limits: Vec<Limit>,
    pub decision: Decision,
    pub geo: Geo,
    pub log: Log,
    pub metrics: Metrics,
    /// What is allowed but should be said. Never an error.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// The origin of that name.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.origins.iter().find(|origin| origin.name == name)
    }
}

/// Who may use the admin listener.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Admin {
    /// Without one the listener is on a loopback address (that is checked).
    pub token: Option<AdminToken>,
    /// Peers that may connect; empty: anybody who can reach the address.
    pub allow: Vec<IpNet>,
    /// Names under which it answers, besides `localhost` and addresses.
    pub hosts: Vec<String>,
}

/// The bearer token of the admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminToken {
    /// A file whose first line is the token; not readable by others.
    File(PathBuf),
    /// The token's SHA-256, so that the configuration holds no secret.
    Sha256([u8; 32]),
}

/// Signing keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub dir: PathBuf,
    pub algorithm: SigningAlgorithm,
}

/// How passes are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    EdDsa,
    Es256,
}

/// A web server behind the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub name: String,
    /// `host:port` or `address:port`; IPv6 addresses in brackets.
    pub servers: Vec<String>,
    pub connect_timeout: Duration,
    /// Longest silence of the origin while an answer is awaited or read.
    pub read_timeout: Duration,
    pub tls: bool,
    /// The name asked for and verified in TLS; set wherever `tls` is.
    pub tls_name: Option<String>,
    /// `None`: the visitor's `Host` goes through.
    pub host_header: Option<String>,
}

/// Databases in MaxMind's format, brought by the operator.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Geo {
    pub database: Option<PathBuf>,
    pub asn_database: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// `/metrics` asks for the admin token where there is one.
    pub require_token: bool,
}
