//! A key pair that signs passes. The algorithm belongs to the key; no token ever chooses one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::schedule::Key;
use super::ticket_key::whole_seconds;
use super::{hex, secret_from};
use crate::entropy::Entropy;
use crate::ids::Stamp;

/// The `typ` of every pass.
pub(crate) const PASS_TYP: &str = "stanchion-pass+jwt";
pub(crate) const MAX_KID: usize = 32;

/// How passes are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum PassAlg {
    /// Ed25519: the default. Signing the same session twice gives the same bytes.
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256, for origins whose library has no EdDSA. The signature is randomised: the same session
    /// gives the same claims and `jti`, and another signature.
    #[serde(rename = "ES256")]
    Es256,
}

impl PassAlg {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PassAlg::EdDsa => "EdDSA",
            PassAlg::Es256 => "ES256",
        }
    }

    pub(crate) fn jose(self) -> Algorithm {
        match self {
            PassAlg::EdDsa => Algorithm::EdDSA,
            PassAlg::Es256 => Algorithm::ES256,
        }
    }

    /// PKCS#8 up to the 32 secret bytes (RFC 8410 section 7; RFC 5915 inside RFC 5208 for P-256).
    fn pkcs8_prefix(self) -> &'static [u8] {
        match self {
            PassAlg::EdDsa => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
            PassAlg::Es256 => {
                b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\
                  \x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20"
            }
        }
    }
}

#[derive(Clone)]
pub(crate) struct PassKey {
    pub(crate) kid: String,
    pub(crate) alg: PassAlg,
    pub(crate) from: Stamp,
    pub(crate) secret: Zeroizing<[u8; 32]>,
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    /// The JOSE header of every pass of this key, encoded.
    pub(crate) header: String,
    x: String,
    /// P-256 only.
    y: Option<String>,
}

impl PassKey {
    /// `None` where the bytes are no key of this algorithm (P-256: zero, or not below the group's order).
    pub(crate) fn new(kid: String, alg: PassAlg, from: Stamp, secret: Zeroizing<[u8; 32]>) -> Option<PassKey> {
        let mut der = Zeroizing::new(alg.pkcs8_prefix().to_vec());
        der.extend_from_slice(&*secret);
        let signing = match alg {
            PassAlg::EdDsa => EncodingKey::from_ed_der(&der),
            PassAlg::Es256 => EncodingKey::from_ec_der(&der),
        };
        let public = Jwk::from_encoding_key(&signing, alg.jose()).ok()?;
        let (x, y) = match public.algorithm {
            AlgorithmParameters::OctetKeyPair(ed) => (ed.x, None),
            AlgorithmParameters::EllipticCurve(ec) => (ec.x, Some(ec.y)),
            _ => return None,
        };
        let verifying = match &y {
            None => DecodingKey::from_ed_components(&x),
            Some(y) => DecodingKey::from_ec_components(&x, y),
        };
        let header = format!(r#"{{"typ":"{PASS_TYP}","alg":"{}","kid":"{kid}"}}"#, alg.name());
        let header = URL_SAFE_NO_PAD.encode(header);
        let verifying = verifying.ok()?;
        Some(PassKey {
            kid,
            alg,
            from,
            secret,
            signing,
            verifying,
            header,
            x,
            y,
        })
    }

    pub(crate) fn generate(entropy: &dyn Entropy, alg: PassAlg, from: Stamp) -> PassKey {
        let mut kid = [0; 6];
        entropy.fill(&mut kid);
        let kid = hex(&kid);
        // Ed25519 takes any 32 bytes; of P-256 scalars, one in 2^32 is refused and drawn again.
        loop {
            if let Some(key) = PassKey::new(kid.clone(), alg, whole_seconds(from), secret_from(entropy)) {
                return key;
            }
        }
    }

    pub(crate) fn jwk(&self) -> serde_json::Value {
        let mut jwk = serde_json::json!({
            "kid": self.kid, "alg": self.alg.name(), "use": "sig", "x": self.x,
            "kty": if self.y.is_some() { "EC" } else { "OKP" },
            "crv": if self.y.is_some() { "P-256" } else { "Ed25519" },
        });
        if let Some(y) = &self.y {
            jwk["y"] = y.as_str().into();
        }
        jwk
    }
}

impl Key for PassKey {
    fn id(&self) -> &[u8] {
        self.kid.as_bytes()
    }

    fn from(&self) -> Stamp {
        self.from
    }
}

/// A key id that can be looked up and nothing else: no path, no address, no query.
pub(crate) fn is_kid(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_KID).contains(&text.len()) && text.bytes().all(plain)
}
