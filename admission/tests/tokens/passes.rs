//! A pass says what its session was, in the same words each time, and only for its time (T1, T3).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use stanchion_admission::ids::Stamp;
use stanchion_admission::pass::{self, IssueFault, PassContext, PassFault};
use stanchion_admission::store::Session;

use crate::support::{
    Forger, ISSUER, NOW, context, es_ring, good_pass, pass_verdict as verdict, place, ring, sale, session,
};

#[test]
fn t3_a_pass_gives_back_its_session_and_its_context() {
    for ring in [ring(1), es_ring(1)] {
        let pass = pass::verify(&ring, &sale(), &good_pass(&ring), NOW).unwrap();
        assert_eq!(pass.place, place());
        assert_eq!(pass.claimed_at, NOW);
        assert_eq!(pass.session().place, session().place);
        assert_eq!(pass.session().claimed_at, session().claimed_at);
        // To the second, rounded down.
        assert_eq!(
            pass.session().expires_at,
            Stamp(session().expires_at.unix_seconds() * 1_000_000)
        );
        assert_eq!(
            (pass.issuer.as_str(), pass.region.as_deref(), pass.queue_position),
            (ISSUER, Some("DE"), Some(7))
        );
        assert_eq!(pass.id, ring.pass_id(&sale(), &place().visitor));
    }
}

/// The words other people's code relies on.
#[test]
fn the_pass_has_these_names_and_no_others() {
    let pass = good_pass(&ring(1));
    assert!(pass.len() < 640, "{} characters", pass.len());
    let part = |at| URL_SAFE_NO_PAD.decode(pass.split('.').nth(at).unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&part(0)).unwrap();
    let kid = Forger::with(&ring(1)).kid;
    assert_eq!(header, json!({"typ": "stanchion-pass+jwt", "alg": "EdDSA", "kid": kid}));
    let claims: serde_json::Value = serde_json::from_slice(&part(1)).unwrap();
    let jti: String = ring(1)
        .pass_id(&sale(), &place().visitor)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "aud": "sale", "sub": "30313233343536373839616263646566", "jti": jti,
            "iat": 1_793_491_200, "nbf": 1_793_491_200, "exp": 1_793_491_800,
            "arr": 1_793_491_110_123_456_u64, "adm": 1_793_491_200_123_456_u64,
            "rgn": "DE", "token_use": "access", "queue_position": 7,
        })
    );
}

#[test]
fn t3_the_same_session_gives_the_same_bytes() {
    let again = |after: u64| {
        let now = NOW.plus(Duration::from_secs(after));
        pass::issue(&ring(1), &sale(), &session(), &context(), now).unwrap()
    };
    // Until half of ten minutes is over; touched or not.
    assert_eq!(again(0), again(299));
    let touched = Session {
        expires_at: NOW.plus(Duration::from_secs(5_000)),
        ..session()
    };
    assert_eq!(
        pass::issue(&ring(1), &sale(), &touched, &context(), NOW).unwrap(),
        again(0)
    );
    // Then a renewal: the same again, and the same jti.
    assert_ne!(again(0), again(301));
    assert_eq!(again(301), again(599));
    let renewed = pass::verify(&ring(1), &sale(), &again(301), NOW.plus(Duration::from_secs(301))).unwrap();
    assert_eq!(renewed.id, verdict(&again(0)).unwrap().id);
    assert_eq!(renewed.expires_at.since(NOW).as_secs(), 899);
    assert_eq!(renewed.session().claimed_at, NOW);
}

#[test]
fn t3_es256_gives_the_same_claims_under_another_signature() {
    let (one, two) = (good_pass(&es_ring(1)), good_pass(&es_ring(1)));
    assert_eq!(one.rsplit_once('.').unwrap().0, two.rsplit_once('.').unwrap().0);
    let id = |token: &str| pass::verify(&es_ring(1), &sale(), token, NOW).unwrap().id;
    assert_eq!(id(&one), id(&two));
}

#[test]
fn a_pass_is_never_made_longer_than_it_may_be() {
    let issue = |context: PassContext<'_>| pass::issue(&ring(1), &sale(), &session(), &context, NOW);
    let long = "x".repeat(201);
    assert_eq!(
        issue(PassContext {
            issuer: "",
            ..context()
        }),
        Err(IssueFault::Issuer)
    );
    assert_eq!(
        issue(PassContext {
            issuer: &long,
            ..context()
        }),
        Err(IssueFault::Issuer)
    );
    assert_eq!(
        issue(PassContext {
            region: Some(&long[..33]),
            ..context()
        }),
        Err(IssueFault::Region)
    );
    assert_eq!(
        issue(PassContext {
            issuer: &"\u{1}".repeat(200),
            ..context()
        }),
        Err(IssueFault::TooLong)
    );
    let largest = PassContext {
        issuer: &long[..200],
        region: Some(&long[..32]),
        queue_position: Some(u64::MAX),
        ..context()
    };
    assert!(issue(largest).unwrap().len() <= pass::MAX_CHARS);
    for (ttl, life) in [(0, 2), (1, 2), (60, 60), (900, 900), (901, 900), (86_400, 900)] {
        let token = issue(PassContext {
            ttl: Duration::from_secs(ttl),
            ..context()
        })
        .unwrap();
        let pass = verdict(&token).unwrap();
        assert_eq!(pass.expires_at.since(pass.issued_at).as_secs(), life, "ttl {ttl}");
    }
}

#[test]
fn t1_times_at_their_edges() {
    let ring = ring(1);
    let token = good_pass(&ring);
    let verdict = |micros: u64| pass::verify(&ring, &sale(), &token, Stamp(micros)).map(|_| ());
    let (iat, exp, second) = (1_793_491_200_000_000, 1_793_491_800_000_000, 1_000_000);
    for (name, now, expected) in [
        ("at exp", exp, Ok(())),
        ("a second past exp", exp + second, Ok(())),
        ("29 s past", exp + 29 * second, Ok(())),
        ("the last microsecond", exp + 30 * second - 1, Ok(())),
        ("30 s past", exp + 30 * second, Err(PassFault::Expired)),
        ("31 s past", exp + 31 * second, Err(PassFault::Expired)),
        ("a year past", exp + 31_536_000 * second, Err(PassFault::Expired)),
        ("at iat, claimed 0.12 s later", iat, Ok(())),
        ("29 s before", iat - 29 * second, Ok(())),
        ("first moment: the claim's", iat + 123_456 - 30 * second, Ok(())),
        (
            "one microsecond before",
            iat + 123_455 - 30 * second,
            Err(PassFault::NotYet),
        ),
        ("31 s before", iat - 31 * second, Err(PassFault::NotYet)),
        ("1970", 0, Err(PassFault::NotYet)),
    ] {
        assert_eq!(verdict(now), expected, "{name}");
    }
    let forger = Forger::with(&ring);
    let ahead = |name| forger.with_claim(name, Some("1793491231000000"));
    for name in ["arr", "adm"] {
        assert_eq!(
            pass::verify(&ring, &sale(), &ahead(name), NOW),
            Err(PassFault::NotYet),
            "{name} in the future"
        );
    }
}
