//! Names, hosts, paths, addresses and prefixes: what each may look like.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::read::{At, Field, Notes, Section, Told, quote};

/// Most hosts or paths of one table.
const MAX_HOSTS: usize = 64;
const MAX_HOST_BYTES: usize = 253;
const MAX_PATH_BYTES: usize = 1024;
/// Paths that the edge answers itself.
const OWN_PATHS: &str = "/.well-known/stanchion";

/// 1–64 characters of `[a-z0-9-]`.
pub(super) fn name(section: &mut Section<'_>, example: &str, notes: &mut Notes<'_>) -> Option<String> {
    let Some(field) = section.field("name") else {
        section.missing("name", &format!("\"{example}\""));
        return None;
    };
    let text = notes.text(&field, 256)?;
    if is_name(text, 64) {
        return Some(text.to_owned());
    }
    let lower: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if is_name_char(c) { c } else { '-' })
        .collect();
    let meant = Some(lower.trim_matches('-'))
        .filter(|meant| is_name(meant, 64))
        .unwrap_or(example);
    let what = format!("\"{}\" cannot be a name", quote(text));
    let why = "a name is 1 to 64 characters of a-z, 0-9 and -: it goes into cookies, keys and metrics".to_owned();
    notes.error(
        &field.at,
        Told {
            what,
            why,
            help: format!("write name = \"{meant}\""),
        },
    );
    None
}

pub(super) fn is_name(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The texts of a list, each with its place.
pub(super) fn texts<'a>(field: &Field<'a>, max: usize, notes: &mut Notes<'_>) -> Vec<(Field<'a>, &'a str)> {
    let items = notes.list(field, max);
    items
        .into_iter()
        .filter_map(|item| notes.text(&item, 2048).map(|text| (item, text)))
        .collect()
}

/// Host patterns; `default` where the key is absent.
pub(super) fn hosts(
    section: &mut Section<'_>,
    key: &'static str,
    default: &[&str],
    notes: &mut Notes<'_>,
) -> Vec<String> {
    patterns(section, key, default, ("\"*\"", "host"), host_pattern, notes)
}

/// Canonical path prefixes; `default` where the key is absent.
pub(super) fn paths(
    section: &mut Section<'_>,
    key: &'static str,
    default: &[&str],
    notes: &mut Notes<'_>,
) -> Vec<String> {
    patterns(section, key, default, ("\"/\"", "path"), path_prefix, notes)
}

/// What every item reads as. A list that has a default cannot be empty: `every` is how to write "every `what`".
fn patterns(
    section: &mut Section<'_>,
    key: &'static str,
    default: &[&str],
    (every, what): (&str, &str),
    read: fn(&Field<'_>, &str, &mut Notes<'_>) -> Option<String>,
    notes: &mut Notes<'_>,
) -> Vec<String> {
    let Some(field) = section.field(key) else {
        return default.iter().map(|text| (*text).to_owned()).collect();
    };
    let items = texts(&field, MAX_HOSTS, notes);
    if !default.is_empty() && field.value.as_array().is_some_and(|array| array.is_empty()) {
        notes.error(
            &field.at,
            Told {
                what: format!("`{key}` is empty"),
                why: "an empty list covers nothing".to_owned(),
                help: format!("write {key} = [{every}] for every {what}"),
            },
        );
    }
    items
        .iter()
        .filter_map(|(item, text)| read(item, text, notes))
        .collect()
}

/// `*`, `*.example.org` or a name, without port; lower case.
pub(super) fn host_pattern(item: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    if lower == "*" || is_host(name) || (lower == name && name.parse::<IpAddr>().is_ok()) {
        return Some(lower);
    }
    let bare = name.split("://").last().unwrap_or_default();
    let bare = bare
        .split(['/', ':', '?', '#'])
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let ascii = url::Host::parse(bare)
        .map(|host| host.to_string())
        .ok()
        .filter(|host| is_host(host));
    let (why, help) = match ascii {
        Some(ascii) if !text.is_ascii() => (
            "hosts are compared in their ASCII form, as clients send them",
            format!("write \"{ascii}\""),
        ),
        Some(ascii) => (
            "a host has no scheme, port, path or trailing dot",
            format!("write \"{ascii}\""),
        ),
        None => (
            "a host is \"*\", \"*.example.org\" or a name such as \"shop.example.org\"",
            String::new(),
        ),
    };
    let what = format!("\"{}\" is not a host", quote(text));
    notes.error(
        &item.at,
        Told {
            what,
            why: why.to_owned(),
            help,
        },
    );
    None
}

/// Labels of letters, digits, `-` and `_`, joined by dots.
pub(super) fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    (1..=MAX_HOST_BYTES).contains(&name.len()) && name.split('.').all(label)
}

/// A port that can be connected to.
pub(super) fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn path_prefix(item: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<String> {
    let why = if !text.starts_with('/') {
        "a path begins with /"
    } else if text.len() > MAX_PATH_BYTES {
        "a path has at most 1024 bytes"
    } else if text.contains(['*', '?', '#', '{', '^', '$', '(']) {
        "a path is a plain prefix, without wildcards, patterns or a query"
    } else if text.contains("//") || text.split('/').any(|segment| segment == "." || segment == "..") {
        "requests are matched after //, . and .. are resolved: this would never match"
    } else if text.contains('%') || text.contains(['\\', ';']) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "a path is written plainly: printable ASCII without %, \\ and ;"
    } else if text.to_ascii_lowercase().starts_with(OWN_PATHS) {
        "these paths are answered by the edge itself"
    } else {
        return Some(text.to_owned());
    };
    let plain = text
        .trim_end_matches(['*', '$', '.', '(', ')', '/'])
        .trim_start_matches('^');
    let meant = if plain.is_empty() {
        "/".to_owned()
    } else if plain.starts_with('/') {
        plain.to_owned()
    } else {
        format!("/{plain}")
    };
    let clean = !meant.contains(['*', '?', '#', '{', '%', '\\', ';', '^', '$', '(']) && !meant.contains("//");
    let clean = clean && meant.len() <= 64 && meant.is_ascii() && !meant.contains("/.");
    let help = if clean {
        format!("write \"{meant}\"")
    } else {
        "write it as \"/sale\" or \"/sale/tickets\"".to_owned()
    };
    notes.error(
        &item.at,
        Told {
            what: format!("\"{}\" is not a path prefix", quote(text)),
            why: why.to_owned(),
            help,
        },
    );
    None
}

/// Address prefixes (`10.0.0.0/8`), as they are written.
pub(super) fn prefixes(
    section: &mut Section<'_>,
    key: &'static str,
    max: usize,
    notes: &mut Notes<'_>,
) -> Vec<(At, IpNet)> {
    let Some(field) = section.field(key) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (item, text) in texts(&field, max, notes) {
        match text.parse::<IpNet>() {
            Ok(net) if net.trunc() == net => found.push((item.at, net)),
            Ok(net) => {
                let what = format!("\"{}\" has bits outside its prefix", quote(text));
                let why = "either the address or the length is not what was meant".to_owned();
                notes.error(
                    &item.at,
                    Told {
                        what,
                        why,
                        help: format!("write \"{}\" or \"{}\"", net.trunc(), IpNet::from(net.addr())),
                    },
                );
            }
            Err(_) => {
                let help = match text.parse::<IpAddr>() {
                    Ok(address) => format!("write \"{}\"", IpNet::from(address)),
                    Err(_) => "write it as \"10.0.0.0/8\" or \"fd00::/8\"".to_owned(),
                };
                let what = format!("\"{}\" is not an address prefix", quote(text));
                notes.error(
                    &item.at,
                    Told {
                        what,
                        why: "an address prefix is ADDRESS/LENGTH".to_owned(),
                        help,
                    },
                );
            }
        }
    }
    found
}

/// A listening address: numbers only, so that no resolver decides what is public.
pub(super) fn listen_address(field: &Field<'_>, notes: &mut Notes<'_>) -> Option<SocketAddr> {
    let text = notes.text(field, 256)?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
    let host = port
        .and_then(|port| text.strip_suffix(port))
        .map_or(text, |host| host.trim_end_matches(':'));
    let meant = match (host, port.unwrap_or("8080")) {
        ("localhost", port) => format!("127.0.0.1:{port}"),
        ("" | "*", port) => format!("0.0.0.0:{port}"),
        (host, port) => host.parse::<IpAddr>().map_or_else(
            |_| format!("0.0.0.0:{port}"),
            |ip| SocketAddr::new(ip, port.parse().unwrap_or(8080)).to_string(),
        ),
    };
    let what = format!("\"{}\" is not an address to listen on", quote(text));
    let why = "it is an IP address and a port; names are not looked up".to_owned();
    notes.error(
        &field.at,
        Told {
            what,
            why,
            help: format!("write \"{meant}\""),
        },
    );
    None
}
