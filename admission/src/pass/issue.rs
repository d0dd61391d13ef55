//! From a session to its pass. The same session gives the same pass, whoever asks and however often.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::{MAX_CHARS, MAX_ISSUER, MAX_LIFE, MAX_REGION};
use crate::ids::{RoomName, Stamp};
use crate::keys::{KeyRing, hex};
use crate::store::Session;

/// What a pass says beside the session. Derive all of it from configuration or from the session: where two edges
/// give the same, their passes for one session are the same to the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PassContext<'a> {
    pub issuer: &'a str,
    pub region: Option<&'a str>,
    pub queue_position: Option<u64>,
    /// How long a pass lives; the room's `session_ttl`. Held between 2 s and [`MAX_LIFE`].
    pub ttl: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IssueFault {
    #[error("the issuer is empty or longer than {MAX_ISSUER} bytes")]
    Issuer,
    #[error("the region is longer than {MAX_REGION} bytes")]
    Region,
    #[error("the pass would be longer than {MAX_CHARS} characters")]
    TooLong,
    #[error("the key could not sign")]
    Signing,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    jti: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    arr: u64,
    adm: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rgn: Option<&'a str>,
    token_use: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<u64>,
}

/// Signs the pass of a session with the key in use at `now`.
///
/// A pass is valid from the claim on. When half of its life is over, the next call makes its renewal: later `iat` and
/// `exp`, same `jti`. Between those moments (and a change of keys) all calls give the same bytes.
///
/// # Errors
/// Where the context does not fit into a pass.
pub fn issue(
    keys: &KeyRing,
    room: &RoomName,
    session: &Session,
    context: &PassContext<'_>,
    now: Stamp,
) -> Result<String, IssueFault> {
    if context.issuer.is_empty() || context.issuer.len() > MAX_ISSUER {
        return Err(IssueFault::Issuer);
    }
    if context.region.is_some_and(|region| region.len() > MAX_REGION) {
        return Err(IssueFault::Region);
    }
    let visitor = session.place.visitor;
    let life = Duration::from_secs(context.ttl.as_secs().clamp(2, MAX_LIFE.as_secs()));
    let issued_at = issued_at(session.claimed_at, life, now).unix_seconds();
    let claims = Claims {
        iss: context.issuer,
        aud: room.as_str(),
        sub: &visitor.to_string(),
        jti: &hex(&keys.pass_id(room, &visitor)),
        iat: issued_at,
        nbf: issued_at,
        exp: issued_at + life.as_secs(),
        arr: session.place.stamp.0,
        adm: session.claimed_at.0,
        rgn: context.region,
        token_use: "access",
        queue_position: context.queue_position,
    };
    let key = keys.passes.current(now);
    let claims = serde_json::to_vec(&claims).map_err(|_| IssueFault::Signing)?;
    let message = format!("{}.{}", key.header, URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.signing, key.alg.jose());
    let token = format!("{message}.{}", signature.map_err(|_| IssueFault::Signing)?);
    if token.len() > MAX_CHARS {
        Err(IssueFault::TooLong)
    } else {
        Ok(token)
    }
}

/// The claim, or the latest whole half-life after it.
fn issued_at(claimed_at: Stamp, life: Duration, now: Stamp) -> Stamp {
    let half = life / 2;
    let halves = now.since(claimed_at).as_micros() / half.as_micros().max(1);
    claimed_at.plus(half.saturating_mul(u32::try_from(halves).unwrap_or(u32::MAX)))
}
