//! What is wrong with how a server is configured, read from its `INFO`. Pure: text in, findings out. Needs no
//! right beyond `INFO`.

use std::collections::HashMap;

/// The oldest version the scripts are tested with.
const OLDEST: (u32, u32) = (7, 0);
/// Part of `maxmemory` beyond which the operator should hear of it, in percent.
const NEARLY_FULL_PERCENT: u64 = 85;

/// One thing an operator should know.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum ConfigFinding {
    /// The server deletes keys when memory is short, and a room's line with them: refused at start.
    Evicting { policy: String },
    /// Nothing is kept on disk: a restart is a loss, and every ticket has to come back.
    NoAppendOnlyFile,
    /// Replicas exist, but a master cut off from them would go on accepting: both sides admit until they meet again.
    NoMinReplicas,
    /// Memory is nearly used up; beyond it nobody is admitted.
    NearlyFull { used: u64, maximum: u64 },
    /// There is no bound on memory: the machine's end is the bound.
    NoMaxMemory,
    /// Not a version that the scripts are tested with.
    OldServer { version: String },
}

impl ConfigFinding {
    /// Whether an edge refuses to start with it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, ConfigFinding::Evicting { .. })
    }

    /// What it means and what to do, for the operator.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Evicting { policy } => format!(
                "maxmemory-policy is {policy}: when memory is short the server would delete the line. \
                 Set maxmemory-policy noeviction."
            ),
            Self::NoAppendOnlyFile => "appendonly is off: a restart loses the index and the room recovers from its \
                                       visitors' tickets. Set appendonly yes, appendfsync everysec."
                .to_owned(),
            Self::NoMinReplicas => "min-replicas-to-write is 0: a master that is cut off goes on admitting. Set \
                                    min-replicas-to-write 1 and min-replicas-max-lag 10."
                .to_owned(),
            Self::NearlyFull { used, maximum } => {
                format!("{used} of {maximum} bytes are used; when all are, nobody is admitted. Raise maxmemory.")
            }
            Self::NoMaxMemory => "maxmemory is not set: the system may end the server when memory is short.".to_owned(),
            Self::OldServer { version } => format!("version {version} is older than {}.{}.", OLDEST.0, OLDEST.1),
        }
    }
}

/// Reads the text of `INFO`. A field that is missing finds nothing: some services hide parts of it.
#[must_use]
pub fn findings(info: &str) -> Vec<ConfigFinding> {
    let fields: HashMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect();
    let number = |name: &str| fields.get(name).and_then(|value| value.parse::<u64>().ok());
    let mut found = Vec::new();
    match fields.get("maxmemory_policy") {
        Some(&"noeviction") | None => {}
        // A volatile policy deletes only keys that expire by themselves; ours do not, but then it cannot free any either.
        Some(policy) => found.push(ConfigFinding::Evicting { policy: short(policy) }),
    }
    if number("aof_enabled") == Some(0) {
        found.push(ConfigFinding::NoAppendOnlyFile);
    }
    let is_master = fields.get("role") == Some(&"master");
    let replicated = number("connected_slaves").is_some_and(|n| n > 0);
    // The field is there only where both settings are above zero.
    if is_master && replicated && !fields.contains_key("min_slaves_good_slaves") {
        found.push(ConfigFinding::NoMinReplicas);
    }
    match (number("used_memory"), number("maxmemory")) {
        (_, Some(0)) => found.push(ConfigFinding::NoMaxMemory),
        (Some(used), Some(maximum)) if used / maximum.div_ceil(100) >= NEARLY_FULL_PERCENT => {
            found.push(ConfigFinding::NearlyFull { used, maximum });
        }
        _ => {}
    }
    if let Some(version) = fields.get("redis_version").filter(|version| is_old(version)) {
        found.push(ConfigFinding::OldServer {
            version: short(version),
        });
    }
    found
}

fn is_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    matches!((parts.next().flatten(), parts.next().flatten()), (Some(major), Some(minor)) if (major, minor) < OLDEST)
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nmaxmemory:1000000\r\nused_memory:1000\r\n\
                        maxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\nconnected_slaves:1\r\n\
                        min_slaves_good_slaves:1\r\n";

    #[test]
    fn a_well_kept_server_has_nothing_to_find() {
        assert_eq!(findings(GOOD), []);
    }

    #[test]
    fn f8_each_bad_setting_is_found_and_only_eviction_is_refused() {
        let evicting = ConfigFinding::Evicting {
            policy: "allkeys-lru".to_owned(),
        };
        let old = ConfigFinding::OldServer {
            version: "6.2.14".to_owned(),
        };
        let full = ConfigFinding::NearlyFull {
            used: 850_001,
            maximum: 1_000_000,
        };
        let table = [
            ("maxmemory_policy:noeviction", "maxmemory_policy:allkeys-lru", evicting),
            ("aof_enabled:1", "aof_enabled:0", ConfigFinding::NoAppendOnlyFile),
            ("min_slaves_good_slaves:1\r\n", "", ConfigFinding::NoMinReplicas),
            ("used_memory:1000", "used_memory:850001", full),
            ("maxmemory:1000000", "maxmemory:0", ConfigFinding::NoMaxMemory),
            ("7.0.15", "6.2.14", old),
        ];
        for (good, bad, finding) in table {
            assert_eq!(
                findings(&GOOD.replace(good, bad)),
                std::slice::from_ref(&finding),
                "{bad}"
            );
            assert_eq!(finding.is_refused(), matches!(finding, ConfigFinding::Evicting { .. }));
            assert!(!finding.advice().is_empty());
        }
    }

    #[test]
    fn nonsense_finds_nothing() {
        for text in [
            "",
            ":",
            "maxmemory:x\nused_memory:-1",
            "redis_version:",
            "redis_version:7",
            "\0\0",
        ] {
            assert_eq!(findings(text), [], "{text:?}");
        }
    }
}
