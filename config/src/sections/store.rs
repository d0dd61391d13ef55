//! `[store]`: where the index of the line lives. An address may hold a password, so no message quotes it. What an
//! address of Redis looks like is decided where it is used, in `stanchion-admission`.

use std::net::IpAddr;

use stanchion_admission::store::redis::url::{Endpoint, Topology, parse};

use crate::read::{Bounds, Field, Notes, Section, Told, nearest, quote};
use crate::sections::files;
use crate::types::{Login, Store, StoreKind, StoreUrl};

const DEFAULT_URL: &str = "memory://";
const MAX_URL_BYTES: usize = 2048;
const EXAMPLE: &str = "write \"memory://\", \"redis://127.0.0.1:6379\", \"redis+cluster://a:6379,b:6379\" or \
                       \"redis+sentinel://a:26379/mymaster\"";
const MAX_USER_BYTES: usize = 256;
const LOADER: [&str; 2] = ["loader_user", "loader_password_file"];
const SENTINEL: [&str; 2] = ["sentinel_user", "sentinel_password_file"];
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
    let url_is_wrong = url.is_none() && section.field("url").is_some();
    let store = Store {
        ca: files::file(&mut section, "ca", &files::AUTHORITY, notes),
        loader: login(&mut section, LOADER, notes),
        sentinel: login(&mut section, SENTINEL, notes),
        url: url.unwrap_or_else(memory),
        deadline: section.duration("deadline", "100ms", &waits, notes),
        max_in_flight: usize::try_from(section.integer("max_in_flight", 256, &flight, notes)).unwrap_or(256),
    };
    if !url_is_wrong {
        fits(&store.url, &mut section, notes);
    }
    section.close(notes);
    store
}

/// Notes keys that this kind of store does not look at: whoever wrote them believes that they protect something.
fn fits(url: &StoreUrl, section: &mut Section<'_>, notes: &mut Notes<'_>) {
    let memory = (url.kind == StoreKind::Memory).then_some("`url` is memory://, which has no users");
    let plain = (!url.tls).then_some("`url` speaks no TLS: that would be rediss://…");
    let direct = (url.kind != StoreKind::RedisSentinel).then_some("`url` names no sentinels");
    for (keys, idle) in [(&["ca"][..], plain), (&LOADER, memory), (&SENTINEL, direct)] {
        for (key, why) in keys.iter().zip(std::iter::repeat(idle)) {
            if let (Some(field), Some(why)) = (section.field(key), why) {
                let told = Told {
                    what: format!("`{key}` is without effect"),
                    why: why.to_owned(),
                    help: format!("correct url, or remove {key}"),
                };
                notes.dependent(&field.at, told);
            }
        }
    }
}

/// The user is optional only where there is a default one: at the sentinels.
fn login(section: &mut Section<'_>, [user_key, file_key]: [&'static str; 2], notes: &mut Notes<'_>) -> Option<Login> {
    let user = section.text(user_key, MAX_USER_BYTES, notes);
    let file = section.field(file_key);
    match (&user, &file) {
        (Some((field, _)), None) => lacks(field, file_key, "\"password\"", notes),
        (None, Some(field)) if user_key == LOADER[0] => lacks(field, user_key, "\"stanchion-loader\"", notes),
        _ => {}
    }
    let password_file = files::file(section, file_key, &files::PASSWORD, notes)?;
    let user = user.map(|(_, name)| name.to_owned()).filter(|name| !name.is_empty());
    Some(Login { user, password_file })
}

fn lacks(field: &Field<'_>, other: &str, example: &str, notes: &mut Notes<'_>) {
    notes.dependent(
        &field.at,
        Told {
            what: format!("`{}` is there without `{other}`", field.at.key()),
            why: "a login is a user and a password".to_owned(),
            help: format!("add {other} = {example}"),
        },
    );
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
