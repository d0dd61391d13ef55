//! Signatures that are wrong, or somebody else's (T1, T2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stanchion_admission::keys::KeyRing;
use stanchion_admission::pass::{self, PassFault};

use crate::support::{Forger, NOW, context, es_ring, good_pass, pass_verdict as verdict, ring, room, sale, session};

fn with_signature(token: &str, signature: &[u8]) -> String {
    format!(
        "{}.{}",
        token.rsplit_once('.').unwrap().0,
        URL_SAFE_NO_PAD.encode(signature)
    )
}

fn signature_of(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap()
}

#[test]
fn t1_signatures_wrong_in_every_bit_and_form() {
    for ring in [ring(1), es_ring(1)] {
        let verdict = |text: &str| pass::verify(&ring, &sale(), text, NOW);
        let token = good_pass(&ring);
        let good = signature_of(&token);
        for position in 0..512 {
            let mut bytes = good.clone();
            bytes[position / 8] ^= 1 << (position % 8);
            assert_eq!(
                verdict(&with_signature(&token, &bytes)),
                Err(PassFault::Signature),
                "bit {position}"
            );
        }
        let mut swapped = good[32..].to_vec();
        swapped.extend(&good[..32]);
        let doubled = [good.clone(), good.clone()].concat();
        for bytes in [
            &good[..63],
            &good[..32],
            &[0; 64],
            &[0xff; 64],
            &[0; 65],
            &[1],
            &doubled[..],
            &swapped[..],
        ] {
            assert_eq!(
                verdict(&with_signature(&token, bytes)),
                Err(PassFault::Signature),
                "{} bytes",
                bytes.len()
            );
        }
    }
}

/// S + L verifies in a careless library: the same signature in a second spelling.
#[test]
fn t1_an_s_beyond_the_group_order_is_refused() {
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let token = good_pass(&ring(1));
    let mut bytes = signature_of(&token);
    let mut carry = 0;
    for (at, add) in order.iter().enumerate() {
        let sum = u16::from(bytes[32 + at]) + u16::from(*add) + carry;
        bytes[32 + at] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(verdict(&with_signature(&token, &bytes)), Err(PassFault::Signature));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn t1_one_character_changed_anywhere_is_refused() {
    let token = good_pass(&ring(1));
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).unwrap();
        assert!(verdict(&text).is_err(), "character {at}");
    }
}

/// The classic: the public key, known to all, used as the secret of an HMAC.
#[test]
fn t1_hs256_with_the_public_key_is_refused() {
    let jwks = ring(1).jwks(NOW);
    let x = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap();
    let forger = Forger::with(&ring(1));
    for alg in ["HS256", "EdDSA"] {
        let mut header = forger.header();
        header["alg"] = alg.into();
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(forger.claims().to_string())
        );
        let key = jsonwebtoken::EncodingKey::from_secret(&x);
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        let fault = if alg == "HS256" {
            PassFault::Alg
        } else {
            PassFault::Signature
        };
        assert_eq!(verdict(&format!("{message}.{mac}")), Err(fault));
    }
}

#[test]
fn t2_other_rooms_other_keys_other_algorithms() {
    let other_room = pass::issue(&ring(1), &room("other"), &session(), &context(), NOW).unwrap();
    assert_eq!(verdict(&other_room), Err(PassFault::OtherRoom));
    assert_eq!(verdict(&good_pass(&ring(2))), Err(PassFault::UnknownKey));
    assert_eq!(verdict(&good_pass(&es_ring(2))), Err(PassFault::UnknownKey));
    // Another key under our kid, of both algorithms.
    let ours = Forger::with(&ring(1));
    let strangers: [KeyRing; 2] = [ring(2), es_ring(2)];
    for stranger in strangers {
        let forger = Forger::with(&stranger);
        let token = forger.sign(
            ours.header().to_string().as_bytes(),
            ours.claims().to_string().as_bytes(),
        );
        assert_eq!(verdict(&token), Err(PassFault::Signature));
    }
}
