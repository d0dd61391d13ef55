//! What a hot reload cannot change. Pure: two configurations in, the keys that wait for a restart out.

use crate::types::Config;

/// The keys whose new value takes effect only in a new process; empty where everything can be taken over now.
#[must_use]
pub fn restart_needed(old: &Config, new: &Config) -> Vec<&'static str> {
    let (edge, then) = (&old.edge, &new.edge);
    let changed = [
        ("edge.listen", edge.listen != then.listen),
        ("edge.listen_tls", edge.listen_tls != then.listen_tls),
        ("edge.admin", edge.admin != then.admin),
        ("edge.name", edge.name != then.name),
        ("edge.region", edge.region != then.region),
        ("edge.proxy_protocol", edge.proxy_protocol != then.proxy_protocol),
        ("edge.upgrade_sock", edge.upgrade_sock != then.upgrade_sock),
        ("edge.public_url", edge.public_url != then.public_url),
        ("admin", old.admin != new.admin),
        ("decision.listen", old.decision.listen != new.decision.listen),
        ("store.url", old.store.url != new.store.url),
        (
            "store.max_in_flight",
            old.store.max_in_flight != new.store.max_in_flight,
        ),
        ("store.deadline", old.store.deadline != new.store.deadline),
        ("store.ca", old.store.ca != new.store.ca),
        ("store.loader_…", old.store.loader != new.store.loader),
        ("store.sentinel_…", old.store.sentinel != new.store.sentinel),
        ("keys.dir", old.keys.dir != new.keys.dir),
        ("keys.algorithm", old.keys.algorithm != new.keys.algorithm),
        (
            "metrics.require_token",
            old.metrics.require_token != new.metrics.require_token,
        ),
        ("log.format", old.log.format != new.log.format),
        ("log.level", old.log.level != new.log.level),
    ];
    changed
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NotLooking, check};

    const BASE: &str = "[[origins]]\nname = \"a\"\nservers = [\"127.0.0.1:9000\"]\n\
        [[rooms]]\nname = \"r\"\norigin = \"a\"\ncapacity = 5\nrate = \"5/min\"\n";

    /// THREATS H17, I20: what a reload takes over, and what it says it cannot.
    #[test]
    fn names_what_waits_for_a_restart() {
        let config = |extra: &str| check(&format!("{extra}{BASE}"), &NotLooking).unwrap();
        let old = config("");
        for (extra, expected) in [
            ("", &[][..]),
            ("[edge]\nlisten = [\"127.0.0.1:1\"]\n", &["edge.listen"]),
            (
                "[edge]\nadmin = \"127.0.0.1:1\"\nregion = \"x\"\n",
                &["edge.admin", "edge.region"],
            ),
            ("[edge.guard]\nidle = \"5s\"\n", &[]),
            (
                "[admin]\ntoken_file = \"t\"\n[metrics]\nrequire_token = false\n",
                &["admin", "metrics.require_token"],
            ),
            (
                "[store]\nurl = \"redis://127.0.0.1\"\n[keys]\ndir = \"k\"\n",
                &["store.url", "keys.dir"],
            ),
            (
                "[edge]\ntrusted_proxies = [\"10.0.0.0/8\"]\n[geo]\ndatabase = \"g\"\n",
                &[],
            ),
        ] {
            assert_eq!(restart_needed(&old, &config(extra)), expected, "{extra}");
        }
        let more_rooms = check(&BASE.replace("capacity = 5", "capacity = 6"), &NotLooking).unwrap();
        assert_eq!(
            restart_needed(&old, &more_rooms),
            [""; 0],
            "rooms change while the line moves"
        );
    }
}
