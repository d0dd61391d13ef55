//! Claims that no pass has, under a signature that is ours (T1).

use stanchion_admission::pass::PassFault;

use crate::support::{Forger, json_list, many_members, pass_verdict as verdict, refused, ring};

fn with_each(name: &'static str, values: &str, fault: PassFault) -> usize {
    let forger = Forger::with(&ring(1));
    let case = |value: String| (name, forger.with_claim(name, Some(&value)), fault);
    refused(json_list(values).map(case).collect())
}

#[test]
fn t1_claims_that_are_no_strict_object() {
    let forger = Forger::with(&ring(1));
    let raw = |claims: &str| forger.sign(forger.header().to_string().as_bytes(), claims.as_bytes());
    let whole = forger.claims().to_string();
    let open = &whole[..whole.len() - 1];
    let duplicate = |of: &str, with: &str| raw(&whole.replace(of, with));
    let cases = vec![
        ("array", raw("[]"), PassFault::ClaimsJson),
        ("string", raw("\"x\""), PassFault::ClaimsJson),
        ("number", raw("1e309"), PassFault::ClaimsJson),
        ("no JSON", raw("sub=1"), PassFault::ClaimsJson),
        ("rubbish behind", raw(&format!("{whole},")), PassFault::ClaimsJson),
        ("33 members", raw(&many_members(33)), PassFault::ClaimsJson),
        (
            "exp beyond a double",
            forger.with_claim("exp", Some("1e309")),
            PassFault::ClaimsJson,
        ),
        ("exp NaN", forger.with_claim("exp", Some("NaN")), PassFault::ClaimsJson),
        (
            "duplicate exp",
            duplicate("\"exp\"", "\"exp\":1,\"exp\""),
            PassFault::Duplicate,
        ),
        (
            "duplicate sub, escaped",
            duplicate("\"sub\"", "\"s\\u0075b\":\"x\",\"sub\""),
            PassFault::Duplicate,
        ),
        (
            "duplicate foreign",
            raw(&format!("{open},\"x\":1,\"x\":1}}")),
            PassFault::Duplicate,
        ),
        ("empty object", raw("{}"), PassFault::Claim("aud")),
    ];
    assert_eq!(refused(cases), 12);
}

#[test]
fn t1_numbers_that_are_none_or_too_large() {
    let odd = "'9999999999' 'x' null true [] [9999999999] {} -1 1793491500.5 1.7934915e9 9007199254740992 \
               9223372036854775808 18446744073709551616 1e300 -0";
    for name in ["iat", "nbf", "exp", "arr", "adm"] {
        assert_eq!(with_each(name, odd, PassFault::Claim(name)), 15);
        let missing = Forger::with(&ring(1)).with_claim(name, None);
        assert_eq!(verdict(&missing), Err(PassFault::Claim(name)));
    }
    with_each("arr", "0", PassFault::Claim("arr"));
    with_each("adm", "0", PassFault::Claim("adm"));
    with_each("queue_position", "-1 null '7' 1.5", PassFault::Claim("queue_position"));
}

#[test]
fn t1_texts_that_are_none() {
    for name in ["iss", "aud", "sub", "jti", "token_use"] {
        assert_eq!(with_each(name, "7 null true [] {} ['sale']", PassFault::Claim(name)), 6);
        let missing = Forger::with(&ring(1)).with_claim(name, None);
        assert_eq!(verdict(&missing), Err(PassFault::Claim(name)));
    }
    with_each(
        "rgn",
        "7 null [] 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        PassFault::Claim("rgn"),
    );
    with_each("token_use", "'id' '' 'ACCESS'", PassFault::Claim("token_use"));
    with_each("iss", &format!("'' '{}'", "x".repeat(201)), PassFault::Claim("iss"));
}

#[test]
fn t2_rooms_that_are_another() {
    let names = "'' 'sal' 'sales' 'SALE' 'Sale' 's\u{0430}le' '__proto__' 'other' '*' 'sale,other'";
    assert_eq!(with_each("aud", names, PassFault::OtherRoom), 10);
    let forger = Forger::with(&ring(1));
    for spaced in ["\" sale\"", "\"sale \"", "\"sale\\u0000\""] {
        assert_eq!(
            verdict(&forger.with_claim("aud", Some(spaced))),
            Err(PassFault::OtherRoom)
        );
    }
}

#[test]
fn t1_visitors_and_ids_that_do_not_belong_together() {
    let no_visitor = "'' '3031323334353637383961626364656' '303132333435363738396162636465660' \
                      '3031323334353637383961626364656G' '+0313233343536373839616263646566' \
                      '3031323334353637383961626364656F'";
    assert_eq!(with_each("sub", no_visitor, PassFault::Claim("sub")), 6);
    with_each("sub", "'30313233343536373839616263646567'", PassFault::Claim("jti"));
    with_each("jti", "'' '00000000000000000000000000000000'", PassFault::Claim("jti"));
}

#[test]
fn t1_lives_that_end_before_they_begin_or_last_too_long() {
    // iat is 1793491200.
    with_each("exp", "1793491200 1793491199 1793492101", PassFault::Claim("exp"));
    with_each("nbf", "1793491199 1793491201", PassFault::Claim("nbf"));
    let longest = Forger::with(&ring(1)).with_claim("exp", Some("1793492100"));
    assert!(verdict(&longest).is_ok(), "fifteen minutes");
}

#[test]
fn a_later_edge_may_say_more() {
    let forger = Forger::with(&ring(1));
    assert!(verdict(&forger.with_claim("cnf", Some("{\"jkt\":\"x\"}"))).is_ok());
    assert!(verdict(&forger.with_claim("rgn", None)).is_ok());
    assert!(verdict(&forger.with_claim("queue_position", None)).is_ok());
}
