//! A fixed ring, a fixed session, and a forger who holds our own keys.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use stanchion_admission::entropy::Entropy;
use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::keys::{KeyRing, PassAlg};
use stanchion_admission::pass::{self, Pass, PassContext, PassFault};
use stanchion_admission::store::Session;
use stanchion_admission::ticket::Ticket;

/// 2026-11-01T00:00:00.123456Z.
pub const NOW: Stamp = Stamp(1_793_491_200_123_456);
pub const ISSUER: &str = "https://tickets.example.org";

/// Counts: never the same bytes twice, always the same run.
pub struct Counting(std::sync::Mutex<u64>);

impl Counting {
    pub fn from(seed: u64) -> Counting {
        Counting(std::sync::Mutex::new(seed << 20))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for byte in bytes {
            *state += 1;
            // splitmix64 (Steele, Lea, Flood 2014)
            let mut z = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z ^ (z >> 31)).to_le_bytes()[0];
        }
    }
}

pub fn ring(seed: u64) -> KeyRing {
    KeyRing::generate(&Counting::from(seed), PassAlg::EdDsa, NOW)
}

pub fn es_ring(seed: u64) -> KeyRing {
    KeyRing::generate(&Counting::from(seed), PassAlg::Es256, NOW)
}

pub fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

pub fn sale() -> RoomName {
    room("sale")
}

pub fn place() -> Place {
    Place {
        stamp: NOW.minus(Duration::from_secs(90)),
        visitor: VisitorId(*b"0123456789abcdef"),
    }
}

pub fn ticket(binding: Option<[u8; 16]>) -> Ticket {
    Ticket {
        room: sale(),
        place: place(),
        binding,
    }
}

pub fn session() -> Session {
    Session {
        place: place(),
        claimed_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(600)),
    }
}

pub fn context() -> PassContext<'static> {
    PassContext {
        issuer: ISSUER,
        region: Some("DE"),
        queue_position: Some(7),
        ttl: Duration::from_secs(600),
    }
}

pub fn good_pass(ring: &KeyRing) -> String {
    pass::issue(ring, &sale(), &session(), &context(), NOW).unwrap()
}

/// Somebody who holds a ring's secrets and signs what they like.
pub struct Forger {
    pub kid: String,
    pub alg: Algorithm,
    key: EncodingKey,
    good: Value,
}

impl Forger {
    pub fn with(ring: &KeyRing) -> Forger {
        let files = ring.to_files();
        let (_, bytes) = files.iter().find(|(name, _)| name.starts_with("pass-")).unwrap();
        let doc: Value = serde_json::from_slice(bytes).unwrap();
        let secret = URL_SAFE_NO_PAD.decode(doc["secret"].as_str().unwrap()).unwrap();
        let ed = doc["alg"] == "EdDSA";
        let prefix = if ed {
            "302e020100300506032b657004220420"
        } else {
            "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"
        };
        let der: Vec<u8> = (0..prefix.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&prefix[at..at + 2], 16).unwrap())
            .chain(secret)
            .collect();
        let claims = good_pass(ring)
            .split('.')
            .nth(1)
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .unwrap();
        Forger {
            kid: doc["id"].as_str().unwrap().to_owned(),
            alg: if ed { Algorithm::EdDSA } else { Algorithm::ES256 },
            key: if ed {
                EncodingKey::from_ed_der(&der)
            } else {
                EncodingKey::from_ec_der(&der)
            },
            good: serde_json::from_slice(&claims).unwrap(),
        }
    }

    pub fn header(&self) -> Value {
        json!({"typ": "stanchion-pass+jwt", "alg": if self.alg == Algorithm::EdDSA {"EdDSA"} else {"ES256"}, "kid": self.kid})
    }

    pub fn claims(&self) -> Value {
        self.good.clone()
    }

    /// Signs these bytes as header and claims, whatever they are.
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        self.sign_text(&format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        ))
    }

    pub fn sign_text(&self, message: &str) -> String {
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.alg).unwrap();
        format!("{message}.{signature}")
    }

    /// The good claims with one of them replaced by this JSON text, or removed.
    pub fn with_claim(&self, name: &str, json: Option<&str>) -> String {
        self.sign(
            self.header().to_string().as_bytes(),
            replaced(&self.claims(), name, json).as_bytes(),
        )
    }

    pub fn with_header(&self, name: &str, json: Option<&str>) -> String {
        self.sign(
            replaced(&self.header(), name, json).as_bytes(),
            self.claims().to_string().as_bytes(),
        )
    }
}

/// The object's text with one member replaced by raw JSON (so that 1e309 or a duplicate can be written), or removed.
pub fn replaced(object: &Value, name: &str, json: Option<&str>) -> String {
    let others = object.as_object().unwrap().iter().filter(|(key, _)| *key != name);
    let mut members: Vec<String> = others
        .map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())))
        .collect();
    members.extend(json.map(|json| format!("{}:{json}", Value::from(name))));
    format!("{{{}}}", members.join(","))
}

pub fn pass_verdict(text: &str) -> Result<Pass, PassFault> {
    pass::verify(&ring(1), &sale(), text, NOW)
}

pub fn refused(cases: Vec<(&str, String, PassFault)>) -> usize {
    for (name, text, fault) in &cases {
        assert_eq!(pass_verdict(text), Err(*fault), "{name}");
    }
    cases.len()
}

pub fn many_members(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|at| format!("\"m{at}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

/// JSON values separated by spaces, with ' for ".
pub fn json_list(values: &str) -> impl Iterator<Item = String> {
    values.split_whitespace().map(|value| value.replace('\'', "\""))
}
