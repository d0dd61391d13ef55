//! `[[origins]]`: the web servers behind the edge.

use std::net::{IpAddr, SocketAddr};

use crate::read::{Bounds, Field, Notes, Section, Told, quote};
use crate::sections::cross::Placed;
use crate::sections::edge::EdgeRead;
use crate::sections::names::{self, is_host, is_port};
use crate::types::Origin;

const MAX_SERVERS: usize = 64;

pub(super) fn origins(sections: Vec<Section<'_>>, edge: &EdgeRead, notes: &mut Notes<'_>) -> Vec<Placed<Origin>> {
    sections
        .into_iter()
        .map(|section| origin(section, edge, notes))
        .collect()
}

fn origin(mut section: Section<'_>, edge: &EdgeRead, notes: &mut Notes<'_>) -> Placed<Origin> {
    let at = section.at.clone();
    let name_at = section.field("name").map_or_else(|| at.clone(), |field| field.at);
    let name = names::name(&mut section, "booking", notes);
    let servers = servers(&mut section, edge, notes);
    let connects = Bounds {
        allowed: 10..=60_000,
        why: "a visitor waits this long for a server that is gone",
    };
    let reads = Bounds {
        allowed: 100..=3_600_000,
        why: "a visitor waits this long for a server that says nothing",
    };
    let connect_timeout = section.duration("connect_timeout", "2s", &connects, notes);
    let read_timeout = section.duration("read_timeout", "60s", &reads, notes);
    let tls = section.boolean("tls", false, notes);
    let host_header = plain_host(&mut section, "host_header", notes);
    let tls_name = tls_name(&mut section, tls, host_header.as_deref(), &servers, notes);
    section.close(notes);
    let name = name.unwrap_or_default();
    let value = Origin {
        name: name.clone(),
        servers,
        connect_timeout,
        read_timeout,
        tls,
        tls_name,
        host_header,
    };
    Placed {
        value,
        name,
        refers_at: name_at.clone(),
        at,
        name_at,
    }
}

fn servers(section: &mut Section<'_>, edge: &EdgeRead, notes: &mut Notes<'_>) -> Vec<String> {
    let Some(field) = section.field("servers") else {
        section.missing("servers", "[\"127.0.0.1:9000\"]");
        return Vec::new();
    };
    let items = names::texts(&field, MAX_SERVERS, notes);
    if field.value.as_array().is_some_and(|array| array.is_empty()) {
        let why = "an origin is at least one server".to_owned();
        let help = "write servers = [\"127.0.0.1:9000\"]".to_owned();
        notes.error(
            &field.at,
            Told {
                what: "`servers` is empty".to_owned(),
                why,
                help,
            },
        );
    }
    let mut found: Vec<String> = Vec::new();
    for (item, text) in items {
        let Some(server) = server(&item, text, notes) else {
            continue;
        };
        if found.contains(&server) {
            let what = format!("{server} is named twice");
            let why = "it would get twice its share of the requests".to_owned();
            notes.error(
                &item.at,
                Told {
                    what,
                    why,
                    help: "remove one".to_owned(),
                },
            );
        } else if is_own_address(&server, edge) {
            let what = format!("{server} is this edge itself");
            let why = "every request would come back until nothing is left".to_owned();
            notes.error(
                &item.at,
                Told {
                    what,
                    why,
                    help: "name the web server behind the edge".to_owned(),
                },
            );
        }
        found.push(server);
    }
    found
}

fn server(item: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let is_address = lower
        .parse::<SocketAddr>()
        .is_ok_and(|address| address.port() > 0 && !address.ip().is_unspecified());
    let is_name = lower
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && is_port(port) && host.parse::<IpAddr>().is_err());
    // A name of digits and dots alone is an address that somebody mistyped.
    let digits_only = lower
        .rsplit_once(':')
        .is_some_and(|(host, _)| host.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    if is_address || (is_name && !digits_only) {
        return Some(lower);
    }
    let secure = lower.starts_with("https://");
    let bare = lower
        .split("://")
        .last()
        .unwrap_or_default()
        .split('/')
        .next()
        .unwrap_or_default();
    let port = if secure { 443 } else { 80 };
    let meant = match (bare.parse::<IpAddr>(), bare.rsplit_once(':')) {
        (Ok(address), _) => Some(SocketAddr::new(address, port).to_string()),
        (_, Some((host, digits))) if is_host(host) && is_port(digits) => Some(bare.to_owned()),
        _ if is_host(bare) => Some(format!("{bare}:{port}")),
        _ => None,
    };
    let meant = meant.filter(|meant| *meant != lower && !meant.starts_with("0.0.0.0"));
    let mut help = meant.map_or_else(
        || "write \"127.0.0.1:9000\"".to_owned(),
        |meant| format!("write \"{meant}\""),
    );
    if secure {
        help.push_str(" and tls = true");
    }
    let what = format!("\"{}\" is not a server", quote(text));
    notes.error(
        &item.at,
        Told {
            what,
            why: "a server is HOST:PORT or ADDRESS:PORT".to_owned(),
            help,
        },
    );
    None
}

fn is_own_address(server: &str, edge: &EdgeRead) -> bool {
    let Ok(server) = server.replace("localhost:", "127.0.0.1:").parse::<SocketAddr>() else {
        return false;
    };
    let listeners = edge
        .value
        .listen
        .iter()
        .chain(&edge.value.listen_tls)
        .chain([&edge.value.admin]);
    let is_same = |own: &SocketAddr| {
        own.port() == server.port()
            && (own.ip() == server.ip() || (own.ip().is_unspecified() && server.ip().is_loopback()))
    };
    listeners.into_iter().any(is_same)
}

/// A host without a wildcard.
fn plain_host(section: &mut Section<'_>, key: &'static str, notes: &mut Notes<'_>) -> Option<String> {
    let (field, text) = section.text(key, 256, notes)?;
    let (name, port) = text
        .split_once(':')
        .map_or((text, None), |(name, port)| (name, Some(port)));
    if is_host(name) && port.is_none_or(is_port) && (key == "host_header" || port.is_none()) {
        return Some(text.to_ascii_lowercase());
    }
    let what = format!("\"{}\" is not a host name", quote(text));
    let why = "it is sent to the origin as it is".to_owned();
    notes.error(
        &field.at,
        Told {
            what,
            why,
            help: format!("write {key} = \"shop.example.org\""),
        },
    );
    None
}

/// The name to verify: written, or the fixed `Host`, or the one name that all servers share.
fn tls_name(
    section: &mut Section<'_>,
    tls: bool,
    host_header: Option<&str>,
    servers: &[String],
    notes: &mut Notes<'_>,
) -> Option<String> {
    let written = section.field("tls_name").is_some();
    let name = plain_host(section, "tls_name", notes);
    if !tls || written {
        let at = section
            .field("tls_name")
            .map_or_else(|| section.at.clone(), |field| field.at);
        if written && !tls {
            let why = "the connection to this origin is plain".to_owned();
            notes.error(
                &at,
                Told {
                    what: "`tls_name` without tls".to_owned(),
                    why,
                    help: "add tls = true".to_owned(),
                },
            );
        }
        return name.filter(|_| tls);
    }
    let host = |server: &String| server.rsplit_once(':').map(|(host, _)| host.to_owned());
    let first = servers
        .first()
        .and_then(host)
        .filter(|first| is_host(first) && first.parse::<IpAddr>().is_err());
    let shared = first.filter(|first| servers.iter().all(|server| host(server).as_ref() == Some(first)));
    let fixed = host_header.map(|host| host.split(':').next().unwrap_or_default().to_owned());
    let found = fixed.or(shared);
    if found.is_none() && !servers.is_empty() {
        let what = "`tls` without a name to verify".to_owned();
        let why = "the servers are addresses, or different names; a certificate is for a name".to_owned();
        let at = section
            .field("tls")
            .map_or_else(|| section.at.clone(), |field| field.at);
        notes.dependent(
            &at,
            Told {
                what,
                why,
                help: "add tls_name = \"shop.example.org\"".to_owned(),
            },
        );
    }
    found
}
