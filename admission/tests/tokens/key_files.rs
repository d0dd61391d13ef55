//! Key files, good and bad: every problem at once, and never a secret in what is said.

use stanchion_admission::keys::{KeyRing, MAX_KEYS};

use crate::support::{NOW, es_ring, ring};

type Files = Vec<(String, Vec<u8>)>;

fn files() -> Files {
    ring(1)
        .to_files()
        .into_iter()
        .map(|(name, bytes)| (name, bytes.to_vec()))
        .collect()
}

fn named(files: &mut Files, start: &str) -> usize {
    files.iter().position(|(name, _)| name.starts_with(start)).unwrap()
}

fn problems(files: &Files) -> Vec<String> {
    match KeyRing::from_files(files) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn edited(start: &str, find: &str, replace: &str) -> Files {
    let mut files = files();
    let at = named(&mut files, start);
    let text = String::from_utf8(files[at].1.clone()).unwrap();
    assert!(text.contains(find), "{text}");
    files[at].1 = text.replace(find, replace).into_bytes();
    files
}

#[test]
fn files_give_back_the_ring_whatever_else_lies_about() {
    for ring in [ring(1), es_ring(1)] {
        let mut files: Files = ring
            .to_files()
            .into_iter()
            .map(|(name, bytes)| (name, bytes.to_vec()))
            .collect();
        files.reverse();
        files.push(("README".into(), b"keys".to_vec()));
        let again = KeyRing::from_files(&files).unwrap();
        assert_eq!(again.list(NOW), ring.list(NOW));
        assert_eq!(again.jwks(NOW), ring.jwks(NOW));
    }
}

#[test]
fn each_broken_file_is_named_with_what_is_wrong() {
    let cases = [
        (edited("ticket", "{", "["), "not a key file"),
        (edited("ticket", "\"from\":", "\"form\":"), "not a key file"),
        (edited("ticket", "\"ticket\"", "\"tickets\""), "not a key file"),
        (edited("ticket", "\"ticket\"", "\"pass\""), "name does not fit"),
        (
            edited("ticket", "\"secret\":\"", "\"secret\":\"A"),
            "secret must be 32 bytes",
        ),
        (
            edited("ticket", "\"secret\":\"", "\"secret\":\"+"),
            "secret must be 32 bytes",
        ),
        (edited("ticket", "\"from\":17", "\"from\":99917"), "from must be a time"),
        (edited("ticket", "\"from\":17", "\"from\":-17"), "not a key file"),
        (edited("ticket", "\"from\":1793491200,", ""), "from must be a time"),
        (
            edited("ticket", "\"from\"", "\"alg\":\"EdDSA\",\"from\""),
            "a ticket key has no alg",
        ),
        (edited("pass", "\"alg\":\"EdDSA\",", ""), "alg is missing"),
        (edited("pass", "EdDSA", "HS256"), "not a key file"),
        (edited("pass", "EdDSA", "none"), "not a key file"),
        (edited("pass", "\"from\"", "\"from\":1,\"from\""), "not a key file"),
        (
            edited("identity", "\"secret\"", "\"from\":1,\"secret\""),
            "neither id, alg nor from",
        ),
        (edited("identity", "\n", &" ".repeat(2_000)), "longer than 1024 bytes"),
        (edited("identity", "{", "\u{feff}{"), "not a key file"),
    ];
    for (files, what) in cases {
        let said = problems(&files);
        assert!(said.len() == 1 && said[0].contains(what), "{what}: {said:?}");
        assert!(said[0].contains(".key: "), "names the file: {said:?}");
    }
}

#[test]
fn secrets_that_are_no_keys_are_refused() {
    let zeros = "A".repeat(43);
    // Above the order of P-256.
    let high = format!("{}8", "_".repeat(42));
    for (secret, alg, what) in [
        (&zeros, "EdDSA", "all zeros"),
        (&zeros, "ES256", "all zeros"),
        (&high, "ES256", "no ES256 key"),
    ] {
        let mut files = files();
        let at = named(&mut files, "pass");
        let id = files[at]
            .0
            .trim_start_matches("pass-")
            .trim_end_matches(".key")
            .to_owned();
        let doc = format!(r#"{{"stanchion":"pass","id":"{id}","alg":"{alg}","from":1,"secret":"{secret}"}}"#);
        files[at].1 = doc.into_bytes();
        let said = problems(&files);
        assert!(said.len() == 1 && said[0].contains(what), "{what}: {said:?}");
    }
}

#[test]
fn what_is_missing_twice_or_too_much_is_said() {
    assert!(problems(&Vec::new())[0].contains("no ticket key"));
    for (start, what) in [
        ("identity", "identity.key is missing"),
        ("ticket", "no ticket key"),
        ("pass", "no pass key"),
    ] {
        let mut files = files();
        let at = named(&mut files, start);
        files.remove(at);
        assert_eq!(problems(&files).len(), 1);
        assert!(problems(&files)[0].contains(what), "{what}");
    }
    let mut twice = files();
    twice.push(twice[1].clone());
    assert!(problems(&twice)[0].contains("given twice"));

    let mut many = files();
    for seed in 2..=(MAX_KEYS as u64 + 1) {
        let others = ring(seed)
            .to_files()
            .into_iter()
            .filter(|(name, _)| name.starts_with("pass"));
        many.extend(others.map(|(name, bytes)| (name, bytes.to_vec())));
    }
    assert_eq!(problems(&many), [format!("9 pass keys, at most {MAX_KEYS} are read")]);
}

#[test]
fn all_problems_come_at_once() {
    let mut files = files();
    for file in &mut files {
        file.1.truncate(10);
    }
    assert_eq!(problems(&files).len(), 3);
}

#[test]
fn neither_debug_nor_a_problem_nor_the_jwks_says_a_secret() {
    for ring in [ring(1), es_ring(1)] {
        let mut said = format!("{ring:?} {:?} {}", ring.list(NOW), ring.jwks(NOW));
        for cut in [60, 90, 120] {
            let broken: Files = ring
                .to_files()
                .into_iter()
                .map(|(name, bytes)| (name, bytes[..cut.min(bytes.len() - 3)].to_vec()))
                .collect();
            said += &format!("{:?}", KeyRing::from_files(&broken).unwrap_err());
        }
        for (name, bytes) in ring.to_files() {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let secret = text.rsplit('"').nth(1).unwrap();
            assert_eq!(secret.len(), 43);
            for window in 0..secret.len() - 7 {
                assert!(!said.contains(&secret[window..window + 8]), "{name}");
            }
        }
    }
}
