//! A store in memory is one process's own. A second edge beside it, with the same keys, would believe the same tickets
//! and hold another line: said by a lock on a file in the folder of keys, which ends with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use stanchion_config::{Config, StoreKind};

const FILE: &str = ".memory-store.lock";

/// Held for as long as this process is the one with the line.
#[must_use]
#[derive(Debug)]
pub struct Alone {
    _lock: Option<File>,
}

/// Says where another process has it; that is allowed, and hardly ever meant.
pub fn claim(config: &Config) -> Alone {
    if config.store.url.kind() != StoreKind::Memory {
        return Alone { _lock: None };
    }
    let dir = &config.keys.dir;
    let lock = lock(dir);
    if lock.as_ref().is_some_and(|(_, ours)| !ours) {
        tracing::warn!(
            keys = %dir.display(),
            "another edge with a store in memory uses these keys: the two do not share a line, and each lets in as \
             many as the room holds; give them one store.url, or stop one"
        );
    }
    Alone {
        _lock: lock.map(|(file, _)| file),
    }
}

/// The file, and whether the lock is ours; nothing where the folder cannot be written.
fn lock(dir: &Path) -> Option<(File, bool)> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(FILE));
    let file = file.ok()?;
    let ours = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    Some((file, ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_is_seen_and_the_next_after_both_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (first, ours) = lock(dir.path()).unwrap();
        assert!(ours);
        let (second, ours) = lock(dir.path()).unwrap();
        assert!(!ours, "there are two");
        drop((first, second));
        assert!(lock(dir.path()).unwrap().1, "the lock went with its process");
        assert!(lock(&dir.path().join("nowhere")).is_none());
    }
}
