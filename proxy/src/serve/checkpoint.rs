//! What an edge remembers of its rooms, kept in a file of its own beside the keys, so that a restart with a store in
//! memory neither admits beyond the capacity nor forgets that the operator paused. Places are not in it: visitors hold
//! them. Knows the file; when it is written is in `keeper.rs`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::EdgeMemory;

/// Admissions of so many seconds may be missing from a file that a killed process left behind.
const MAY_MISS_S: f64 = 4.0;
/// Larger files are not ours.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
const ENDING: &str = ".checkpoint.json";

/// The file of one edge. Edges that share the folder have files of their own.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    edge: String,
    /// Tells this process from another one that writes the same file.
    run: u64,
}

/// What the last run left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    pub rooms: Vec<(RoomName, EdgeMemory)>,
    /// It was written at the very end: nothing happened after it.
    pub stopped_cleanly: bool,
}

#[derive(Serialize, Deserialize)]
struct Page {
    edge: String,
    run: u64,
    stopped_cleanly: bool,
    rooms: Vec<(RoomName, EdgeMemory)>,
}

impl Checkpoint {
    /// `edge` is a file name's middle part: `a-z`, `0-9` and `-`.
    #[must_use]
    pub fn new(dir: &Path, edge: &str, run: u64) -> Checkpoint {
        Checkpoint {
            path: dir.join(format!("{edge}{ENDING}")),
            edge: edge.to_owned(),
            run,
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the last run of this edge remembered. A missing file is a first start; an unreadable one is said and then
    /// ignored: the rooms then recover from what visitors bring.
    #[must_use]
    pub fn read(&self) -> Remembered {
        match self.page() {
            Ok(Some(page)) => Remembered {
                rooms: page.rooms,
                stopped_cleanly: page.stopped_cleanly,
            },
            Ok(None) => {
                self.tell_of_others();
                Remembered::default()
            }
            Err(problem) => {
                tracing::warn!(file = %self.path.display(), %problem, "the checkpoint cannot be used; starting without it");
                Remembered::default()
            }
        }
    }

    fn page(&self) -> anyhow::Result<Option<Page>> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(meta) => anyhow::ensure!(meta.len() <= MAX_BYTES, "it is larger than {MAX_BYTES} bytes"),
        }
        let page: Page = serde_json::from_slice(&fs::read(&self.path)?)?;
        anyhow::ensure!(
            page.edge == self.edge,
            "it is that of the edge {:?}, and this one is {:?}",
            page.edge,
            self.edge
        );
        Ok(Some(page))
    }

    /// An edge that was given another name, or a second one in the same folder: said, because either may be meant.
    fn tell_of_others(&self) {
        let entries = self.path.parent().and_then(|dir| fs::read_dir(dir).ok());
        let names = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let others: Vec<String> = names.filter(|name| name.ends_with(ENDING)).take(16).collect();
        if !others.is_empty() {
            tracing::info!(
                edge = self.edge,
                others = others.join(", "),
                "no checkpoint of this edge yet; those of other edges in the keys' folder are left alone (edge.name says which is whose)"
            );
        }
    }

    /// Whether another process has written the file since this one last did.
    #[must_use]
    pub fn is_written_by_another(&self) -> bool {
        matches!(self.page(), Ok(Some(page)) if page.run != self.run)
    }

    /// Replaces the file, whole or not at all; when this returns it is on the disk.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn write(&self, rooms: &[(RoomName, EdgeMemory)], stopped_cleanly: bool) -> anyhow::Result<()> {
        let page = Page {
            edge: self.edge.clone(),
            run: self.run,
            stopped_cleanly,
            rooms: rooms.to_vec(),
        };
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&serde_json::to_vec(&page)?)?;
        file.as_file().sync_data()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// With a store in memory nothing but this file knows how many were inside. What may have been admitted after it was
/// written is counted as inside, so that the capacity holds; after a clean stop that is nobody.
#[must_use]
pub fn cautious(remembered: Remembered, rooms: &[RoomPolicy]) -> Vec<(RoomName, EdgeMemory)> {
    let Remembered {
        rooms: mut memories,
        stopped_cleanly,
    } = remembered;
    if stopped_cleanly {
        return memories;
    }
    for (name, memory) in &mut memories {
        let Some(policy) = rooms.iter().find(|policy| policy.name == *name) else {
            continue;
        };
        let capacity = memory.settings.capacity.unwrap_or(policy.capacity);
        let rate = memory.settings.rate.unwrap_or(policy.rate);
        let missed = (rate.per_second() * MAY_MISS_S).ceil().max(1.0) as u64;
        let inside = memory.active + memory.admitted;
        memory.active += missed.min(capacity.saturating_sub(inside));
    }
    memories
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixtures::policy;
    use stanchion_admission::ids::{Epoch, Stamp};

    fn rooms(active: u64) -> Vec<(RoomName, EdgeMemory)> {
        let memory = EdgeMemory {
            epoch: Epoch { ordinal: 3, id: 9 },
            active,
            as_of: Stamp(5),
            ..EdgeMemory::default()
        };
        vec![(RoomName::new("sale").unwrap(), memory)]
    }

    #[test]
    fn reads_what_was_written_and_survives_rubbish() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::new(dir.path(), "a", 1);
        assert_eq!(checkpoint.read(), Remembered::default(), "a first start");
        checkpoint.write(&rooms(7), true).unwrap();
        let expected = Remembered {
            rooms: rooms(7),
            stopped_cleanly: true,
        };
        assert_eq!(checkpoint.read(), expected);
        for rubbish in [
            &b"{"[..],
            b"",
            b"[]",
            b"{\"edge\":\"a\",\"run\":1,\"stopped_cleanly\":true,\"rooms\":[[\"BAD NAME\",{}]]}",
            b"\xff\xfe",
        ] {
            fs::write(&checkpoint.path, rubbish).unwrap();
            assert_eq!(checkpoint.read(), Remembered::default(), "{rubbish:?}");
        }
        fs::write(&checkpoint.path, vec![b' '; MAX_BYTES as usize + 1]).unwrap();
        assert_eq!(checkpoint.read(), Remembered::default(), "too large");
    }

    /// F3: two edges, one folder: each finds its own, and nobody takes another's.
    #[test]
    fn f3_two_edges_in_one_folder_keep_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Checkpoint::new(dir.path(), "a", 1), Checkpoint::new(dir.path(), "b", 2));
        a.write(&rooms(7), false).unwrap();
        assert_eq!(b.read(), Remembered::default(), "not the other's");
        b.write(&rooms(3), true).unwrap();
        assert_eq!((a.read().rooms, b.read().rooms), (rooms(7), rooms(3)));
        fs::copy(a.path(), b.path()).unwrap();
        assert_eq!(b.read(), Remembered::default(), "a copy of the other's is the other's");
        let same_name = Checkpoint::new(dir.path(), "a", 3);
        assert!(same_name.is_written_by_another() && !a.is_written_by_another());
    }

    /// F3: after a crash four seconds of the pace count as inside, up to the capacity; after a clean stop nobody does.
    #[test]
    fn f3_only_a_crash_is_cautious() {
        for (active, stopped_cleanly, expected) in [
            (7, true, 7),
            (7, false, 11),
            (98, false, 100),
            (100, false, 100),
            (0, true, 0),
        ] {
            let remembered = Remembered {
                rooms: rooms(active),
                stopped_cleanly,
            };
            let counted = cautious(remembered, &[policy("sale")])[0].1.active;
            assert_eq!(counted, expected, "{active} inside, stopped cleanly: {stopped_cleanly}");
        }
    }
}
