//! Folders as operators have them (T5; THREATS section 6, "world-readable key", "missing key file").

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::Stamp;
use stanchion_admission::keys::{KeyState, PassAlg, Rotation, Which};
use tempfile::TempDir;

use super::{KeyDir, KeyDirError, denied_to, nearest};

const NOW: Stamp = Stamp(1_793_491_200_000_000);
const BOTH: Rotation = Rotation {
    which: Which::Both,
    alg: PassAlg::EdDsa,
    emergency: false,
};

fn folder() -> (TempDir, KeyDir) {
    let temp = tempfile::tempdir().unwrap();
    let keys = KeyDir::new(temp.path().join("deep/keys"));
    (temp, keys)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_first_start_makes_keys_for_its_owner_only_and_a_second_one_finds_them() {
    let (_temp, keys) = folder();
    let first = keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap();
    assert!(first.newborn);
    assert_eq!(mode(keys.path()), 0o700);
    let files: Vec<_> = fs::read_dir(keys.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 4, "identity, ticket, pass, lock: {files:?}");
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{file:?}"));

    let second = keys.open(&SystemEntropy, PassAlg::Es256, NOW).unwrap();
    assert!(!second.newborn);
    assert_eq!(second.ring.list(NOW), first.ring.list(NOW));
}

#[test]
fn edges_that_start_together_get_the_same_keys() {
    let (_temp, keys) = folder();
    let start = || keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|one| one.newborn).count(), 1);
    assert!(
        opened
            .windows(2)
            .all(|two| two[0].ring.list(NOW) == two[1].ring.list(NOW))
    );
}

#[test]
fn keys_that_others_can_read_or_change_are_refused_with_the_cure() {
    for (mode, refused) in [
        (0o600, false),
        (0o400, false),
        (0o440, false),
        (0o644, true),
        (0o604, true),
        (0o620, true),
    ] {
        let (_temp, keys) = folder();
        keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap();
        let identity = keys.path().join("identity.key");
        chmod(&identity, mode);
        let said = keys
            .open(&SystemEntropy, PassAlg::EdDsa, NOW)
            .err()
            .map(|error| error.to_string());
        assert_eq!(said.is_some(), refused, "{mode:o}");
        assert!(said.is_none_or(|text| text.contains(&format!("Run: chmod 600 {}", identity.display()))));
    }
    let (_temp, keys) = folder();
    keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap();
    chmod(keys.path(), 0o777);
    assert!(keys.read().unwrap_err().to_string().contains("Run: chmod 700"));
}

#[test]
fn what_is_missing_or_broken_is_named_and_nothing_secret_is_said() {
    let (_temp, keys) = folder();
    assert!(matches!(keys.read(), Err(KeyDirError::Io { .. })));
    fs::create_dir_all(keys.path()).unwrap();
    assert!(matches!(keys.read(), Err(KeyDirError::Empty { .. })));
    keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap();
    assert!(matches!(
        keys.generate(&SystemEntropy, PassAlg::EdDsa, NOW),
        Err(KeyDirError::NotEmpty { .. })
    ));

    let identity = keys.path().join("identity.key");
    let whole = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, &whole[..whole.len() - 9]).unwrap();
    let said = keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap_err().to_string();
    assert!(said.contains("identity.key: not a key file"), "{said}");
    let secret = whole.rsplit('"').nth(1).unwrap();
    assert!(!said.contains(&secret[..8]), "{said}");

    fs::remove_file(&identity).unwrap();
    let said = keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap_err().to_string();
    assert!(
        said.contains("identity.key is missing"),
        "never replaced by a new one: {said}"
    );
}

#[test]
fn t5_a_rotation_adds_one_file_of_each_kind_and_later_ones_sweep() {
    let (_temp, keys) = folder();
    keys.open(&SystemEntropy, PassAlg::EdDsa, NOW).unwrap();
    let before = keys.version().unwrap();
    let rotated = keys.rotate(&SystemEntropy, BOTH, NOW).unwrap();
    assert_ne!(keys.version().unwrap(), before);
    assert_eq!(keys.read().unwrap().list(NOW), rotated.list(NOW));
    let states: Vec<_> = rotated.list(NOW).iter().map(|key| key.state).collect();
    assert_eq!(
        states,
        [KeyState::Current, KeyState::Next, KeyState::Current, KeyState::Next]
    );
    assert!(matches!(
        keys.rotate(&SystemEntropy, BOTH, NOW),
        Err(KeyDirError::Rotation(_))
    ));

    let later = NOW.plus(Duration::from_secs(40 * 24 * 3600));
    keys.rotate(&SystemEntropy, BOTH, later).unwrap();
    let names = fs::read_dir(keys.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".key"));
    assert_eq!(names.count(), 5, "identity, and a current and a next key of each kind");
}

/// A1: whoever may not read the keys is told whose they are, with the mode and the remedy.
#[test]
fn a1_a_refused_right_names_path_account_mode_and_remedy() {
    let said = denied_to(1000, Path::new("/var/lib/stanchion/keys"), Some((0, 0o40700)));
    for words in [
        "account 1000",
        "/var/lib/stanchion/keys",
        "belongs to account 0",
        "mode 0700",
        "chown 1000",
    ] {
        assert!(said.contains(words), "{words} is missing from {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("not-made/yet");
    assert_eq!(nearest(&there), folder.path());
    assert!(KeyDir::new(&there).check().is_ok(), "it would be made");
}
