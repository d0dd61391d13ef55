//! What each example must let in, and what not.

use std::time::Duration;

use serde_json::{Value, json};
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::{Place, RoomName, VisitorId};
use stanchion_admission::keys::{KeyRing, PassAlg};
use stanchion_admission::ticket::{self, Ticket};

use crate::ROOM;
use crate::forge::{Forger, issued, now};

/// (name, token, whether it lets its holder in)
pub type Case = (&'static str, String, bool);

pub fn all(ring: &KeyRing) -> Vec<Case> {
    [by_time(ring), by_claims(ring), by_key(ring), by_form(ring)].concat()
}

/// What the algorithm decides; the other cases are run with one algorithm, for the sake of time.
pub const OF_EACH_ALGORITHM: [&str; 8] = [
    "good",
    "expired",
    "no signature",
    "zeros for a signature",
    "HS256 with the public key",
    "another alg",
    "another's key under our id",
    "changed signature",
];

fn by_time(ring: &KeyRing) -> Vec<Case> {
    let forger = Forger::with(ring);
    let now_s = now().unix_seconds();
    vec![
        ("good", issued(ring, ROOM, Duration::ZERO), true),
        ("a minute old", issued(ring, ROOM, Duration::from_secs(60)), true),
        (
            "just expired, within the leeway",
            forger.with_claim("exp", json!(now_s - 5)),
            true,
        ),
        ("expired", issued(ring, ROOM, Duration::from_secs(400)), false),
        ("not valid yet", forger.with_claim("nbf", json!(now_s + 120)), false),
        (
            "exp as text",
            forger.with_claim("exp", json!((now_s + 300).to_string())),
            false,
        ),
    ]
}

fn by_claims(ring: &KeyRing) -> Vec<Case> {
    let forger = Forger::with(ring);
    vec![
        ("no exp", forger.without_claim("exp"), false),
        ("no nbf", forger.without_claim("nbf"), false),
        ("no subject", forger.without_claim("sub"), false),
        ("no audience", forger.without_claim("aud"), false),
        ("another room", issued(ring, "other", Duration::ZERO), false),
        ("typ JWT", forger.with_header("typ", json!("JWT")), false),
        (
            "typ of a ticket",
            forger.with_header("typ", json!("stanchion-ticket+jwt")),
            false,
        ),
        ("too long", forger.with_claim("more", json!("x".repeat(900))), false),
    ]
}

fn by_key(ring: &KeyRing) -> Vec<Case> {
    let forger = Forger::with(ring);
    let stranger = KeyRing::generate(&SystemEntropy, PassAlg::EdDsa, now());
    let their = Forger::with(&stranger);
    let alg = forger.header["alg"].as_str().unwrap();
    let jwks = ring.jwks(now());
    vec![
        ("unknown key", forger.with_header("kid", json!("nobody")), false),
        ("no key", forger.with_header("kid", Value::Null), false),
        (
            "a path as key",
            forger.with_header("kid", json!("../../etc/passwd")),
            false,
        ),
        ("alg none", forger.unsigned("none", &[]), false),
        ("no signature", forger.unsigned(alg, &[]), false),
        ("zeros for a signature", forger.unsigned(alg, &[0; 64]), false),
        (
            "HS256 with the public key",
            forger.confused(jwks["keys"][0]["x"].as_str().unwrap()),
            false,
        ),
        ("another alg", forger.with_header("alg", json!("RS256")), false),
        (
            "another's key under our id",
            their.sign(&forger.header, &forger.claims),
            false,
        ),
        ("another's pass", issued(&stranger, ROOM, Duration::ZERO), false),
    ]
}

fn by_form(ring: &KeyRing) -> Vec<Case> {
    let good = issued(ring, ROOM, Duration::ZERO);
    let place = Place {
        stamp: now(),
        visitor: VisitorId([7; 16]),
    };
    let room = RoomName::new(ROOM).unwrap();
    vec![
        ("changed claims", tampered(&good, 1), false),
        ("changed signature", tampered(&good, 2), false),
        ("padded", format!("{good}=="), false),
        ("four parts", format!("{good}.x"), false),
        (
            "a ticket",
            ticket::seal(
                ring,
                &Ticket {
                    room,
                    place,
                    binding: None,
                },
                now(),
            ),
            false,
        ),
        ("rubbish", "hello".to_owned(), false),
        ("nothing", String::new(), false),
    ]
}

fn tampered(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let swap = if &parts[part][middle..=middle] == "A" { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, swap);
    parts.join(".")
}
