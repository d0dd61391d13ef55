//! Where the index of the line lives.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub url: StoreUrl,
    /// No request waits longer than this on the store.
    pub deadline: Duration,
    /// Commands under way at one time.
    pub max_in_flight: usize,
    /// Certificates of the authority that is trusted in place of the system's.
    pub ca: Option<PathBuf>,
    /// Who loads the scripts; `None`: the user of `url`.
    pub loader: Option<Login>,
    /// Who we are at the sentinels.
    pub sentinel: Option<Login>,
}

/// A user whose password is in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `None`: the server's default user.
    pub user: Option<String>,
    pub password_file: PathBuf,
}

/// A store's address, which may hold a password: printed only without it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    pub(crate) text: String,
    pub(crate) redacted: String,
    pub(crate) kind: StoreKind,
    pub(crate) tls: bool,
    pub(crate) has_password: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In this process.
    Memory,
    /// One server: `redis://user:password@host:port/db`, `rediss://` with TLS, `redis+unix:///path/to/socket`.
    Redis,
    /// `redis+cluster://host:port,host:port`.
    RedisCluster,
    /// `redis+sentinel://host:port,host:port/name-of-the-master`.
    RedisSentinel,
}

impl StoreUrl {
    /// The address as written, password included: for the client library, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The address without its password.
    #[must_use]
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    #[must_use]
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }

    #[must_use]
    pub fn has_password(&self) -> bool {
        self.has_password
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}
