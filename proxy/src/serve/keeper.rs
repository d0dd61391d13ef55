//! When the checkpoint is written: at the start, once a second, before each change of an operator, and at the end.
//! Says when it cannot be.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stanchion_admission::edge::agent::Agent;
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::store::EdgeMemory;

use super::checkpoint::Checkpoint;
use crate::admin::Ahead;

const INTERVAL: Duration = Duration::from_secs(1);
/// A successor and its predecessor may both write for a moment; beyond it two edges have the same name.
const MAX_FOREIGN_WRITES: u32 = 3;

/// Keeps the checkpoint of one edge.
pub struct Keeper {
    checkpoint: Checkpoint,
    agent: Arc<Agent>,
    /// No store but this process knows the operator's changes.
    alone: bool,
    /// Changes that are written down and not yet made. At most one a room.
    ahead: Mutex<HashMap<RoomName, LiveSettings>>,
    /// Held while the file is written.
    pen: Mutex<Pen>,
    failing: AtomicBool,
}

#[derive(Default)]
struct Pen {
    put_down: bool,
    foreign_writes: u32,
}

impl Keeper {
    #[must_use]
    pub fn new(checkpoint: Checkpoint, agent: Arc<Agent>, alone: bool) -> Arc<Keeper> {
        Arc::new(Keeper {
            checkpoint,
            agent,
            alone,
            ahead: Mutex::default(),
            pen: Mutex::default(),
            failing: AtomicBool::new(false),
        })
    }

    /// Writes until the task is dropped.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.write(false).await;
        }
    }

    /// The last word, and the mark of a clean stop. Nothing is written after it.
    pub async fn close(self: &Arc<Self>) {
        self.write(true).await;
        self.put_down().await;
    }

    /// A successor keeps the file from now on.
    pub async fn put_down(self: &Arc<Self>) {
        let keeper = Arc::clone(self);
        // A write may be under way.
        let _ = tokio::task::spawn_blocking(move || keeper.pen.lock().put_down = true).await;
    }

    /// Whether it was written.
    async fn write(self: &Arc<Self>, stopped_cleanly: bool) -> bool {
        let keeper = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || keeper.write_now(stopped_cleanly)).await;
        written.unwrap_or(false)
    }

    fn write_now(&self, stopped_cleanly: bool) -> bool {
        let mut pen = self.pen.lock();
        if pen.put_down {
            return true;
        }
        self.watch_for_others(&mut pen);
        let written = self.checkpoint.write(&self.memories(), stopped_cleanly);
        let failed = written.is_err();
        let file = self.checkpoint.path().display();
        // Said once, not every second (F15).
        match (written, self.failing.swap(failed, Ordering::Relaxed)) {
            (Err(problem), false) => tracing::error!(%file, %problem, "the checkpoint cannot be written"),
            (Ok(()), true) => tracing::info!(%file, "the checkpoint is written again"),
            _ => {}
        }
        !failed
    }

    fn watch_for_others(&self, pen: &mut Pen) {
        if !self.checkpoint.is_written_by_another() {
            pen.foreign_writes = 0;
            return;
        }
        pen.foreign_writes = pen.foreign_writes.saturating_add(1);
        if pen.foreign_writes == MAX_FOREIGN_WRITES {
            let file = self.checkpoint.path().display();
            tracing::error!(%file, "another edge writes this checkpoint too: give each edge that shares the keys' folder an edge.name of its own");
        }
    }

    fn memories(&self) -> Vec<(RoomName, EdgeMemory)> {
        let mut memories = self.agent.memories();
        let mut ahead = self.ahead.lock();
        for (room, memory) in &mut memories {
            match ahead.get(room) {
                Some(settings) if settings.version > memory.settings.version => memory.settings = settings.clone(),
                Some(_) => drop(ahead.remove(room)),
                None => {}
            }
        }
        memories
    }
}

#[async_trait]
impl Ahead for Keeper {
    async fn note(self: Arc<Self>, room: &RoomName, settings: LiveSettings) -> bool {
        if !self.alone {
            return true;
        }
        self.ahead.lock().insert(room.clone(), settings);
        let written = self.write(false).await;
        if !written {
            self.ahead.lock().remove(room);
        }
        written
    }

    async fn withdraw(self: Arc<Self>, room: &RoomName) {
        if self.ahead.lock().remove(room).is_some() {
            self.write(false).await;
        }
    }

    fn works(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixtures::policy;
    use crate::serve::checkpoint::Remembered;
    use stanchion_admission::clock::SystemClock;
    use stanchion_admission::entropy::SystemEntropy;
    use stanchion_admission::store::memory::MemoryStore;
    use std::fs;

    fn sale() -> RoomName {
        RoomName::new("sale").unwrap()
    }

    fn keeper(dir: &std::path::Path) -> (Checkpoint, Arc<Keeper>) {
        let clock = Arc::new(SystemClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let agent = Agent::start(
            store,
            clock,
            Arc::new(SystemEntropy),
            vec![policy("sale")],
            true,
            vec![],
        );
        let checkpoint = Checkpoint::new(dir, "a", 1);
        (checkpoint.clone(), Keeper::new(checkpoint, agent, true))
    }

    fn capacity_of(remembered: &Remembered) -> Option<u64> {
        remembered.rooms[0].1.settings.capacity
    }

    fn change(version: u64) -> LiveSettings {
        LiveSettings {
            version,
            capacity: Some(5),
            ..LiveSettings::default()
        }
    }

    /// F15: a change is on the disk before it is made; one that cannot be written down leaves the old word there.
    #[tokio::test]
    async fn f15_a_change_is_written_before_it_is_made_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (checkpoint, keeper) = keeper(dir.path());
        assert!(keeper.clone().note(&sale(), change(1)).await && keeper.works());
        assert_eq!(capacity_of(&checkpoint.read()), Some(5), "before the store knows");
        keeper.clone().withdraw(&sale()).await;
        assert_eq!(capacity_of(&checkpoint.read()), None, "the store refused it");

        fs::remove_file(checkpoint.path()).unwrap();
        fs::create_dir(checkpoint.path()).unwrap();
        assert!(!keeper.clone().note(&sale(), change(1)).await && !keeper.works());
        fs::remove_dir(checkpoint.path()).unwrap();
        assert!(
            keeper.write(false).await && keeper.works(),
            "as soon as it can be written again"
        );
        assert_eq!(capacity_of(&checkpoint.read()), None, "the refused change is not kept");
    }

    /// H17: an edge that was relieved leaves the file to its successor.
    #[tokio::test]
    async fn h17_nothing_is_written_after_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (checkpoint, keeper) = keeper(dir.path());
        keeper.close().await;
        assert!(checkpoint.read().stopped_cleanly);
        fs::remove_file(checkpoint.path()).unwrap();
        keeper.write(false).await;
        assert!(!checkpoint.path().exists());
    }
}
