//! `[store]`: where the index of the line lives. An address may hold a password, so no message quotes it. What an
//! address of Redis looks like is decided where it is used, in `stanchion-admission`.

use std::net::IpAddr;

use stanchion_admission::store::redis::url::{Endpoint, Topology, parse};

use crate::read::{Bounds, Field, Notes, Section, Told, nearest, quote};
use crate::types::{Store, StoreKind, StoreUrl};

const DEFAULT_URL: &str = "memory://";
const MAX_URL_BYTES: usize = 2048;
const EXAMPLE: &str = "write \"memory://\", \"redis://127.0.0.1:6379\", \"redis+cluster://a:6379,b:6379\" or \
                       \"redis+sentinel://a:26379/mymaster\"";
const SCHEMES: [&str; 8] = [
    "memory",
    "redis",
    "rediss",
    "redis+unix",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
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

fn address(field: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<StoreUrl> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        _ if text == DEFAULT_URL => Some(memory()),
        Some("memory") => {
            let why = "the memory of this process has no address";
            refuse(
                field,
                "`url` has more than \"memory://\"".to_owned(),
                why,
                EXAMPLE,
                notes,
            )
        }
        Some(known) if SCHEMES.contains(&known) => shared(field, text, notes),
        Some(other) => {
            let meant = nearest(other, &SCHEMES).map(|meant| format!("did you mean \"{meant}://\"?"));
            let what = format!("`url` has the unknown scheme \"{}\"", quote(other));
            refuse(
                field,
                what,
                "it says which kind of store this is",
                meant.as_deref().unwrap_or(EXAMPLE),
                notes,
            )
        }
        None => refuse(
            field,
            "`url` has no scheme".to_owned(),
            "an address begins with its scheme",
            EXAMPLE,
            notes,
        ),
    }
}

fn refuse(field: &Field<'_>, what: String, why: &str, help: &str, notes: &mut Notes<'_>) -> Option<StoreUrl> {
    notes.error(
        &field.at,
        Told {
            what,
            why: why.to_owned(),
            help: help.to_owned(),
        },
    );
    None
}

fn shared(field: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<StoreUrl> {
    let url = match parse(text) {
        Ok(url) => url,
        Err(wrong) => {
            return refuse(
                field,
                "`url` is not a store's address".to_owned(),
                &wrong.to_string(),
                EXAMPLE,
                notes,
            );
        }
    };
    let has_password = url
        .credentials
        .password
        .as_ref()
        .is_some_and(|password| !password.is_empty());
    let (kind, local) = match &url.topology {
        Topology::Single(endpoint) => (StoreKind::Redis, is_local(endpoint)),
        Topology::Unix(_) => (StoreKind::Redis, true),
        Topology::Cluster(all) => (StoreKind::RedisCluster, all.iter().all(is_local)),
        Topology::Sentinel { sentinels, .. } => (StoreKind::RedisSentinel, sentinels.iter().all(is_local)),
    };
    if has_password && !url.tls && !local {
        let what = "`url` sends a password in clear".to_owned();
        let why = "the server is not on this machine, and the connection has no TLS".to_owned();
        notes.warning(
            &field.at,
            Told {
                what,
                why,
                help: "write \"rediss…://\" where the server speaks TLS".to_owned(),
            },
        );
    }
    let (before, hosts) = text.rsplit_once('@').unwrap_or(("", text));
    let scheme = before.split_once("://").map(|(scheme, _)| scheme);
    let redacted = scheme.map_or_else(|| text.to_owned(), |scheme| format!("{scheme}://***@{hosts}"));
    Some(StoreUrl {
        text: text.to_owned(),
        redacted,
        kind,
        tls: url.tls,
        has_password,
    })
}

fn is_local(endpoint: &Endpoint) -> bool {
    endpoint.host == "localhost" || endpoint.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
