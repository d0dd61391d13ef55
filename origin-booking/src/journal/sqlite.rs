//! The journal on SQLite, for processes of one machine. Who writes holds the lock on a file beside the database, which the
//! system frees when a process dies, however it dies; and gives a sign of life in the database, for a process that is
//! frozen keeps its locks. Whoever has seen no sign for [`LEASE`] by its own clock takes over; the epoch, checked in
//! every commit, keeps out the one that was replaced. What this cannot help: a process that is frozen inside a commit
//! keeps SQLite's own lock, and nobody writes until it goes on or is ended.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::{Database, Epoch, Journal, JournalError, Kept, MAX_READ, Seq, kept, text_of};
use crate::shop::Sale;
use crate::shop::fact::Fact;

const BUSY_WAIT: Duration = Duration::from_secs(2);
/// After this, a writer that gives no sign of life may be replaced.
const LEASE: Duration = Duration::from_secs(3);
/// The most silence that one look can add: whoever was asleep itself has not listened.
const MAX_LISTENED: Duration = Duration::from_millis(600);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS booking_journal (seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, fact TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS booking_snapshot (seq INTEGER PRIMARY KEY, sale TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS booking_writer (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
    INSERT OR IGNORE INTO booking_writer (one, epoch) VALUES (1, 0);
";
/// `beat` counts signs of life; `locked` says whether the writer of this epoch holds the lock beside the database.
const PULSE: &str = "
    ALTER TABLE booking_writer ADD COLUMN beat INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE booking_writer ADD COLUMN locked INTEGER NOT NULL DEFAULT 1;
";

pub(crate) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    lock_path: PathBuf,
    /// Held while this is the writer, but for a while after it took over from one that is frozen.
    lock: Option<File>,
    /// Of this process; 0 where it does not write.
    epoch: Epoch,
    heard: Option<Heard>,
    #[cfg(test)]
    pub(crate) probe: super::tests::Probe,
}

/// What changes while a writer lives.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pulse {
    epoch: Epoch,
    beat: i64,
    locked: bool,
    seq: Seq,
}

/// The last sign of life, and for how long there was none since.
struct Heard {
    pulse: Pulse,
    looked_at: Instant,
    silence: Duration,
}

impl Sqlite {
    /// Opens or makes the database.
    pub(crate) fn open(path: &Path) -> Result<Sqlite, JournalError> {
        let connection = Connection::open(path).map_err(problem)?;
        connection.busy_timeout(BUSY_WAIT).map_err(problem)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(problem)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(problem)?;
        if connection.table_exists(None, "journal").map_err(problem)? {
            let text = "it was made by an earlier version; export what you need and start with a new file";
            return Err(JournalError::Foreign(text.to_owned()));
        }
        prepare(&connection).map_err(problem)?;
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".writer");
        Ok(Sqlite {
            connection,
            path: path.to_owned(),
            lock_path: lock_path.into(),
            lock: None,
            epoch: 0,
            heard: None,
            #[cfg(test)]
            probe: super::tests::no_probe(),
        })
    }

    fn take_lock(&mut self) -> Result<bool, JournalError> {
        if self.lock.is_some() {
            return Ok(true);
        }
        let away = |error: std::io::Error| JournalError::Away(error.to_string());
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock_path)
            .map_err(away)?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(away(error)),
        }
    }
}

/// Questions of who writes.
impl Sqlite {
    fn pulse(&self) -> Result<Pulse, JournalError> {
        let query =
            "SELECT epoch, beat, locked, (SELECT coalesce(max(seq), 0) FROM booking_journal) FROM booking_writer";
        let mut statement = self.connection.prepare_cached(query).map_err(problem)?;
        let pulse = statement.query_row([], |row| {
            Ok(Pulse {
                epoch: row.get(0)?,
                beat: row.get(1)?,
                locked: row.get(2)?,
                seq: row.get(3)?,
            })
        });
        pulse.map_err(problem)
    }

    /// For how long there was no sign of life, as far as this process has listened.
    fn silence(&mut self, pulse: Pulse) -> Duration {
        let now = Instant::now();
        let silence = match &self.heard {
            Some(heard) if heard.pulse == pulse => heard.silence + (now - heard.looked_at).min(MAX_LISTENED),
            _ => Duration::ZERO,
        };
        self.heard = Some(Heard {
            pulse,
            looked_at: now,
            silence,
        });
        silence
    }

    /// Another one writes: it may have the lock, too.
    fn replaced(&mut self) -> JournalError {
        (self.lock, self.epoch) = (None, 0);
        JournalError::Fenced
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SCHEMA)?;
    if connection.column_exists(None, "booking_writer", "beat")? {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Of two that start at once the second finds the columns there by now.
    let made = match connection.column_exists(None, "booking_writer", "beat")? {
        true => Ok(()),
        false => connection.execute_batch(PULSE),
    };
    connection.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    made
}

impl Journal for Sqlite {
    fn snapshot(&mut self) -> Result<Option<(Seq, Sale)>, JournalError> {
        let query = "SELECT seq, sale FROM booking_snapshot ORDER BY seq DESC";
        let mut statement = self.connection.prepare(query).map_err(problem)?;
        let mut rows = statement.query([]).map_err(problem)?;
        while let Some(row) = rows.next().map_err(problem)? {
            let (seq, text): (Seq, String) = (row.get(0).map_err(problem)?, row.get(1).map_err(problem)?);
            match serde_json::from_str(&text) {
                Ok(sale) => return Ok(Some((seq, sale))),
                Err(error) => tracing::error!(seq, %error, "a snapshot cannot be read; trying the one before"),
            }
        }
        Ok(None)
    }

    fn read(&mut self, after: Seq) -> Result<Vec<Kept>, JournalError> {
        let query = "SELECT seq, epoch, fact FROM booking_journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(problem)?;
        let mut rows = statement.query([after, MAX_READ]).map_err(problem)?;
        let mut facts = Vec::new();
        while let Some(row) = rows.next().map_err(problem)? {
            let text: String = row.get(2).map_err(problem)?;
            facts.push(kept(row.get(0).map_err(problem)?, row.get(1).map_err(problem)?, &text)?);
        }
        Ok(facts)
    }

    fn lead(&mut self) -> Result<Option<Epoch>, JournalError> {
        let locked = self.take_lock()?;
        let pulse = self.pulse()?;
        let mine = self.epoch > 0 && self.epoch == pulse.epoch;
        // Without the lock, or before its holder has it, there is only silence to go by.
        let free = locked && pulse.locked;
        let lapsed = self.silence(pulse) >= LEASE;
        if !(mine || free || lapsed) {
            self.lock = None;
            return Ok(None);
        }
        let take = "UPDATE booking_writer SET epoch = epoch + 1, beat = 0, locked = ?1
                    WHERE epoch = ?2 AND beat = ?3 RETURNING epoch";
        let taken = self
            .connection
            .query_row(take, params![locked, pulse.epoch, pulse.beat], |row| row.get(0))
            .optional()
            .map_err(problem)?;
        match taken {
            Some(epoch) => self.epoch = epoch,
            None => self.lock = None,
        }
        Ok(taken)
    }

    /// A sign of life. Takes the lock, where it is free by now.
    fn renew(&mut self, epoch: Epoch) -> Result<(), JournalError> {
        let locked = self.take_lock()?;
        let beat = "UPDATE booking_writer SET beat = beat + 1, locked = ?1 WHERE epoch = ?2";
        match self.connection.execute(beat, params![locked, epoch]).map_err(problem)? {
            0 => Err(self.replaced()),
            _ => Ok(()),
        }
    }

    fn resign(&mut self, epoch: Epoch) {
        let free = "UPDATE booking_writer SET beat = beat + 1, locked = 1 WHERE epoch = ?1";
        if let Err(error) = self.connection.execute(free, [epoch]) {
            tracing::warn!(%error, "the lease could not be given back; it runs out by itself");
        }
        (self.lock, self.epoch) = (None, 0);
    }

    fn commit(&mut self, epoch: Epoch, first: Seq, facts: &[Fact]) -> Result<(), JournalError> {
        #[cfg(test)]
        (self.probe)(super::tests::Step::Begin)?;
        let batch = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(problem)?;
        let query = "SELECT epoch FROM booking_writer";
        let latest: Epoch = batch.query_row(query, [], |row| row.get(0)).map_err(problem)?;
        if latest != epoch {
            drop(batch);
            return Err(self.replaced());
        }
        {
            let insert = "INSERT INTO booking_journal (seq, epoch, fact) VALUES (?1, ?2, ?3)";
            let mut insert = batch.prepare_cached(insert).map_err(problem)?;
            for (seq, fact) in (first..).zip(facts) {
                insert.execute(params![seq, epoch, text_of(fact)?]).map_err(problem)?;
            }
        }
        #[cfg(test)]
        (self.probe)(super::tests::Step::Inserted)?;
        // A flush that fails does not say what is on the disk.
        batch
            .commit()
            .map_err(|error| JournalError::Unknown(error.to_string()))?;
        #[cfg(test)]
        (self.probe)(super::tests::Step::Committed)?;
        Ok(())
    }

    fn database(&self) -> Database {
        Database::Sqlite(self.path.clone())
    }

    fn keep_snapshot(&mut self, seq: Seq, sale: &Sale) -> Result<(), JournalError> {
        let text = text_of(sale)?;
        let insert = "INSERT OR REPLACE INTO booking_snapshot (seq, sale) VALUES (?1, ?2)";
        self.connection.execute(insert, params![seq, text]).map_err(problem)?;
        let tidy = "DELETE FROM booking_snapshot WHERE seq NOT IN (SELECT seq FROM booking_snapshot ORDER BY seq DESC LIMIT 2)";
        self.connection.execute(tidy, []).map_err(problem)?;
        Ok(())
    }
}

fn problem(error: rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Foreign(error.to_string()),
        _ => JournalError::Away(error.to_string()),
    }
}
