//! Addresses of a store: text → checked values. Pure; says nothing of a password when printed.
//!
//! ```text
//! redis://[user[:password]@]host[:port][/db]             one server        rediss:// with TLS
//! redis+unix:///path/to/socket[?db=N]                    one server        (no TLS)
//! redis+cluster://[user[:password]@]host[:port],…        a cluster         rediss+cluster:// with TLS
//! redis+sentinel://[user[:password]@]host[:port],…/name[/db]  sentinels    rediss+sentinel:// with TLS
//! ```
//! User and password are percent-encoded; a password alone is `:password@`.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Most addresses in one URL.
pub const MAX_ENDPOINTS: usize = 32;
/// Longest URL, in bytes.
pub const MAX_URL: usize = 4096;
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// Where a store is and who we are there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreUrl {
    pub topology: Topology,
    pub tls: bool,
    pub credentials: Credentials,
    pub db: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Topology {
    Single(Endpoint),
    Unix(PathBuf),
    Cluster(Vec<Endpoint>),
    Sentinel { sentinels: Vec<Endpoint>, master: String },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

/// A user's name and password. Never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    pub user: Option<String>,
    pub password: Option<String>,
}

/// What is wrong with a URL. Never repeats the URL: it may hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlError {
    #[error("it must begin with redis://, rediss://, redis+unix://, redis+cluster:// or redis+sentinel://")]
    Scheme,
    #[error("it is longer than {MAX_URL} bytes")]
    TooLong,
    #[error("an address must be host, host:port, or [IPv6]:port")]
    Endpoint,
    #[error("more than {MAX_ENDPOINTS} addresses")]
    TooManyEndpoints,
    #[error("this kind of URL names one address; several need redis+cluster:// or redis+sentinel://")]
    OneEndpoint,
    #[error("the database must be a number up to 65535, and a cluster has only database 0")]
    Database,
    #[error("the master's name is missing: redis+sentinel://host:port,host:port/name")]
    MasterName,
    #[error("user and password must be percent-encoded UTF-8")]
    Credentials,
    #[error("it has a part that is not understood (query or fragment)")]
    Extra,
}

/// # Errors
/// The first thing wrong with the URL.
pub fn parse(url: &str) -> Result<StoreUrl, UrlError> {
    if url.len() > MAX_URL {
        return Err(UrlError::TooLong);
    }
    let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
    let (tls, kind) = match scheme {
        "redis" => (false, Kind::Single),
        "rediss" => (true, Kind::Single),
        "unix" | "redis+unix" => return unix(rest),
        "redis+cluster" => (false, Kind::Cluster),
        "rediss+cluster" => (true, Kind::Cluster),
        "redis+sentinel" => (false, Kind::Sentinel),
        "rediss+sentinel" => (true, Kind::Sentinel),
        _ => return Err(UrlError::Scheme),
    };
    if rest.contains(['?', '#']) {
        return Err(UrlError::Extra);
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (topology, db) = kind.topology(hosts, path)?;
    Ok(StoreUrl {
        topology,
        tls,
        credentials: credentials(login)?,
        db,
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Single,
    Cluster,
    Sentinel,
}

impl Kind {
    fn topology(self, hosts: &str, path: &str) -> Result<(Topology, u16), UrlError> {
        match self {
            Kind::Single => {
                let mut all = endpoints(hosts, REDIS_PORT)?;
                let one = all.pop().filter(|_| all.is_empty()).ok_or(UrlError::OneEndpoint)?;
                Ok((Topology::Single(one), database(path)?))
            }
            Kind::Cluster => match database(path)? {
                0 => Ok((Topology::Cluster(endpoints(hosts, REDIS_PORT)?), 0)),
                _ => Err(UrlError::Database),
            },
            Kind::Sentinel => {
                let (name, db) = path.split_once('/').unwrap_or((path, ""));
                let master = decode(name).map_err(|_| UrlError::MasterName)?;
                if master.is_empty() {
                    return Err(UrlError::MasterName);
                }
                let sentinels = endpoints(hosts, SENTINEL_PORT)?;
                Ok((Topology::Sentinel { sentinels, master }, database(db)?))
            }
        }
    }
}

fn unix(rest: &str) -> Result<StoreUrl, UrlError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let db = match query.strip_prefix("db=") {
        Some(number) => database(number)?,
        None if query.is_empty() => 0,
        None => return Err(UrlError::Extra),
    };
    let path = decode(path).map_err(|_| UrlError::Endpoint)?;
    if !path.starts_with('/') || path.contains('\0') {
        return Err(UrlError::Endpoint);
    }
    Ok(StoreUrl {
        topology: Topology::Unix(PathBuf::from(path)),
        tls: false,
        credentials: Credentials::default(),
        db,
    })
}

fn endpoints(hosts: &str, default_port: u16) -> Result<Vec<Endpoint>, UrlError> {
    if hosts.split(',').count() > MAX_ENDPOINTS {
        return Err(UrlError::TooManyEndpoints);
    }
    hosts.split(',').map(|host| endpoint(host, default_port)).collect()
}

fn endpoint(text: &str, default_port: u16) -> Result<Endpoint, UrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']').ok_or(UrlError::Endpoint)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Endpoint)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(UrlError::Endpoint),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    let named = !host.is_empty() && host.len() <= 253 && host.bytes().all(plain);
    let port = port.map_or(Some(default_port), number).filter(|port| *port != 0);
    match port {
        Some(port) if named => Ok(Endpoint {
            host: host.to_owned(),
            port,
        }),
        _ => Err(UrlError::Endpoint),
    }
}

fn database(text: &str) -> Result<u16, UrlError> {
    if text.is_empty() {
        return Ok(0);
    }
    number(text).ok_or(UrlError::Database)
}

/// Digits only: `str::parse` would also take a sign.
fn number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

fn credentials(login: &str) -> Result<Credentials, UrlError> {
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (decode(user)?, Some(decode(password)?)),
        None => (decode(login)?, None),
    };
    Ok(Credentials {
        user: (!user.is_empty()).then_some(user),
        password,
    })
}

fn decode(text: &str) -> Result<String, UrlError> {
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| UrlError::Credentials)?;
    Ok(text.into_owned())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.password.is_some() {
            "with a password"
        } else {
            "without a password"
        };
        write!(f, "Credentials({state})")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Endpoint {
        Endpoint {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn good_urls() {
        let parsed = |url: &str| parse(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        assert_eq!(parsed("redis://h").topology, Topology::Single(at("h", 6379)));
        assert_eq!(
            parsed("redis://[::1]:7000/3").topology,
            Topology::Single(at("::1", 7000))
        );
        assert_eq!(parsed("redis://h:1/3").db, 3);
        assert!(parsed("rediss://h").tls);
        assert_eq!(
            parsed("redis+unix:///run/r.sock?db=2").topology,
            Topology::Unix("/run/r.sock".into())
        );
        let cluster = parsed("rediss+cluster://u:p@a:1,b");
        assert_eq!(cluster.topology, Topology::Cluster(vec![at("a", 1), at("b", 6379)]));
        let sentinel = parsed("redis+sentinel://:s%40cret@a,b:2/line/1");
        let sentinels = vec![at("a", 26_379), at("b", 2)];
        assert_eq!(
            sentinel.topology,
            Topology::Sentinel {
                sentinels,
                master: "line".to_owned()
            }
        );
        assert_eq!(sentinel.credentials.password.as_deref(), Some("s@cret"));
        assert_eq!((sentinel.credentials.user, sentinel.db), (None, 1));
    }

    #[test]
    fn bad_urls_and_what_is_wrong() {
        let many = format!("redis+cluster://{}", ["h"; MAX_ENDPOINTS + 1].join(","));
        let long = format!("redis://{}", "h".repeat(MAX_URL));
        let table = [
            ("", UrlError::Scheme),
            ("memory://", UrlError::Scheme),
            ("http://h", UrlError::Scheme),
            ("redis://", UrlError::Endpoint),
            ("redis://h:0", UrlError::Endpoint),
            ("redis://h:65536", UrlError::Endpoint),
            ("redis://h:+1", UrlError::Endpoint),
            ("redis://h o", UrlError::Endpoint),
            ("redis://[::1", UrlError::Endpoint),
            ("redis://a,b", UrlError::OneEndpoint),
            ("redis://h/x", UrlError::Database),
            ("redis://h/+1", UrlError::Database),
            ("redis://h?db=1", UrlError::Extra),
            ("redis+cluster://a,b/1", UrlError::Database),
            ("redis+cluster://a,,b", UrlError::Endpoint),
            ("redis+sentinel://a", UrlError::MasterName),
            ("redis+sentinel://a/", UrlError::MasterName),
            ("redis://%ff@h", UrlError::Credentials),
            ("redis+unix://relative", UrlError::Endpoint),
            (many.as_str(), UrlError::TooManyEndpoints),
            (long.as_str(), UrlError::TooLong),
        ];
        for (url, expected) in table {
            assert_eq!(parse(url), Err(expected), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let url = parse("redis://someone:hunter2@h").unwrap();
        let printed = format!("{url:?}");
        assert!(
            !printed.contains("hunter2") && !printed.contains("someone"),
            "{printed}"
        );
    }
}
