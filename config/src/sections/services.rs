//! The small tables: `[admin]`, `[keys]`, `[geo]`, `[log]`, `[metrics]`.

use sha2::{Digest, Sha256};

use crate::read::{Field, Notes, Section, Told};
use crate::sections::edge::EdgeRead;
use crate::sections::{files, names};
use crate::types::{Admin, AdminToken, Geo, Keys, Log, LogFormat, LogLevel, Metrics, SigningAlgorithm};

const MAX_ALLOWED: usize = 64;
/// Tokens that an attacker tries first.
const WELL_KNOWN: [&str; 12] = [
    "",
    "admin",
    "changeme",
    "change-me",
    "password",
    "secret",
    "stanchion",
    "test",
    "token",
    "root",
    "letmein",
    "demo",
];

pub(super) fn admin(mut section: Section<'_>, edge: &EdgeRead, notes: &mut Notes<'_>) -> Admin {
    let before = notes.count();
    let file = files::file(&mut section, "token_file", &files::TOKEN, notes).map(AdminToken::File);
    let hash = section
        .field("token_sha256")
        .and_then(|field| token_hash(&field, notes));
    if let (Some(_), Some(field)) = (section.field("token_file"), section.field("token_sha256")) {
        let what = "`token_file` and `token_sha256` are both there".to_owned();
        let why = "only one of them can be the token".to_owned();
        notes.error(
            &field.at,
            Told {
                what,
                why,
                help: "keep one".to_owned(),
            },
        );
    }
    let allow = names::prefixes(&mut section, "allow", MAX_ALLOWED, notes)
        .into_iter()
        .map(|(_, net)| net)
        .collect();
    let hosts = hosts(&mut section, notes);
    let token = file.or(hash);
    let address = edge.value.admin;
    if !address.ip().is_loopback() && notes.count() == before {
        let what = format!("the admin listener is on {address}, where others can reach it");
        if token.is_none() {
            let why = "whoever reaches it can open every room and close every sale".to_owned();
            let help = "set admin.token_file (chmod 600) or admin.token_sha256, or listen on 127.0.0.1".to_owned();
            notes.dependent(
                &edge.admin_at,
                Told {
                    what: format!("{what} without a token"),
                    why,
                    help,
                },
            );
        } else {
            let why = "it is plain HTTP: its token crosses the network in clear".to_owned();
            let help = "keep it on a private network, or put TLS in front of it".to_owned();
            notes.warning(&edge.admin_at, Told { what, why, help });
        }
    }
    section.close(notes);
    Admin { token, allow, hosts }
}

/// "Every host" is none of the choices: a web page under a name of its own could then talk to the listener.
fn hosts(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    let hosts = names::hosts(section, "hosts", &[], notes);
    if let Some(field) = section.field("hosts").filter(|_| hosts.iter().any(|host| host == "*")) {
        let why = "any web page whose name is made to lead here could then speak to the admin listener".to_owned();
        notes.error(
            &field.at,
            Told {
                what: "`hosts` holds \"*\"".to_owned(),
                why,
                help: "name the hosts, such as \"edge-1.internal\" or \"*.internal\"".to_owned(),
            },
        );
    }
    hosts
}

fn token_hash(field: &Field<'_>, notes: &mut Notes<'_>) -> Option<AdminToken> {
    let text = notes.text(field, 256)?;
    let help = "make one with: head -c 32 /dev/urandom | base64 | tee token | tr -d '\\n' | sha256sum".to_owned();
    let Some(hash) = hex(text) else {
        let what = "`token_sha256` is not a SHA-256".to_owned();
        let why = "it is the token's hash in 64 hexadecimal digits, never the token itself".to_owned();
        notes.error(&field.at, Told { what, why, help });
        return None;
    };
    if WELL_KNOWN
        .iter()
        .any(|known| <[u8; 32]>::from(Sha256::digest(known.as_bytes())) == hash)
    {
        let what = "`token_sha256` is the hash of a well-known word".to_owned();
        let why = "an attacker tries these first".to_owned();
        notes.error(&field.at, Told { what, why, help });
        return None;
    }
    Some(AdminToken::Sha256(hash))
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

pub(super) fn keys(mut section: Section<'_>, notes: &mut Notes<'_>) -> Keys {
    let algorithms = [("EdDSA", SigningAlgorithm::EdDsa), ("ES256", SigningAlgorithm::Es256)];
    let keys = Keys {
        dir: files::folder(&mut section, "dir", "keys", notes),
        algorithm: section.choice("algorithm", &algorithms, SigningAlgorithm::EdDsa, notes),
    };
    section.close(notes);
    keys
}

pub(super) fn geo(mut section: Section<'_>, notes: &mut Notes<'_>) -> Geo {
    let geo = Geo {
        database: files::file(&mut section, "database", &files::DATABASE, notes),
        asn_database: files::file(&mut section, "asn_database", &files::DATABASE, notes),
    };
    section.close(notes);
    geo
}

pub(super) fn log(mut section: Section<'_>, notes: &mut Notes<'_>) -> Log {
    use LogLevel::{Debug, Error, Info, Trace, Warn};
    let levels = [
        ("error", Error),
        ("warn", Warn),
        ("info", Info),
        ("debug", Debug),
        ("trace", Trace),
    ];
    let log = Log {
        format: section.choice(
            "format",
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            LogFormat::Text,
            notes,
        ),
        level: section.choice("level", &levels, Info, notes),
    };
    section.close(notes);
    log
}

pub(super) fn metrics(mut section: Section<'_>, notes: &mut Notes<'_>) -> Metrics {
    let metrics = Metrics {
        require_token: section.boolean("require_token", true, notes),
    };
    section.close(notes);
    metrics
}
