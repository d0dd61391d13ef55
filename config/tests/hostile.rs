//! Whatever a file holds, the check ends with values or with problems, and never panics (THREATS F16, §6 Config).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

mod common;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use common::EtcStanchion;
use proptest::prelude::*;
use stanchion_config::{MAX_BYTES, Problem, check, check_bytes};

/// What must hold of every answer.
fn judge(bytes: &[u8]) -> Result<(), String> {
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    let problems = match check_bytes(bytes, &EtcStanchion) {
        Ok(config) if config.warnings.iter().any(Problem::is_error) => return Err("accepted with an error".to_owned()),
        Ok(config) => config.warnings,
        Err(problems) if !problems.iter().any(Problem::is_error) => return Err("refused without an error".to_owned()),
        Err(problems) => problems,
    };
    for problem in &problems {
        let told = problem.to_string();
        if problem.line > lines || problem.what.is_empty() || problem.why.is_empty() || told.len() > 8_000 {
            return Err(told);
        }
        if told.chars().any(|c| c.is_control() && c != '\n') {
            return Err(format!("a control character: {told:?}"));
        }
    }
    Ok(())
}

static GOOD_FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/good");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut tomls: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    tomls.sort();
    tomls.iter().map(|path| fs::read(path).unwrap()).collect()
});

/// One small change to a file.
#[derive(Clone, Debug)]
enum Change {
    Put(usize, u8),
    Insert(usize, Vec<u8>),
    Cut(usize, usize),
    Repeat(usize, usize),
    End(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let bits = prop::sample::select(vec![
        &b"["[..],
        b"]",
        b"[[",
        b"{",
        b"}",
        b"\"",
        b"\"\"\"",
        b"'",
        b"=",
        b".",
        b",",
        b"#",
        b"\n",
        b"\r",
        b"\0",
        b"-1",
        b"18446744073709551616",
        b"1e999",
        b"nan",
        b"\\u0000",
        b"\\UFFFFFFFF",
        b"\xff",
        "é".as_bytes(),
        b"@",
        b"://",
        b"1979-05-27T07:32:00Z",
        b"true",
        b"rooms",
        b"0x",
        b"%",
        b"/../",
    ]);
    let at = 0..4096_usize;
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
        (at.clone(), bits).prop_map(|(at, bit)| Change::Insert(at, bit.to_vec())),
        (at.clone(), 1..60_usize).prop_map(|(at, len)| Change::Cut(at, len)),
        (at.clone(), 1..200_usize).prop_map(|(at, len)| Change::Repeat(at, len)),
        at.prop_map(Change::End),
    ]
}

fn apply(mut bytes: Vec<u8>, change: &Change) -> Vec<u8> {
    let within = |at: usize, bytes: &[u8]| at % (bytes.len() + 1);
    match change {
        Change::Put(at, byte) => {
            let at = within(*at, &bytes).min(bytes.len().saturating_sub(1));
            if let Some(old) = bytes.get_mut(at) {
                *old = *byte;
            }
        }
        Change::Insert(at, bit) => {
            let at = within(*at, &bytes);
            bytes.splice(at..at, bit.iter().copied());
        }
        Change::Cut(at, len) => {
            let at = within(*at, &bytes);
            bytes.drain(at..(at + len).min(bytes.len()));
        }
        Change::Repeat(at, len) => {
            let at = within(*at, &bytes);
            let piece = bytes[at..(at + len).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        Change::End(at) => {
            let at = within(*at, &bytes);
            bytes.truncate(at);
        }
    }
    bytes
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(judge(&bytes), Ok(()));
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,400}") {
        prop_assert_eq!(judge(text.as_bytes()), Ok(()));
    }

    #[test]
    fn text_like_toml_gets_an_answer(text in "([\\[\\]{}=.,\"'#\\n a-z0-9:/@-]|rooms|origins|edge|name = |\"x\"){0,200}") {
        prop_assert_eq!(judge(text.as_bytes()), Ok(()));
    }

    #[test]
    fn changed_good_files_get_an_answer(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let bytes = changes.iter().fold(which.get(&GOOD_FILES).clone(), apply);
        prop_assert_eq!(judge(&bytes), Ok(()));
    }
}

/// Every way to cut a whole file short is answered, as after a disk that filled up.
#[test]
fn every_truncation_gets_an_answer() {
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/good/everything.toml")).unwrap();
    for end in 0..whole.len() {
        judge(&whole[..end]).unwrap_or_else(|problem| panic!("cut at {end}: {problem}"));
    }
}

/// The largest file is answered whatever it is made of; one byte more is refused by its size.
#[test]
fn the_largest_files_get_an_answer() {
    for (piece, bytes) in [
        ("[", MAX_BYTES),
        ("=\n", 1 << 17),
        ("[[rooms]]\n", MAX_BYTES),
        ("\"", 1 << 17),
        ("{", 1 << 16),
        ("a.", 1 << 16),
        ("[a]\n", 1 << 16),
        ("\u{feff}", 1 << 16),
        ("'''", 1 << 16),
        ("rooms = [", 1 << 16),
        ("\r", 1 << 16),
    ] {
        let text: String = piece.repeat(bytes / piece.len());
        judge(text.as_bytes()).unwrap_or_else(|problem| panic!("{piece:?}: {problem}"));
    }
    let keys: String = (0..20_000).map(|n| format!("k{n} = 1\n")).collect();
    judge(keys.as_bytes()).unwrap();
    let inline: String = (0..20_000).map(|n| format!("k{n}=1,")).collect();
    judge(format!("edge = {{{inline}}}").as_bytes()).unwrap();
    let list: String = "\"10.0.0.0/8\",".repeat(70_000);
    judge(format!("edge.trusted_proxies = [{list}]").as_bytes()).unwrap();

    let over = check("#".repeat(MAX_BYTES + 1).as_str(), &EtcStanchion).unwrap_err();
    assert!(over[0].what.contains("1048577 bytes"), "{}", over[0]);
}
