//! A JWKS document (RFC 7517) as a bounded set of keys, each with the one algorithm it is for. Pure.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::token::is_key_id;

/// Most keys that are taken; a document with more is refused whole.
pub(super) const MAX_KEYS: usize = 16;

#[derive(Clone)]
pub struct PublicKey {
    pub(super) kid: String,
    pub(super) alg: Algorithm,
    pub(super) key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    x: String,
    #[serde(default)]
    y: Option<String>,
}

/// Reads the keys that can sign a pass; others are passed over.
pub(super) fn read(document: &[u8]) -> Result<Vec<PublicKey>, String> {
    let document: Document = serde_json::from_slice(document).map_err(|error| format!("not a JWKS: {error}"))?;
    if document.keys.len() > MAX_KEYS {
        return Err(format!("{} keys, at most {MAX_KEYS} are taken", document.keys.len()));
    }
    let keys: Vec<PublicKey> = document.keys.into_iter().filter_map(key).collect();
    match keys.is_empty() {
        true => Err("no key that could sign a pass".to_owned()),
        false => Ok(keys),
    }
}

fn key(value: serde_json::Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if !is_key_id(&jwk.kid) || jwk.purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let (alg, name, key) = match (jwk.kty.as_str(), jwk.crv.as_str(), &jwk.y) {
        ("OKP", "Ed25519", None) => (Algorithm::EdDSA, "EdDSA", DecodingKey::from_ed_components(&jwk.x)),
        ("EC", "P-256", Some(y)) => (Algorithm::ES256, "ES256", DecodingKey::from_ec_components(&jwk.x, y)),
        _ => return None,
    };
    if jwk.alg.is_some_and(|said| said != name) {
        return None;
    }
    Some(PublicKey {
        kid: jwk.kid,
        alg,
        key: key.ok()?,
    })
}
