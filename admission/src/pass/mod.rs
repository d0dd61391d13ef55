//! Passes: the signed proof of a session, for the origin. A JWT whose algorithm is the key's, never the token's.
//!
//! | claim | is |
//! |---|---|
//! | `iss` `aud` `sub` | the edge's public name, the room's name, the visitor id in hex |
//! | `jti` | keyed hash of visitor and room: the same for every pass of one ticket, whatever happens |
//! | `iat` `nbf` | the same second: `adm` for a first pass, later for a renewal |
//! | `exp` | at most 15 minutes after `iat` |
//! | `arr` `adm` | arrival and claim, in microseconds on the store's clock: with `sub` and `exp`, the session |
//! | `rgn` `queue_position` | optional |
//! | `token_use` | `access` |

mod cache;
mod claims;
mod issue;
mod object;
mod verify;

use std::time::Duration;

use crate::ids::{Place, Stamp};
use crate::store::Session;

pub use cache::PassCache;
pub use issue::{IssueFault, PassContext, issue};
pub use verify::verify;

/// No pass lives longer.
pub const MAX_LIFE: Duration = Duration::from_secs(15 * 60);
/// How far a clock may be off at `exp`, `nbf` and `iat`.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// No pass is longer, in characters.
pub const MAX_CHARS: usize = 1_024;
/// Longest `iss`, in bytes.
pub const MAX_ISSUER: usize = 200;
/// Longest `rgn`, in bytes.
pub const MAX_REGION: usize = 32;

/// What a verified pass says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pass {
    pub place: Place,
    /// The session's `claimed_at`.
    pub claimed_at: Stamp,
    /// To the second.
    pub issued_at: Stamp,
    /// To the second. The session itself may go on after it; then a new pass follows.
    pub expires_at: Stamp,
    /// `jti`.
    pub id: [u8; 16],
    pub kid: String,
    pub issuer: String,
    pub region: Option<String>,
    pub queue_position: Option<u64>,
}

impl Pass {
    /// The session that the pass proves. Place and claim are exact; the session lasts at least as long as the pass
    /// unless it is ended, so the pass's end stands for the session's.
    #[must_use]
    pub fn session(&self) -> Session {
        Session {
            place: self.place,
            claimed_at: self.claimed_at,
            expires_at: self.expires_at,
        }
    }

    /// Whether it is valid now, its signature apart.
    pub(crate) fn check_times(&self, now: Stamp) -> Result<(), PassFault> {
        if self.expires_at.plus(LEEWAY) <= now {
            return Err(PassFault::Expired);
        }
        let latest = now.plus(LEEWAY);
        if self.issued_at > latest || self.claimed_at > latest || self.place.stamp > latest {
            return Err(PassFault::NotYet);
        }
        Ok(())
    }
}

/// Why a text is no pass for this room now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum PassFault {
    #[error("empty")]
    Empty,
    #[error("longer than a pass can be")]
    TooLong,
    #[error("not three parts")]
    Parts,
    #[error("not canonical base64url")]
    Encoding,
    #[error("the header is no JSON object")]
    HeaderJson,
    #[error("a name occurs twice")]
    Duplicate,
    #[error("the header has a field that no pass has")]
    HeaderField,
    #[error("not the type of a pass")]
    Typ,
    #[error("the key id is missing or has no key id's form")]
    Kid,
    #[error("signed with a key we do not have")]
    UnknownKey,
    #[error("signed with a key that is not accepted any more")]
    RetiredKey,
    #[error("not the key's algorithm")]
    Alg,
    #[error("the signature is wrong")]
    Signature,
    #[error("the claims are no JSON object")]
    ClaimsJson,
    #[error("a claim is missing or of the wrong kind: {0}")]
    Claim(&'static str),
    #[error("for another room")]
    OtherRoom,
    #[error("has expired")]
    Expired,
    #[error("is not valid yet")]
    NotYet,
}

impl PassFault {
    /// A short name for a metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            PassFault::Empty => "empty",
            PassFault::TooLong => "too-long",
            PassFault::Parts => "parts",
            PassFault::Encoding => "encoding",
            PassFault::HeaderJson => "header-json",
            PassFault::Duplicate => "duplicate",
            PassFault::HeaderField => "header-field",
            PassFault::Typ => "typ",
            PassFault::Kid => "kid",
            PassFault::UnknownKey => "unknown-key",
            PassFault::RetiredKey => "retired-key",
            PassFault::Alg => "alg",
            PassFault::Signature => "signature",
            PassFault::ClaimsJson => "claims-json",
            PassFault::Claim(_) => "claim",
            PassFault::OtherRoom => "other-room",
            PassFault::Expired => "expired",
            PassFault::NotYet => "not-yet",
        }
    }
}
