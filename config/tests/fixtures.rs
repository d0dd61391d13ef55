//! Every file under `testdata/good` is accepted with exactly the warnings beside it, every file under `testdata/bad`
//! is refused with exactly the text beside it (THREATS §6 Config, I20). `STANCHION_BLESS=1` writes the answers anew, to
//! be read before they are committed.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::EtcStanchion;
use stanchion_config::{Problem, check_bytes};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// What differs from the recorded answer; nothing where it is equal, or was just written.
fn compare(case: &Path, got: &str) -> Option<String> {
    let answer = case.with_extension("txt");
    if std::env::var_os("STANCHION_BLESS").is_some() {
        fs::write(&answer, got).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&answer).unwrap_or_default();
    (expected != got).then(|| format!("{}\n--- expected\n{expected}\n--- got\n{got}", case.display()))
}

#[test]
fn good_files_are_accepted() {
    let cases = cases("good");
    assert!(cases.len() >= 15, "only {} good files", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| match check_bytes(&fs::read(case).unwrap(), &EtcStanchion) {
            Ok(config) => compare(case, &told(&config.warnings)),
            Err(problems) => Some(format!("{} is refused:\n{}", case.display(), told(&problems))),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bad_files_are_refused_with_every_problem() {
    let cases = cases("bad");
    assert!(cases.len() >= 60, "only {} bad files", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| match check_bytes(&fs::read(case).unwrap(), &EtcStanchion) {
            Ok(_) => Some(format!("{} is accepted", case.display())),
            Err(problems) => {
                assert!(
                    problems.iter().any(Problem::is_error),
                    "{}: no error among them",
                    case.display()
                );
                compare(case, &told(&problems))
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No answer of ours may hold a secret that a file holds (THREATS A2).
#[test]
fn no_message_holds_a_secret() {
    let secret = "hunter2";
    for case in cases("bad").into_iter().chain(cases("good")) {
        let answer = fs::read_to_string(case.with_extension("txt")).unwrap_or_default();
        assert!(!answer.contains(secret), "{} shows a password", case.display());
    }
}
