//! From a stranger's text to a pass. Cheap checks first; no claim is read before the signature is right.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims;
use super::object::{Object, ObjectFault};
use super::{MAX_CHARS, Pass, PassFault};
use crate::ids::{RoomName, Stamp};
use crate::keys::{KeyRing, KeyState, PASS_TYP, PassKey, is_kid};

/// EdDSA and ES256 alike.
const SIGNATURE_BYTES: usize = 64;

/// Reads and checks a pass for this room.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify(keys: &KeyRing, room: &RoomName, text: &str, now: Stamp) -> Result<Pass, PassFault> {
    let parts = Parts::cut(text)?;
    let key = pick_key(keys, &decoded(parts.header)?, now)?;
    check_signature(key, &parts)?;
    let pass = claims::read(keys, room, &key.kid, &decoded(parts.claims)?)?;
    pass.check_times(now)?;
    Ok(pass)
}

struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header, dot, claims: what is signed.
    message: &'a str,
}

impl<'a> Parts<'a> {
    fn cut(text: &'a str) -> Result<Parts<'a>, PassFault> {
        if text.is_empty() {
            return Err(PassFault::Empty);
        }
        if text.len() > MAX_CHARS {
            return Err(PassFault::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(PassFault::Parts)?;
        let (header, claims) = message.split_once('.').ok_or(PassFault::Parts)?;
        if claims.contains('.') || header.is_empty() || claims.is_empty() {
            return Err(PassFault::Parts);
        }
        Ok(Parts {
            header,
            claims,
            signature,
            message,
        })
    }
}

/// base64 0.22 refuses padding, foreign characters and stray last bits: one text per value.
fn decoded(part: &str) -> Result<Vec<u8>, PassFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| PassFault::Encoding)
}

fn pick_key<'k>(keys: &'k KeyRing, header: &[u8], now: Stamp) -> Result<&'k PassKey, PassFault> {
    let header = Object::read(header).map_err(|fault| match fault {
        ObjectFault::NotAnObject => PassFault::HeaderJson,
        ObjectFault::Duplicate => PassFault::Duplicate,
    })?;
    // crit, b64, zip, jku, jwk, x5u, x5c, enc, cty …: nothing that we do not write ourselves.
    if header.names().any(|name| !matches!(name, "typ" | "alg" | "kid")) {
        return Err(PassFault::HeaderField);
    }
    if header.text("typ") != Some(PASS_TYP) {
        return Err(PassFault::Typ);
    }
    let kid = header.text("kid").filter(|kid| is_kid(kid)).ok_or(PassFault::Kid)?;
    let key = keys.passes.find(kid.as_bytes()).ok_or(PassFault::UnknownKey)?;
    if header.text("alg") != Some(key.alg.name()) {
        return Err(PassFault::Alg);
    }
    if keys.passes.state(kid.as_bytes(), now) == Some(KeyState::Past) {
        return Err(PassFault::RetiredKey);
    }
    Ok(key)
}

fn check_signature(key: &PassKey, parts: &Parts<'_>) -> Result<(), PassFault> {
    if decoded(parts.signature)?.len() != SIGNATURE_BYTES {
        return Err(PassFault::Signature);
    }
    let message = parts.message.as_bytes();
    match jsonwebtoken::crypto::verify(parts.signature, message, &key.verifying, key.alg.jose()) {
        Ok(true) => Ok(()),
        _ => Err(PassFault::Signature),
    }
}
