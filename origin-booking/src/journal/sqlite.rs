//! The journal on SQLite, for processes of one machine. Who writes is whoever holds the lock on a file beside the
//! database: the system frees it when a process dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::{Epoch, Journal, JournalError, Kept, MAX_READ, Seq, kept, text_of};
use crate::shop::Sale;
use crate::shop::fact::Fact;

const BUSY_WAIT: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS booking_journal (seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, fact TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS booking_snapshot (seq INTEGER PRIMARY KEY, sale TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS booking_writer (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
    INSERT OR IGNORE INTO booking_writer VALUES (1, 0);
";

pub(crate) struct Sqlite {
    connection: Connection,
    lock_path: PathBuf,
    /// Held while this is the writer.
    lock: Option<File>,
    #[cfg(test)]
    pub(crate) probe: super::tests::Probe,
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
        connection.execute_batch(SCHEMA).map_err(problem)?;
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".writer");
        Ok(Sqlite {
            connection,
            lock_path: lock_path.into(),
            lock: None,
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
        if !self.take_lock()? {
            return Ok(None);
        }
        let query = "UPDATE booking_writer SET epoch = epoch + 1 RETURNING epoch";
        let epoch = self
            .connection
            .query_row(query, [], |row| row.get(0))
            .map_err(problem)?;
        Ok(Some(epoch))
    }

    /// The lock says it.
    fn renew(&mut self, _: Epoch) -> Result<(), JournalError> {
        Ok(())
    }

    fn resign(&mut self, _: Epoch) {
        self.lock = None;
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
            return Err(JournalError::Fenced);
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
