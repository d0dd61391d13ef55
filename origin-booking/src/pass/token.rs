//! One pass against one key. Pure.

use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use super::jwks::PublicKey;

/// The `typ` of every pass; no other token of the same signer is one.
const TYP: &str = "stanchion-pass+jwt";
const MAX_CHARS: usize = 1_024;
const LEEWAY_S: u64 = 30;

/// What a pass must say.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The room that this service stands behind.
    pub audience: String,
    /// Where given, who must have issued it.
    pub issuer: Option<String>,
}

/// Somebody with a good pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    pub subject: String,
    /// The same for every pass of one place in line.
    pub pass_id: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    #[error("no pass")]
    Missing,
    #[error("more than one pass")]
    Several,
    #[error("not a pass")]
    Malformed,
    #[error("signed with an unknown key")]
    UnknownKey,
    #[error("the signature, audience or issuer is wrong")]
    Untrue,
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    NotYet,
    /// Not the visitor's fault.
    #[error("the public keys could not be fetched yet")]
    NoKeys,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    jti: String,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// The key id that a pass names, after everything about its form that needs no key.
pub(super) fn key_id(pass: &str) -> Result<String, Denied> {
    if pass.len() > MAX_CHARS || pass.split('.').count() != 3 {
        return Err(Denied::Malformed);
    }
    let header = decode_header(pass).map_err(|_| Denied::Malformed)?;
    let foreign = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.crit.is_some()
        || header.zip.is_some()
        || header.enc.is_some()
        || !header.extras.inner().is_empty();
    if foreign || header.typ.as_deref() != Some(TYP) {
        return Err(Denied::Malformed);
    }
    header.kid.filter(|kid| is_key_id(kid)).ok_or(Denied::Malformed)
}

pub(super) fn is_key_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// The algorithm is the key's. Times are compared here, against the caller's clock.
pub(super) fn check(pass: &str, key: &PublicKey, rules: &Rules, now_s: u64) -> Result<Visitor, Denied> {
    let mut validation = Validation::new(key.alg);
    validation.set_audience(&[&rules.audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "sub", "iss"]);
    validation.validate_exp = false;
    if let Some(issuer) = &rules.issuer {
        validation.set_issuer(&[issuer]);
    }
    let claims = decode::<Claims>(pass, &key.key, &validation)
        .map_err(|_| Denied::Untrue)?
        .claims;
    if claims.exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(Denied::Expired);
    }
    if claims.nbf.max(claims.iat) > now_s.saturating_add(LEEWAY_S) {
        return Err(Denied::NotYet);
    }
    Ok(Visitor {
        subject: claims.sub,
        pass_id: claims.jti,
    })
}
