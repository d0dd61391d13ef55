//! The order processor with its journal and without HTTP: for whoever measures it, or builds another door to it. Knows no
//! passes: whoever calls decides who may.

use std::thread::JoinHandle;

use crate::clock::Clock;
use crate::journal::Database;
use crate::shop::command::{Ask, Command};
use crate::shop::{Applied, Sale};
use crate::writer::Writer;
pub use crate::writer::{MAX_BATCH, MAX_WAITING, NotDecided};

/// A writer on a database, or a standby where another process is the writer.
pub struct Engine {
    writer: Writer,
    thread: JoinHandle<()>,
}

impl Engine {
    /// Reads the journal and tries to become the writer; blocks meanwhile. `opening` is put on offer whenever this
    /// becomes the writer.
    ///
    /// # Errors
    /// Where the database cannot be opened or read.
    pub fn start(database: &Database, clock: Clock, opening: Vec<Ask>) -> anyhow::Result<Engine> {
        let (writer, thread) = Writer::start(database.open()?, clock, opening)?;
        Ok(Engine { writer, thread })
    }

    /// Decides a command. The answer comes after it is durable.
    ///
    /// # Errors
    /// Where nothing was decided, or nobody knows.
    pub async fn submit(&self, command: Command) -> Result<Applied, NotDecided> {
        self.writer.submit(command).await
    }

    /// Looks at the sale as it is on the disk. The writer waits meanwhile: be brief.
    pub fn look<T>(&self, look: impl FnOnce(&Sale) -> T) -> T {
        self.writer.look(look)
    }

    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.writer.is_leading()
    }

    /// Finishes what is queued and gives the lease back.
    pub fn stop(self) {
        drop(self.writer);
        let _ = self.thread.join();
    }
}
