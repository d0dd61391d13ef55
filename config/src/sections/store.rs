//! `[store]`: where the index of the line lives. An address may hold a password, so no message quotes it.

use std::net::IpAddr;

use crate::read::{Bounds, Field, Notes, Section, Told, nearest};
use crate::sections::names::is_host;
use crate::types::{Store, StoreKind, StoreUrl};

const DEFAULT_URL: &str = "memory://";
const MAX_URL_BYTES: usize = 2048;
const MAX_NODES: usize = 64;
const EXAMPLE: &str = "\"memory://\", \"redis://127.0.0.1:6379\", \"redis+cluster://a:6379,b:6379\" or \"redis+sentinel://a:26379/mymaster\"";

/// Scheme, kind, whether TLS.
const SCHEMES: [(&str, StoreKind, bool); 8] = [
    ("memory", StoreKind::Memory, false),
    ("redis", StoreKind::Redis, false),
    ("rediss", StoreKind::Redis, true),
    ("redis+unix", StoreKind::Redis, false),
    ("redis+cluster", StoreKind::RedisCluster, false),
    ("rediss+cluster", StoreKind::RedisCluster, true),
    ("redis+sentinel", StoreKind::RedisSentinel, false),
    ("rediss+sentinel", StoreKind::RedisSentinel, true),
];

pub(super) fn store(mut section: Section<'_>, notes: &mut Notes<'_>) -> Store {
    let url = section
        .text("url", MAX_URL_BYTES, notes)
        .and_then(|(field, text)| address(&field, text, notes));
    let waits = Bounds {
        allowed: 10..=1_000,
        why: "a visitor's request waits this long on a store that stalls",
    };
    let flight = Bounds {
        allowed: 1..=65_536,
        why: "commands beyond it are refused, so that a slow store is not buried",
    };
    let store = Store {
        url: url.unwrap_or_else(memory),
        deadline: section.duration("deadline", "100ms", &waits, notes),
        max_in_flight: usize::try_from(section.integer("max_in_flight", 256, &flight, notes)).unwrap_or(256),
    };
    section.close(notes);
    store
}

fn memory() -> StoreUrl {
    let text = DEFAULT_URL.to_owned();
    StoreUrl {
        redacted: text.clone(),
        text,
        kind: StoreKind::Memory,
        tls: false,
        has_password: false,
    }
}

/// The parts of an address, still unchecked.
struct Parts<'a> {
    user: Option<&'a str>,
    nodes: Vec<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

fn split(rest: &str) -> Parts<'_> {
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest
        .find('/')
        .and_then(|at| rest.split_at_checked(at))
        .unwrap_or((rest, ""));
    let (user, nodes) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, nodes)| (Some(user), nodes));
    Parts {
        user,
        nodes: nodes.split(',').collect(),
        path,
        query,
    }
}

fn address(field: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<StoreUrl> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let why = "an address begins with its scheme".to_owned();
        notes.error(
            &field.at,
            Told {
                what: "`url` has no scheme".to_owned(),
                why,
                help: format!("write {EXAMPLE}"),
            },
        );
        return None;
    };
    let Some((_, kind, tls)) = SCHEMES.into_iter().find(|(name, ..)| *name == scheme) else {
        let what = format!("`url` has the unknown scheme \"{}\"", crate::read::quote(scheme));
        let names = SCHEMES.map(|(name, ..)| name);
        let help = nearest(scheme, &names).map_or_else(
            || format!("write {EXAMPLE}"),
            |meant| format!("did you mean \"{meant}://\"?"),
        );
        notes.error(
            &field.at,
            Told {
                what,
                why: "it says which kind of store this is".to_owned(),
                help,
            },
        );
        return None;
    };
    let parts = split(rest);
    let wrong = match (kind, scheme) {
        (StoreKind::Memory, _) if !rest.is_empty() => Some((
            "`url` has more than \"memory://\"",
            "the memory of this process has no address",
        )),
        (StoreKind::Memory, _) => None,
        (_, "redis+unix") if parts.nodes != [""] || parts.path.len() < 2 => Some((
            "`url` names no socket",
            "a Unix socket is written redis+unix:///run/redis/redis.sock",
        )),
        (_, "redis+unix") => None,
        _ => wrong_server(kind, &parts),
    };
    if let Some((what, why)) = wrong {
        notes.error(
            &field.at,
            Told {
                what: what.to_owned(),
                why: why.to_owned(),
                help: format!("write {EXAMPLE}"),
            },
        );
        return None;
    }
    let has_password = parts
        .user
        .is_some_and(|user| user.split_once(':').is_some_and(|(_, word)| !word.is_empty()));
    if has_password && !tls && !parts.nodes.iter().all(|node| is_local(node)) {
        let what = "`url` sends a password in clear".to_owned();
        let why = "the server is not on this machine, and the connection has no TLS".to_owned();
        notes.warning(
            &field.at,
            Told {
                what,
                why,
                help: format!("write \"{}\"", scheme.replacen("redis", "rediss", 1) + "://…"),
            },
        );
    }
    let shown = parts
        .user
        .map_or_else(|| text.to_owned(), |user| text.replacen(&format!("{user}@"), "***@", 1));
    Some(StoreUrl {
        text: text.to_owned(),
        redacted: shown,
        kind,
        tls,
        has_password,
    })
}

type Wrong = Option<(&'static str, &'static str)>;

fn wrong_server(kind: StoreKind, parts: &Parts<'_>) -> Wrong {
    if parts.nodes.iter().any(|node| !is_node(node)) {
        return Some((
            "`url` names no server, or one that is not HOST:PORT",
            "every server is a host or address and a port",
        ));
    }
    if parts.user.is_some_and(|user| user.contains(['/', '@', ' ', '#'])) {
        return Some((
            "`url` has a user or password with a reserved character",
            "in an address / @ # and blanks are written %2F %40 %23 %20",
        ));
    }
    if parts.query.is_some() {
        return Some((
            "`url` has a query",
            "an address ends with the database or the master's name",
        ));
    }
    let name = parts.path.trim_start_matches('/');
    match kind {
        StoreKind::RedisSentinel if name.is_empty() || name.contains('/') && !sentinel_database(name) => {
            Some(("`url` names no master", "Sentinel is asked for a master by its name"))
        }
        StoreKind::RedisCluster if !name.is_empty() => Some(("`url` names a database", "a cluster has only one")),
        StoreKind::Redis if parts.nodes.len() > 1 => Some((
            "`url` names several servers",
            "a single server is one; for several use redis+cluster:// or redis+sentinel://",
        )),
        StoreKind::Redis if !name.is_empty() && !is_database(name) => Some((
            "`url` names a database that is not a number",
            "a database is a number from 0 to 15",
        )),
        _ if parts.nodes.len() > MAX_NODES => Some((
            "`url` names more than 64 servers",
            "the others are found by asking any of them",
        )),
        _ => None,
    }
}

fn is_database(name: &str) -> bool {
    name.parse::<u8>().is_ok_and(|number| number <= 15) && !name.starts_with('+')
}

fn sentinel_database(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(master, database)| !master.is_empty() && is_database(database))
}

/// `host`, `host:port`, `[v6]:port`.
fn is_node(node: &str) -> bool {
    if let Some(v6) = node.strip_prefix('[') {
        let Some((address, port)) = v6.split_once(']') else {
            return false;
        };
        return address.parse::<std::net::Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = node
        .split_once(':')
        .map_or((node, None), |(host, port)| (host, Some(port)));
    is_host(host) && port.is_none_or(is_port)
}

pub(super) fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_local(node: &str) -> bool {
    let host = node
        .trim_start_matches('[')
        .split([']', ','])
        .next()
        .unwrap_or_default();
    let host = if host.contains("::") {
        host
    } else {
        host.split(':').next().unwrap_or_default()
    };
    host.is_empty() || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
