//! Ticket keys and pass keys, with rotation. Bytes in, bytes out: knows no files, no clock, no network.
//!
//! A key's state is not stored; it follows from the times at which keys begin. Edges that hold the same keys
//! therefore change over at the same moment, and a rotation is one new key, never an edit of an old one.

mod file;
mod mac;
mod pass_key;
mod rotate;
mod schedule;
mod ticket_key;

use std::time::Duration;

use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::ids::{RoomName, Stamp, VisitorId};

pub use file::{KEY_FILE_ENDING, KeyProblem};
pub(crate) use mac::{Mac256, TAG_BYTES, first_16, keyed, tag, tag_matches};
pub use pass_key::PassAlg;
pub(crate) use pass_key::{PASS_TYP, PassKey, is_kid};
pub use rotate::{Rotation, RotationRefused, Which};
pub use schedule::KeyState;
pub(crate) use schedule::Schedule;
pub(crate) use ticket_key::TicketKey;

/// Most keys of one kind in a ring; also bounds what a JWKS client has to hold (it may stop at 16).
pub const MAX_KEYS: usize = 8;
/// What `Cache-Control` says about the JWKS.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);
/// How long a new key is published before it is used: twice what a JWKS client may cache.
pub const PUBLISH_AHEAD: Duration = Duration::from_secs(600);
/// How long the old pass key is accepted after its successor began: longest pass, plus cache, plus leeway.
pub const PASS_KEY_KEPT: Duration = Duration::from_secs(15 * 60 + 300 + 30);
/// How long the old ticket key is accepted after its successor began: nobody waits longer than this.
pub const TICKET_KEY_KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// Makes `aws-lc-rs` the backend of `jsonwebtoken` in this process. Harmless to call again. Every [`KeyRing`] calls
/// it; call it first in a `main` that brings other users of `jsonwebtoken` into the process.
pub fn install_crypto() {
    // An error means that a provider is already there, which is what was wanted.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// All keys of an edge. Every edge of an installation holds the same ones.
#[derive(Clone)]
pub struct KeyRing {
    pub(crate) identity: Identity,
    pub(crate) tickets: Schedule<TicketKey>,
    pub(crate) passes: Schedule<PassKey>,
}

/// The one secret that is never rotated: a pass's id and a ticket's binding must outlive every rotation.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) secret: Zeroizing<[u8; 32]>,
    pass_id: Mac256,
    binding: Mac256,
}

impl Identity {
    pub(crate) fn new(secret: Zeroizing<[u8; 32]>) -> Identity {
        let pass_id = keyed(&secret, "stanchion pass id v1");
        let binding = keyed(&secret, "stanchion binding v1");
        Identity {
            secret,
            pass_id,
            binding,
        }
    }
}

/// What may be told about a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyInfo {
    pub kind: KeyKind,
    pub id: String,
    pub alg: &'static str,
    pub state: KeyState,
    /// When it begins (or began) to be used.
    pub from: Stamp,
    /// When it stops being accepted, where a successor says so.
    pub until: Option<Stamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    Ticket,
    Pass,
}

impl KeyRing {
    /// New keys of every kind, in use at once: for a first start.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy, alg: PassAlg, now: Stamp) -> KeyRing {
        install_crypto();
        KeyRing {
            identity: Identity::new(secret_from(entropy)),
            tickets: Schedule::of(TicketKey::generate(entropy, now), TICKET_KEY_KEPT),
            passes: Schedule::of(PassKey::generate(entropy, alg, now), PASS_KEY_KEPT),
        }
    }

    /// The public pass keys that are next, current or still accepted. RFC 7517; nothing secret.
    #[must_use]
    pub fn jwks(&self, now: Stamp) -> serde_json::Value {
        let keys: Vec<_> = self.passes.accepted(now).map(PassKey::jwk).collect();
        serde_json::json!({ "keys": keys })
    }

    /// Every key, its state and its times; nothing secret.
    #[must_use]
    pub fn list(&self, now: Stamp) -> Vec<KeyInfo> {
        let tickets = self.tickets.list(now).map(|(key, state, until)| KeyInfo {
            kind: KeyKind::Ticket,
            id: key.id_text(),
            alg: "HMAC-SHA256",
            state,
            from: key.from,
            until,
        });
        let passes = self.passes.list(now).map(|(key, state, until)| KeyInfo {
            kind: KeyKind::Pass,
            id: key.kid.clone(),
            alg: key.alg.name(),
            state,
            from: key.from,
            until,
        });
        tickets.chain(passes).collect()
    }

    /// The id of every pass that this visitor can ever get for this room.
    #[must_use]
    pub fn pass_id(&self, room: &RoomName, visitor: &VisitorId) -> [u8; 16] {
        first_16(tag(&self.identity.pass_id, &[&visitor.0, room.as_str().as_bytes()]))
    }

    /// What a ticket keeps of the thing it is bound to (a network prefix, a login): a keyed hash, so that a
    /// ticket tells nobody what it was.
    #[must_use]
    pub fn binding(&self, bound_to: &[u8]) -> [u8; 16] {
        first_16(tag(&self.identity.binding, &[bound_to]))
    }

    /// The secret under which edges call the keys of their common limits by one name. Outlives every rotation.
    #[must_use]
    pub fn limits_secret(&self) -> [u8; 16] {
        first_16(tag(&keyed(&self.identity.secret, "stanchion limits v1"), &[]))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids = |ids: Vec<String>| ids.join(" ");
        f.debug_struct("KeyRing")
            .field("tickets", &ids(self.tickets.all().map(TicketKey::id_text).collect()))
            .field("passes", &ids(self.passes.all().map(|key| key.kid.clone()).collect()))
            .field("secrets", &"[redacted]")
            .finish()
    }
}

pub(crate) fn secret_from(entropy: &dyn Entropy) -> Zeroizing<[u8; 32]> {
    let mut secret = Zeroizing::new([0; 32]);
    entropy.fill(&mut *secret);
    secret
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
