//! `[edge]`: where it listens, whom it believes, with which certificates.

use std::net::SocketAddr;

use ipnet::IpNet;

use crate::read::{At, Bounds, Field, Notes, Section, Told, quote};
use crate::sections::{MAX_CERTIFICATES, files, guard, names, proxy_protocol};
use crate::types::{Certificate, Edge};

const MAX_LISTENERS: usize = 16;
const MAX_TRUSTED: usize = 1024;
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
pub(crate) const DEFAULT_ADMIN: &str = "127.0.0.1:9090";
const DEFAULT_DRAIN: &str = "20s";
const LONGEST_DRAIN_MS: u64 = 3_600_000;
/// Shortest prefixes that can be one operator's network: 10.0.0.0/8, fc00::/7.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 7;

/// The checked table, with the place of the admin address.
pub(super) struct EdgeRead {
    pub value: Edge,
    pub admin_at: At,
}

pub(super) fn edge(mut section: Section<'_>, notes: &mut Notes<'_>) -> EdgeRead {
    let has_listen = section.field("listen").is_some();
    let mut listen = listeners(&mut section, "listen", notes);
    let listen_tls = listeners(&mut section, "listen_tls", notes);
    if !has_listen && listen_tls.is_empty() {
        listen.extend(DEFAULT_LISTEN.parse().ok().map(|address| (address, section.at.clone())));
    }
    let proxied = listeners(&mut section, "proxy_protocol", notes);
    let admin = section.field("admin");
    let admin_at = admin
        .as_ref()
        .map_or_else(|| section.at.clone(), |field| field.at.clone());
    let admin = admin
        .and_then(|field| names::listen_address(&field, notes))
        .or_else(|| DEFAULT_ADMIN.parse().ok());
    let admin = admin.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9090)));
    distinct(&listen, &listen_tls, &admin, &admin_at, notes);
    let certificates = certificates(&mut section, notes);
    certificates_fit_listeners(&section, &certificates, &listen_tls, notes);
    let drains = Bounds {
        allowed: 0..=LONGEST_DRAIN_MS,
        why: "a stop or an upgrade waits this long for the slowest request",
    };
    let addresses = |placed: Vec<(SocketAddr, At)>| placed.into_iter().map(|(address, _)| address).collect();
    let mut value = Edge {
        listen: addresses(listen),
        listen_tls: addresses(listen_tls),
        admin,
        name: own_name(&mut section, notes),
        region: region(&mut section, notes),
        trusted_proxies: trusted(&mut section, notes),
        proxy_protocol: Vec::new(),
        certificates,
        guard: guard::guard(section.section("guard", notes), notes),
        http2: section.boolean("http2", true, notes),
        upgrade_sock: files::socket(&mut section, "upgrade_sock", notes),
        public_url: public_url(&mut section, notes),
        drain: section.duration("drain", DEFAULT_DRAIN, &drains, notes),
    };
    value.proxy_protocol = proxy_protocol::proxied(&proxied, &value, notes);
    section.close(notes);
    EdgeRead { value, admin_at }
}

fn listeners(section: &mut Section<'_>, key: &'static str, notes: &mut Notes<'_>) -> Vec<(SocketAddr, At)> {
    let Some(field) = section.field(key) else {
        return Vec::new();
    };
    if key == "listen" && field.value.as_array().is_some_and(|array| array.is_empty()) {
        let why = "an edge without a listener serves nobody".to_owned();
        let help = format!("write listen = [\"{DEFAULT_LISTEN}\"], or leave it out where listen_tls is used");
        notes.error(
            &field.at,
            Told {
                what: "`listen` is empty".to_owned(),
                why,
                help,
            },
        );
    }
    let items = notes.list(&field, MAX_LISTENERS);
    items
        .into_iter()
        .filter_map(|item| Some((names::listen_address(&item, notes)?, item.at)))
        .collect()
}

/// No address twice; port 0 is a free port each time.
fn distinct(
    plain: &[(SocketAddr, At)],
    tls: &[(SocketAddr, At)],
    admin: &SocketAddr,
    admin_at: &At,
    notes: &mut Notes<'_>,
) {
    let admin = (*admin, admin_at.clone());
    let mut seen: Vec<SocketAddr> = Vec::new();
    for (address, at) in plain.iter().chain(tls).chain([&admin]) {
        if let Some(other) = seen.iter().find(|other| clash(other, address)) {
            let what = format!("{address} is taken already by {other}");
            let why = "two listeners cannot share an address and port".to_owned();
            notes.error(
                at,
                Told {
                    what,
                    why,
                    help: "give one of them another port".to_owned(),
                },
            );
        }
        seen.push(*address);
    }
}

/// Port 0 is a free port each time.
pub(super) fn clash(one: &SocketAddr, other: &SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

fn certificates(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<Certificate> {
    let Some(field) = section.field("tls") else {
        return Vec::new();
    };
    let tables = if field.value.is_array() {
        notes.list(&field, MAX_CERTIFICATES)
    } else {
        vec![field]
    };
    tables
        .into_iter()
        .filter_map(|table| certificate(Section::of(table, notes), notes))
        .collect()
}

fn certificate(mut section: Section<'_>, notes: &mut Notes<'_>) -> Option<Certificate> {
    if !section.is_there() {
        return None;
    }
    let names = names::hosts(&mut section, "names", &[], notes);
    for key in ["cert", "key"] {
        if section.field(key).is_none() {
            section.missing(key, &format!("\"{key}.pem\""));
        }
    }
    let cert = files::file(&mut section, "cert", &files::CERTIFICATE, notes);
    let key = files::file(&mut section, "key", &files::PRIVATE_KEY, notes);
    section.close(notes);
    Some(Certificate {
        names,
        cert: cert.unwrap_or_default(),
        key: key.unwrap_or_default(),
    })
}

fn certificates_fit_listeners(
    section: &Section<'_>,
    found: &[Certificate],
    tls: &[(SocketAddr, At)],
    notes: &mut Notes<'_>,
) {
    match (found.is_empty(), tls.first()) {
        (true, Some((_, at))) => {
            let why = "a TLS listener shows a certificate".to_owned();
            let help = "add [edge.tls] with cert and key".to_owned();
            notes.dependent(
                at,
                Told {
                    what: "`listen_tls` has no certificate".to_owned(),
                    why,
                    help,
                },
            );
        }
        (false, None) => {
            let at = At {
                path: section.path_of("tls"),
                span: section.at.span.clone(),
            };
            let why = "`listen` is plain HTTP; only `listen_tls` uses certificates".to_owned();
            let help = "add listen_tls = [\"0.0.0.0:443\"]".to_owned();
            notes.dependent(
                &at,
                Told {
                    what: "no listener uses these certificates".to_owned(),
                    why,
                    help,
                },
            );
        }
        _ => {}
    }
}

fn own_name(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<String> {
    section.field("name")?;
    names::name(section, "edge-1", notes)
}

fn region(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let (field, text) = section.text("region", 256, notes)?;
    if names::is_name(text, 32) {
        return Some(text.to_owned());
    }
    let what = format!("\"{}\" cannot be a region", quote(text));
    let why = "a region is 1 to 32 characters of a-z, 0-9 and -: it goes into passes and metrics".to_owned();
    notes.error(
        &field.at,
        Told {
            what,
            why,
            help: "write region = \"eu-west\"".to_owned(),
        },
    );
    None
}

fn trusted(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<IpNet> {
    let found = names::prefixes(section, "trusted_proxies", MAX_TRUSTED, notes);
    for (at, net) in &found {
        let widest = if matches!(net, IpNet::V4(_)) {
            WIDEST_V4
        } else {
            WIDEST_V6
        };
        if net.prefix_len() < widest {
            let told = Told {
                what: format!("`trusted_proxies` trusts {net}: far more than your proxies"),
                why: "whoever is trusted may claim any client address: limits and places per address mean nothing then"
                    .to_owned(),
                help: "name the addresses of your proxies or CDN, and nothing else".to_owned(),
            };
            notes.error(at, told);
        }
    }
    found.into_iter().map(|(_, net)| net).collect()
}

fn public_url(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let (field, text) = section.text("public_url", 512, notes)?;
    let parsed = web_address(&field, text, notes)?;
    if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
        let what = "`public_url` has a path".to_owned();
        let help = format!("write public_url = \"{}\"", parsed.origin().ascii_serialization());
        notes.error(
            &field.at,
            Told {
                what,
                why: "it is the scheme and host of the edge alone".to_owned(),
                help,
            },
        );
        return None;
    }
    Some(parsed.origin().ascii_serialization())
}

/// An `http` or `https` address without user or password.
pub(super) fn web_address(field: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<url::Url> {
    let key = field.at.key();
    let bounds = Bounds {
        allowed: 1..=2048,
        why: "it is a web address",
    };
    notes.within(field, text.len() as u64, &bounds, |bytes| format!("{bytes} bytes"))?;
    let (what, why) = match url::Url::parse(text) {
        Ok(url) if !["http", "https"].contains(&url.scheme()) => (
            format!("`{key}` has the scheme {}:", quote(url.scheme())),
            "visitors follow it: only http and https are safe",
        ),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            (format!("`{key}` holds a user or password"), "it is shown to visitors")
        }
        Ok(url) => return Some(url),
        Err(_) => (
            format!("`{key}` is not a web address"),
            "it is scheme, host and perhaps a path",
        ),
    };
    let help = format!("write {key} = \"https://shop.example.org\"");
    notes.error(
        &field.at,
        Told {
            what,
            why: why.to_owned(),
            help,
        },
    );
    None
}
