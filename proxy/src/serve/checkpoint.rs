//! What an edge remembers of its rooms, kept in a file beside the keys, so that a restart with a store in memory
//! neither admits beyond the capacity nor forgets that the operator paused. Places are not in it: visitors hold them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use stanchion_admission::edge::agent::Agent;
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::EdgeMemory;

/// Written this often, and once at the end.
pub const INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);
/// Admissions of so many seconds may be missing from a file that a killed process left behind.
const MAY_MISS_S: f64 = 4.0;
/// Larger files are not ours.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The file of one edge.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    #[must_use]
    pub fn in_folder(dir: &Path) -> Checkpoint {
        Checkpoint {
            path: dir.join("rooms.checkpoint.json"),
        }
    }

    /// What the last run remembered. A missing file is a first start; an unreadable one is said and then ignored:
    /// the rooms then recover from what visitors bring.
    #[must_use]
    pub fn read(&self) -> Vec<(RoomName, EdgeMemory)> {
        match self.try_read() {
            Ok(memories) => memories,
            Err(problem) => {
                tracing::warn!(file = %self.path.display(), %problem, "the checkpoint cannot be used; starting without it");
                Vec::new()
            }
        }
    }

    fn try_read(&self) -> anyhow::Result<Vec<(RoomName, EdgeMemory)>> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
            Ok(meta) => anyhow::ensure!(meta.len() <= MAX_BYTES, "it is larger than {MAX_BYTES} bytes"),
        }
        Ok(serde_json::from_slice(&fs::read(&self.path)?)?)
    }

    /// Replaces the file, whole or not at all.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn write(&self, memories: &[(RoomName, EdgeMemory)]) -> anyhow::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&serde_json::to_vec(memories)?)?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// Writes until the task is dropped; a failure is said once, not every second (F15).
    pub async fn keep(self, agent: std::sync::Arc<Agent>) {
        let mut failing = false;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let (checkpoint, memories) = (self.clone(), agent.memories());
            let written = tokio::task::spawn_blocking(move || checkpoint.write(&memories)).await;
            let failed = !matches!(written, Ok(Ok(())));
            if failed && !failing {
                tracing::error!(file = %self.path.display(), "the checkpoint cannot be written");
            }
            failing = failed;
        }
    }
}

/// With a store in memory nothing but this file knows how many were inside. What may have been admitted after it was
/// written is counted as inside, so that the capacity holds.
#[must_use]
pub fn cautious(mut memories: Vec<(RoomName, EdgeMemory)>, rooms: &[RoomPolicy]) -> Vec<(RoomName, EdgeMemory)> {
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
    use stanchion_admission::ids::{Epoch, Stamp};

    fn memory(active: u64) -> EdgeMemory {
        EdgeMemory {
            epoch: Epoch { ordinal: 3, id: 9 },
            active,
            as_of: Stamp(5),
            ..EdgeMemory::default()
        }
    }

    #[test]
    fn reads_what_was_written_and_survives_rubbish() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::in_folder(dir.path());
        assert_eq!(checkpoint.read(), vec![], "a first start");
        let memories = vec![(RoomName::new("sale").unwrap(), memory(7))];
        checkpoint.write(&memories).unwrap();
        assert_eq!(checkpoint.read(), memories);
        for rubbish in [&b"{"[..], b"", b"[[\"BAD NAME\",{}]]", b"\xff\xfe", b"[]extra"] {
            fs::write(&checkpoint.path, rubbish).unwrap();
            assert_eq!(checkpoint.read(), vec![], "{rubbish:?}");
        }
        fs::write(&checkpoint.path, vec![b' '; MAX_BYTES as usize + 1]).unwrap();
        assert_eq!(checkpoint.read(), vec![], "too large");
    }
}
