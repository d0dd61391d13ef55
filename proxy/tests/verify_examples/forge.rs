//! Passes that we issue, and a forger who holds our own keys.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::keys::KeyRing;
use stanchion_admission::pass::{self, PassContext};
use stanchion_admission::store::Session;

use crate::ROOM;

pub fn now() -> Stamp {
    SystemClock::default().wall()
}

pub fn issued(ring: &KeyRing, room: &str, age: Duration) -> String {
    let claimed_at = now().minus(age);
    let place = Place {
        stamp: claimed_at,
        visitor: VisitorId([7; 16]),
    };
    let session = Session {
        place,
        claimed_at,
        expires_at: claimed_at,
    };
    let context = PassContext {
        issuer: "https://tickets.example.org",
        region: Some("DE"),
        queue_position: Some(3),
        ttl: Duration::from_secs(300),
    };
    pass::issue(ring, &RoomName::new(room).unwrap(), &session, &context, claimed_at).unwrap()
}

/// Somebody who holds our secrets and signs what they like.
pub struct Forger {
    key: EncodingKey,
    alg: Algorithm,
    pub header: Value,
    pub claims: Value,
}

impl Forger {
    pub fn with(ring: &KeyRing) -> Forger {
        let files = ring.to_files();
        let (_, bytes) = files.iter().find(|(name, _)| name.starts_with("pass-")).unwrap();
        let doc: Value = serde_json::from_slice(bytes).unwrap();
        let edwards = doc["alg"] == "EdDSA";
        let mut der = match edwards {
            true => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec(),
            false => b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20".to_vec(),
        };
        der.extend(URL_SAFE_NO_PAD.decode(doc["secret"].as_str().unwrap()).unwrap());
        let good = issued(ring, ROOM, Duration::ZERO);
        let part =
            |at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(good.split('.').nth(at).unwrap()).unwrap()).unwrap();
        let (key, alg) = match edwards {
            true => (EncodingKey::from_ed_der(&der), Algorithm::EdDSA),
            false => (EncodingKey::from_ec_der(&der), Algorithm::ES256),
        };
        Forger {
            key,
            alg,
            header: part(0),
            claims: part(1),
        }
    }

    fn message(&self, header: &Value, claims: &Value) -> String {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", encoded(header), encoded(claims))
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = self.message(header, claims);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.alg).unwrap();
        format!("{message}.{signature}")
    }

    pub fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header.clone();
        header[name] = value;
        self.sign(&header, &self.claims)
    }

    pub fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.sign(&self.header, &claims)
    }

    pub fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        self.sign(&self.header, &claims)
    }

    pub fn unsigned(&self, alg: &str, signature: &[u8]) -> String {
        let mut header = self.header.clone();
        header["alg"] = alg.into();
        format!(
            "{}.{}",
            self.message(&header, &self.claims),
            URL_SAFE_NO_PAD.encode(signature)
        )
    }

    /// HMAC with the public key as the secret.
    pub fn confused(&self, x: &str) -> String {
        let mut header = self.header.clone();
        header["alg"] = "HS256".into();
        let message = self.message(&header, &self.claims);
        let secret = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(x).unwrap());
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
        format!("{message}.{mac}")
    }
}
