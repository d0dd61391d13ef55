//! Claims that no pass has, under a signature that is ours (T1).

use stanchion_admission::pass::PassFault;

use crate::support::{Forger, many_members, pass_verdict as verdict, refused, ring};

#[test]
fn t1_claims_that_no_pass_has_though_the_signature_is_ours() {
    let forger = Forger::with(&ring(1));
    let raw = |claims: &[u8]| forger.sign(forger.header().to_string().as_bytes(), claims);
    let whole = forger.claims().to_string();
    let mut cases = vec![
        ("array", raw(b"[]"), PassFault::ClaimsJson),
        ("string", raw(b"\"x\""), PassFault::ClaimsJson),
        ("number", raw(b"1e309"), PassFault::ClaimsJson),
        ("no JSON", raw(b"sub=1"), PassFault::ClaimsJson),
        ("empty object", raw(b"{}"), PassFault::Claim("aud")),
        (
            "rubbish behind",
            raw(format!("{whole},").as_bytes()),
            PassFault::ClaimsJson,
        ),
        (
            "duplicate exp",
            raw(whole.replace("\"exp\"", "\"exp\":1,\"exp\"").as_bytes()),
            PassFault::Duplicate,
        ),
        (
            "duplicate sub, escaped",
            raw(whole.replace("\"sub\"", "\"s\\u0075b\":\"x\",\"sub\"").as_bytes()),
            PassFault::Duplicate,
        ),
        (
            "duplicate foreign",
            raw(format!("{},\"x\":1,\"x\":1}}", &whole[..whole.len() - 1]).as_bytes()),
            PassFault::Duplicate,
        ),
        ("33 members", raw(many_members(33).as_bytes()), PassFault::ClaimsJson),
        (
            "exp beyond a double",
            forger.with_claim("exp", Some("1e309")),
            PassFault::ClaimsJson,
        ),
        ("exp NaN", forger.with_claim("exp", Some("NaN")), PassFault::ClaimsJson),
    ];
    let odd_numbers = [
        "\"9999999999\"",
        "\"x\"",
        "null",
        "true",
        "[]",
        "[9999999999]",
        "{}",
        "-1",
        "1793491500.5",
        "1.7934915e9",
        "9007199254740992",
        "9223372036854775808",
        "18446744073709551616",
        "1e300",
        "-0",
    ];
    for name in ["iat", "nbf", "exp", "arr", "adm"] {
        cases.extend(
            odd_numbers
                .iter()
                .map(|value| ("number", forger.with_claim(name, Some(value)), PassFault::Claim(name))),
        );
        cases.push(("missing", forger.with_claim(name, None), PassFault::Claim(name)));
    }
    cases.push(("arr 0", forger.with_claim("arr", Some("0")), PassFault::Claim("arr")));
    cases.push(("adm 0", forger.with_claim("adm", Some("0")), PassFault::Claim("adm")));
    for name in ["iss", "aud", "sub", "jti", "token_use"] {
        cases.extend(
            ["7", "null", "true", "[]", "{}", "[\"sale\"]"]
                .iter()
                .map(|value| ("text", forger.with_claim(name, Some(value)), PassFault::Claim(name))),
        );
        cases.push(("missing", forger.with_claim(name, None), PassFault::Claim(name)));
    }
    for aud in [
        "\"\"",
        "\"sal\"",
        "\"sales\"",
        "\"SALE\"",
        "\"Sale\"",
        "\" sale\"",
        "\"sale \"",
        "\"s\u{0430}le\"",
        "\"__proto__\"",
        "\"other\"",
        "\"*\"",
    ] {
        cases.push(("aud", forger.with_claim("aud", Some(aud)), PassFault::OtherRoom));
    }
    for sub in [
        "\"\"",
        "\"30313233343536373839616263646567\"",
        "\"3031323334353637383961626364656\"",
        "\"303132333435363738396162636465660\"",
        "\"3031323334353637383961626364656G\"",
        "\"+0313233343536373839616263646566\"",
    ] {
        let fault = if sub.contains("6567") {
            PassFault::Claim("jti")
        } else {
            PassFault::Claim("sub")
        };
        cases.push(("sub", forger.with_claim("sub", Some(sub)), fault));
    }
    cases.push((
        "sub upper case",
        forger.with_claim("sub", Some("\"3031323334353637383961626364656F\"")),
        PassFault::Claim("sub"),
    ));
    cases.push((
        "jti of nobody",
        forger.with_claim("jti", Some("\"00000000000000000000000000000000\"")),
        PassFault::Claim("jti"),
    ));
    cases.push((
        "iss empty",
        forger.with_claim("iss", Some("\"\"")),
        PassFault::Claim("iss"),
    ));
    cases.push((
        "iss long",
        forger.with_claim("iss", Some(&format!("\"{}\"", "x".repeat(201)))),
        PassFault::Claim("iss"),
    ));
    cases.push((
        "token_use id",
        forger.with_claim("token_use", Some("\"id\"")),
        PassFault::Claim("token_use"),
    ));
    for rgn in ["7", "null", "[]", "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""] {
        cases.push(("rgn", forger.with_claim("rgn", Some(rgn)), PassFault::Claim("rgn")));
    }
    for position in ["-1", "null", "\"7\"", "1.5"] {
        cases.push((
            "queue_position",
            forger.with_claim("queue_position", Some(position)),
            PassFault::Claim("queue_position"),
        ));
    }
    cases.push((
        "exp = iat",
        forger.with_claim("exp", Some("1793491200")),
        PassFault::Claim("exp"),
    ));
    cases.push((
        "exp before iat",
        forger.with_claim("exp", Some("1793491199")),
        PassFault::Claim("exp"),
    ));
    cases.push((
        "16 minutes",
        forger.with_claim("exp", Some("1793492101")),
        PassFault::Claim("exp"),
    ));
    cases.push((
        "nbf apart",
        forger.with_claim("nbf", Some("1793491199")),
        PassFault::Claim("nbf"),
    ));
    assert!(refused(cases) >= 140);
}

#[test]
fn a_later_edge_may_say_more() {
    let forger = Forger::with(&ring(1));
    assert!(verdict(&forger.with_claim("cnf", Some("{\"jkt\":\"x\"}"))).is_ok());
    assert!(verdict(&forger.with_claim("rgn", None)).is_ok());
    assert!(verdict(&forger.with_claim("queue_position", None)).is_ok());
}
