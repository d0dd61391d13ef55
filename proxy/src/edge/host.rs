//! Which host is meant, and is it ours? Pure: the text of `Host` or `:authority` in, a lower-case name or a refusal
//! out.

use std::borrow::Cow;
use std::collections::HashSet;

use super::refusal::Refusal;

const MAX_HOST_BYTES: usize = 253;

/// The hosts that are served.
#[derive(Clone, Debug, Default)]
pub enum Hosts {
    #[default]
    Any,
    Only {
        exact: HashSet<String>,
        /// `*.example.org` is kept as `.example.org`; one label or more before it.
        suffixes: Vec<String>,
    },
}

impl Hosts {
    /// From configured patterns: `*`, `name`, `*.name`.
    pub fn from_patterns<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Hosts {
        let (mut exact, mut suffixes) = (HashSet::new(), Vec::new());
        for pattern in patterns {
            let pattern = pattern.to_ascii_lowercase();
            match pattern.strip_prefix('*') {
                Some("") => return Hosts::Any,
                Some(suffix) => suffixes.push(suffix.to_string()),
                None => drop(exact.insert(pattern)),
            }
        }
        Hosts::Only { exact, suffixes }
    }

    pub fn serves(&self, host: &str) -> bool {
        match self {
            Hosts::Any => true,
            Hosts::Only { exact, suffixes } => {
                exact.contains(host)
                    || suffixes
                        .iter()
                        .any(|s| host.len() > s.len() && host.ends_with(s.as_str()))
            }
        }
    }
}

/// Splits `host[:port]`, checks both, and gives the host in lower case without a trailing dot.
pub fn parse_host(authority: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let text = std::str::from_utf8(authority).map_err(|_| Refusal::HostInvalid)?;
    if text.is_empty() {
        return Err(Refusal::HostMissing);
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .map(|(host, port)| (&text[..host.len() + 2], port))
            .ok_or(Refusal::HostInvalid)?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let host_is_good = if host.starts_with('[') {
        is_bracketed_v6(host)
    } else {
        is_name(host)
    };
    if !port_is_good || !host_is_good {
        return Err(Refusal::HostInvalid);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Cow::Owned(host.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(host))
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_bracketed_v6(host: &str) -> bool {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::Ipv6Addr>()
        .is_ok()
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63; IPv4 addresses are of that form too.
fn is_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.len() <= MAX_HOST_BYTES
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H7: the hosts that are hosts.
    #[test]
    fn hosts_are_read_strictly() {
        let good: &[(&str, &str)] = &[
            ("example.org", "example.org"),
            ("EXAMPLE.Org", "example.org"),
            ("example.org.", "example.org"),
            ("example.org:80", "example.org"),
            ("example.org.:8080", "example.org"),
            ("localhost", "localhost"),
            ("127.0.0.1:8080", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[2001:DB8::1]:443", "[2001:db8::1]"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
        ];
        for (text, want) in good {
            assert_eq!(parse_host(text.as_bytes()).as_deref(), Ok(*want), "{text}");
        }
        assert_eq!(parse_host(b""), Err(Refusal::HostMissing));
        let long_label = "a".repeat(64);
        let long_name = "a.".repeat(127) + "a";
        let bad: &[&str] = &[
            ".",
            "..",
            "a..b",
            ".a",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "a:8 0",
            "a:80:80",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a@b",
            "user:pw@a",
            "a\\b",
            "a,b",
            "a;b",
            "é.example",
            "%61",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "[::1%eth0]",
            "[1.2.3.4]",
            "a*",
            "*",
            "\"a\"",
            "a\tb",
            &long_label,
            &long_name,
        ];
        for text in bad {
            assert_eq!(parse_host(text.as_bytes()), Err(Refusal::HostInvalid), "{text}");
        }
    }

    #[test]
    fn only_configured_hosts_are_served() {
        let hosts = Hosts::from_patterns(["Shop.example", "*.tickets.example"]);
        for (host, served) in [
            ("shop.example", true),
            ("a.tickets.example", true),
            ("a.b.tickets.example", true),
            ("tickets.example", false),
            ("xtickets.example", false),
            ("shop.example.evil", false),
            ("localhost", false),
        ] {
            assert_eq!(hosts.serves(host), served, "{host}");
        }
        assert!(Hosts::from_patterns(["a", "*"]).serves("anything"));
    }
}
