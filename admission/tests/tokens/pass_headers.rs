//! Texts and headers that no pass has (T1).

use stanchion_admission::pass::PassFault;

use crate::support::{Forger, NOW, good_pass, json_list, many_members, pass_verdict, refused, ring, ticket};

#[test]
fn t1_texts_that_are_no_pass_at_all() {
    let good = good_pass(&ring(1));
    let parts: Vec<&str> = good.split('.').collect();
    let (h, c, s) = (parts[0], parts[1], parts[2]);
    let put = |at: usize, with: &str| {
        let mut text = good.clone();
        text.replace_range(at..=at, with);
        text
    };
    let in_claims = h.len() + 20;
    let cases = vec![
        ("empty", String::new(), PassFault::Empty),
        ("one byte", "A".into(), PassFault::Parts),
        ("dot", ".".into(), PassFault::Parts),
        ("two dots", "..".into(), PassFault::Parts),
        ("three dots", "...".into(), PassFault::Parts),
        ("two parts", format!("{h}.{c}"), PassFault::Parts),
        ("four parts", format!("{good}.{s}"), PassFault::Parts),
        ("five parts, as JWE", format!("{h}.{c}.{s}.{c}.{s}"), PassFault::Parts),
        ("dot behind", format!("{good}."), PassFault::Parts),
        ("dot in front", format!(".{good}"), PassFault::Parts),
        ("no header", format!(".{c}.{s}"), PassFault::Parts),
        ("no claims", format!("{h}..{s}"), PassFault::Parts),
        ("no signature", format!("{h}.{c}."), PassFault::Signature),
        ("1,024 bytes", "A".repeat(1_024), PassFault::Parts),
        ("1,025 bytes", "A".repeat(1_025), PassFault::TooLong),
        ("64 KB", "A".repeat(65_536), PassFault::TooLong),
        ("1 MB", "A".repeat(1 << 20), PassFault::TooLong),
        (
            "long but well signed",
            {
                let forger = Forger::with(&ring(1));
                forger.with_claim("iss", Some(&format!("\"{}\"", "x".repeat(700))))
            },
            PassFault::TooLong,
        ),
        ("padded", format!("{good}=="), PassFault::Encoding),
        ("padded header", format!("{h}=.{c}.{s}"), PassFault::Encoding),
        ("space in front", format!(" {good}"), PassFault::Encoding),
        ("newline behind", format!("{good}\n"), PassFault::Encoding),
        ("Bearer in front", format!("Bearer {good}"), PassFault::Encoding),
        ("quoted", format!("\"{good}\""), PassFault::Encoding),
        ("plus in header", put(4, "+"), PassFault::Encoding),
        ("NUL in header", put(4, "\0"), PassFault::Encoding),
        ("space in header", put(4, " "), PassFault::Encoding),
        ("plus in claims", put(in_claims, "+"), PassFault::Signature),
        ("slash in signature", put(good.len() - 5, "/"), PassFault::Encoding),
        ("newline in signature", put(good.len() - 5, "\n"), PassFault::Encoding),
        ("UTF-8 in signature", put(good.len() - 5, "é"), PassFault::Encoding),
        ("BOM in front", format!("\u{feff}{good}"), PassFault::Encoding),
        (
            "a ticket",
            stanchion_admission::ticket::seal(&ring(1), &ticket(None), NOW),
            PassFault::Parts,
        ),
        ("header twice", format!("{h}.{h}.{s}"), PassFault::Signature),
        ("claims as header", format!("{c}.{c}.{s}"), PassFault::HeaderField),
    ];
    assert!(refused(cases) >= 35);
}

fn with_each(name: &'static str, values: &str, fault: PassFault) -> usize {
    let forger = Forger::with(&ring(1));
    let case = |value: String| (name, forger.with_header(name, Some(&value)), fault);
    refused(json_list(values).map(case).collect())
}

#[test]
fn t1_headers_that_are_no_strict_object() {
    let forger = Forger::with(&ring(1));
    let raw = |header: &[u8]| forger.sign(header, forger.claims().to_string().as_bytes());
    let whole = forger.header().to_string();
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let nest = "[".repeat(200);
    let cases = vec![
        ("array", raw(b"[]"), PassFault::HeaderJson),
        ("number", raw(b"7"), PassFault::HeaderJson),
        ("null", raw(b"null"), PassFault::HeaderJson),
        ("string", raw(b"\"{}\""), PassFault::HeaderJson),
        ("no JSON", raw(b"alg=EdDSA"), PassFault::HeaderJson),
        (
            "cut short",
            raw(&whole.as_bytes()[..whole.len() - 1]),
            PassFault::HeaderJson,
        ),
        (
            "rubbish behind",
            raw(format!("{whole}x").as_bytes()),
            PassFault::HeaderJson,
        ),
        ("two objects", raw(b"{}{}"), PassFault::HeaderJson),
        ("deep nest", raw(nest.as_bytes()), PassFault::HeaderJson),
        (
            "deep nest as value",
            raw(format!("{{\"typ\":{nest}").as_bytes()),
            PassFault::HeaderJson,
        ),
        ("33 members", raw(many_members(33).as_bytes()), PassFault::HeaderJson),
        ("BOM", raw(format!("\u{feff}{whole}").as_bytes()), PassFault::HeaderJson),
        ("UTF-16", raw(&utf16), PassFault::HeaderJson),
        (
            "NUL behind",
            raw(format!("{whole}\0").as_bytes()),
            PassFault::HeaderJson,
        ),
        ("invalid UTF-8", raw(b"{\"typ\":\"\xff\"}"), PassFault::HeaderJson),
        ("lone surrogate", raw(br#"{"typ":"\ud800"}"#), PassFault::HeaderJson),
        ("empty object", raw(b"{}"), PassFault::Typ),
    ];
    assert_eq!(refused(cases), 17);
}

#[test]
fn t1_names_that_occur_twice() {
    let forger = Forger::with(&ring(1));
    let whole = forger.header().to_string();
    for (of, with) in [
        ("\"alg\"", "\"alg\":\"none\",\"alg\""),
        ("\"alg\"", "\"\\u0061lg\":\"none\",\"alg\""),
        ("\"typ\"", "\"typ\":\"JWT\",\"typ\""),
        ("\"kid\"", "\"kid\":\"x\",\"kid\""),
        ("}", ",\"alg\":\"EdDSA\"}"),
    ] {
        let header = whole.replacen(of, with, 1);
        let token = forger.sign(header.as_bytes(), forger.claims().to_string().as_bytes());
        assert_eq!(pass_verdict(&token), Err(PassFault::Duplicate), "{with}");
    }
}

#[test]
fn t1_fields_that_no_pass_has() {
    let names = "crit b64 zip jku jwk x5u x5c x5t x5t#S256 enc epk cty nonce url KID Alg __proto__";
    let forger = Forger::with(&ring(1));
    for name in names.split(' ').chain([""]) {
        for value in ["[\"b64\"]", "null", "\"http://evil.example\""] {
            let token = forger.with_header(name, Some(value));
            assert_eq!(pass_verdict(&token), Err(PassFault::HeaderField), "{name}");
        }
    }
}

#[test]
fn t1_types_and_algorithms_that_are_not_the_keys() {
    let types = "'JWT' 'at+jwt' 'stanchion-ticket+jwt' 'STANCHION-PASS+JWT' 'application/stanchion-pass+jwt' '' null 1 \
                 ['stanchion-pass+jwt']";
    assert_eq!(with_each("typ", types, PassFault::Typ), 9);
    let algorithms = "'none' 'None' 'nOnE' 'NONE' '' null 0 true ['EdDSA'] {} 'HS256' 'HS512' 'RS256' 'PS256' 'ES256' \
                      'ES384' 'ES256K' 'Ed25519' 'eddsa'";
    assert_eq!(with_each("alg", algorithms, PassFault::Alg), 19);
    let forger = Forger::with(&ring(1));
    for (name, fault) in [
        ("typ", PassFault::Typ),
        ("alg", PassFault::Alg),
        ("kid", PassFault::Kid),
    ] {
        assert_eq!(pass_verdict(&forger.with_header(name, None)), Err(fault), "no {name}");
    }
}

#[test]
fn t1_key_ids_are_looked_up_and_nothing_else() {
    let forger = Forger::with(&ring(1));
    let long = "k".repeat(33);
    let bad =
        format!("'' '../../x' 'a/b' 'a.b' 'é' 'a\\u0000' '\\n' 7 null true [] ['a'] {{}} 'http://x' '%2e' '{long}'");
    assert_eq!(with_each("kid", &bad, PassFault::Kid), 16);
    for spaced in ["\"a b\"", "\"' or 1=1\""] {
        assert_eq!(
            pass_verdict(&forger.with_header("kid", Some(spaced))),
            Err(PassFault::Kid)
        );
    }
    let unknown = format!(
        "'x' '__proto__' '-' '0' '{}' '{}'",
        &long[1..],
        forger.kid.to_uppercase()
    );
    assert_eq!(with_each("kid", &unknown, PassFault::UnknownKey), 6);
}
