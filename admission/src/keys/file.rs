//! A key as the bytes of a file, and back. Every problem is reported, none of them with a secret in it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::pass_key::{PassAlg, PassKey, is_kid};
use super::schedule::{Key, Schedule};
use super::ticket_key::{TICKET_KEY_ID_BYTES, TicketKey};
use super::{Identity, KeyRing, MAX_KEYS, PASS_KEY_KEPT, TICKET_KEY_KEPT, hex, install_crypto};
use crate::ids::Stamp;

/// Only files that end so are keys.
pub const KEY_FILE_ENDING: &str = ".key";
/// No key file is longer.
const MAX_FILE_BYTES: usize = 1_024;
/// Key files say when in seconds; the last moment a [`Stamp`] can hold.
const MAX_SECONDS: u64 = Stamp::MAX.0 / 1_000_000;

/// What is wrong with one file, or with all of them together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyProblem {
    /// Empty where the problem is that something is missing.
    pub file: String,
    pub what: String,
}

impl std::fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.file.as_str() {
            "" => f.write_str(&self.what),
            file => write!(f, "{file}: {}", self.what),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Identity,
    Ticket,
    Pass,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doc {
    stanchion: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<PassAlg>,
    /// Whole seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    secret: String,
}

impl Drop for Doc {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

enum Parsed {
    Identity(Identity),
    Ticket(TicketKey),
    Pass(PassKey),
}

impl KeyRing {
    /// Reads a ring from the names and bytes of its files. Names that do not end in `.key` are passed over.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn from_files<N: AsRef<str>, B: AsRef<[u8]>>(files: &[(N, B)]) -> Result<KeyRing, Vec<KeyProblem>> {
        install_crypto();
        let mut problems = Vec::new();
        let (mut identities, mut tickets, mut passes) = (Vec::new(), Vec::new(), Vec::new());
        let mut names = std::collections::BTreeSet::new();
        for (name, bytes) in files {
            let name = name.as_ref();
            if !name.ends_with(KEY_FILE_ENDING) {
                continue;
            }
            if !names.insert(name) {
                let what = "given twice".to_owned();
                problems.push(KeyProblem {
                    file: name.to_owned(),
                    what,
                });
                continue;
            }
            match parse(name, bytes.as_ref()) {
                Ok(Parsed::Identity(identity)) => identities.push(identity),
                Ok(Parsed::Ticket(key)) => tickets.push(key),
                Ok(Parsed::Pass(key)) => passes.push(key),
                Err(what) => problems.push(KeyProblem {
                    file: name.to_owned(),
                    what,
                }),
            }
        }
        check_count("ticket", &tickets, &mut problems);
        check_count("pass", &passes, &mut problems);
        if identities.is_empty() && problems.is_empty() {
            problems.push(whole("identity.key is missing"));
        }
        let ring = identities.pop().zip(Schedule::new(tickets, TICKET_KEY_KEPT));
        match ring.zip(Schedule::new(passes, PASS_KEY_KEPT)) {
            Some(((identity, tickets), passes)) if problems.is_empty() => Ok(KeyRing {
                identity,
                tickets,
                passes,
            }),
            _ => Err(problems),
        }
    }

    /// One file per key: its name and its bytes. They hold secrets: write them for their owner's eyes only.
    #[must_use]
    pub fn to_files(&self) -> Vec<(String, Zeroizing<Vec<u8>>)> {
        let identity = Doc {
            stanchion: Kind::Identity,
            id: None,
            alg: None,
            from: None,
            secret: URL_SAFE_NO_PAD.encode(*self.identity.secret),
        };
        let tickets = self.tickets.all().map(|key| Doc {
            stanchion: Kind::Ticket,
            id: Some(key.id_text()),
            alg: None,
            from: Some(key.from.unix_seconds()),
            secret: URL_SAFE_NO_PAD.encode(*key.secret),
        });
        let passes = self.passes.all().map(|key| Doc {
            stanchion: Kind::Pass,
            id: Some(key.kid.clone()),
            alg: Some(key.alg),
            from: Some(key.from.unix_seconds()),
            secret: URL_SAFE_NO_PAD.encode(*key.secret),
        });
        std::iter::once(identity)
            .chain(tickets)
            .chain(passes)
            .map(|doc| written(&doc))
            .collect()
    }
}

fn written(doc: &Doc) -> (String, Zeroizing<Vec<u8>>) {
    // A struct of strings and numbers always serialises.
    let mut bytes = Zeroizing::new(serde_json::to_vec(doc).unwrap_or_default());
    bytes.push(b'\n');
    (file_name(doc.stanchion, doc.id.as_deref()), bytes)
}

fn file_name(kind: Kind, id: Option<&str>) -> String {
    let id = id.unwrap_or_default();
    match kind {
        Kind::Identity => format!("identity{KEY_FILE_ENDING}"),
        Kind::Ticket => format!("ticket-{id}{KEY_FILE_ENDING}"),
        Kind::Pass => format!("pass-{id}{KEY_FILE_ENDING}"),
    }
}

fn parse(name: &str, bytes: &[u8]) -> Result<Parsed, String> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(format!("longer than {MAX_FILE_BYTES} bytes; this is no key file"));
    }
    // serde's own message would quote the file, and with it perhaps the secret: only the place is told.
    let doc: Doc = serde_json::from_slice(bytes)
        .map_err(|e| format!("not a key file (line {}, column {})", e.line(), e.column()))?;
    if file_name(doc.stanchion, doc.id.as_deref()) != name {
        return Err("the file's name does not fit the key inside; it was renamed or copied".to_owned());
    }
    let secret = secret(&doc.secret)?;
    match doc.stanchion {
        Kind::Identity if doc.alg.is_some() || doc.from.is_some() || doc.id.is_some() => {
            Err("an identity has neither id, alg nor from".to_owned())
        }
        Kind::Identity => Ok(Parsed::Identity(Identity::new(secret))),
        Kind::Ticket if doc.alg.is_some() => Err("a ticket key has no alg".to_owned()),
        Kind::Ticket => {
            let id = doc
                .id
                .as_deref()
                .and_then(ticket_id)
                .ok_or("id must be 8 lower-case hexadecimal digits")?;
            Ok(Parsed::Ticket(TicketKey::new(id, from(&doc)?, secret)))
        }
        Kind::Pass => {
            let kid = doc
                .id
                .clone()
                .filter(|id| is_kid(id))
                .ok_or("id must be 1-32 characters of A-Z a-z 0-9 _ -")?;
            let alg = doc.alg.ok_or("alg is missing: EdDSA or ES256")?;
            let key = PassKey::new(kid, alg, from(&doc)?, secret);
            key.map(Parsed::Pass)
                .ok_or_else(|| format!("the secret is no {} key", alg.name()))
        }
    }
}

fn from(doc: &Doc) -> Result<Stamp, String> {
    match doc.from {
        Some(seconds) if seconds <= MAX_SECONDS => Ok(Stamp(seconds * 1_000_000)),
        _ => Err("from must be a time in seconds since 1970".to_owned()),
    }
}

fn secret(text: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    let wrong = || "secret must be 32 bytes in base64url".to_owned();
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?);
    let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| wrong())?;
    if bytes == [0; 32] {
        return Err("the secret is all zeros".to_owned());
    }
    Ok(Zeroizing::new(bytes))
}

fn ticket_id(text: &str) -> Option<[u8; TICKET_KEY_ID_BYTES]> {
    let id = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    (hex(&id) == text).then_some(id)
}

fn check_count<K: Key>(kind: &str, keys: &[K], problems: &mut Vec<KeyProblem>) {
    if keys.is_empty() && problems.is_empty() {
        problems.push(whole(&format!("there is no {kind} key")));
    }
    if keys.len() > MAX_KEYS {
        problems.push(whole(&format!(
            "{} {kind} keys, at most {MAX_KEYS} are read",
            keys.len()
        )));
    }
}

fn whole(what: &str) -> KeyProblem {
    KeyProblem {
        file: String::new(),
        what: what.to_owned(),
    }
}
