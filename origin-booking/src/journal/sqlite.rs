//! The journal on SQLite: one table of facts, one snapshot to start from.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::{Journal, JournalError};
use crate::sale::{Fact, Sale};

/// Facts between two snapshots: bounds how long a start takes.
const SNAPSHOT_EVERY: i64 = 4_096;
const BUSY_WAIT: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, fact TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS snapshot (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, sale TEXT NOT NULL) STRICT;
";

pub(crate) struct Sqlite {
    connection: Connection,
    /// Of the last fact that is known to be kept.
    seq: i64,
    snapshot_seq: i64,
}

impl Sqlite {
    /// Opens or makes the database. One process at a time: the file stays locked until it ends.
    pub(crate) fn open(path: &Path) -> Result<Sqlite, JournalError> {
        let connection = Connection::open(path).map_err(problem)?;
        connection.busy_timeout(BUSY_WAIT).map_err(problem)?;
        connection
            .pragma_update(None, "locking_mode", "EXCLUSIVE")
            .map_err(problem)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(problem)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(problem)?;
        connection.execute_batch(SCHEMA).map_err(problem)?;
        Ok(Sqlite {
            connection,
            seq: 0,
            snapshot_seq: 0,
        })
    }
}

impl Journal for Sqlite {
    fn load(&mut self) -> Result<Sale, JournalError> {
        let snapshot: Option<(i64, String)> = self
            .connection
            .query_row("SELECT seq, sale FROM snapshot", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(problem)?;
        let (mut seq, mut sale) = match snapshot {
            None => (0, Sale::default()),
            Some((seq, text)) => (seq, serde_json::from_str(&text).map_err(foreign)?),
        };
        self.snapshot_seq = seq;
        let mut rows = self
            .connection
            .prepare("SELECT seq, fact FROM journal WHERE seq > ?1 ORDER BY seq")
            .map_err(problem)?;
        let mut rows = rows.query([seq]).map_err(problem)?;
        while let Some(row) = rows.next().map_err(problem)? {
            let (at, text): (i64, String) = (row.get(0).map_err(problem)?, row.get(1).map_err(problem)?);
            if at != seq + 1 {
                return Err(JournalError::Foreign(format!("fact {} is missing", seq + 1)));
            }
            sale.absorb(&serde_json::from_str::<Fact>(&text).map_err(foreign)?);
            seq = at;
        }
        self.seq = seq;
        Ok(sale)
    }

    fn commit(&mut self, facts: &[Fact], sale: &Sale) -> Result<(), JournalError> {
        let mut seq = self.seq;
        let batch = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(problem)?;
        {
            let mut insert = batch
                .prepare_cached("INSERT INTO journal (seq, fact) VALUES (?1, ?2)")
                .map_err(problem)?;
            for fact in facts {
                seq += 1;
                let text = serde_json::to_string(fact).map_err(foreign)?;
                insert.execute(params![seq, text]).map_err(problem)?;
            }
        }
        let snapshot = seq - self.snapshot_seq >= SNAPSHOT_EVERY;
        if snapshot {
            let text = serde_json::to_string(sale).map_err(foreign)?;
            batch
                .execute(
                    "INSERT OR REPLACE INTO snapshot (one, seq, sale) VALUES (1, ?1, ?2)",
                    params![seq, text],
                )
                .map_err(problem)?;
        }
        batch.commit().map_err(problem)?;
        self.seq = seq;
        if snapshot {
            self.snapshot_seq = seq;
        }
        Ok(())
    }
}

fn problem(error: rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Foreign(error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            JournalError::Away("another process uses it".to_owned())
        }
        _ => JournalError::Away(error.to_string()),
    }
}

fn foreign(error: serde_json::Error) -> JournalError {
    JournalError::Foreign(error.to_string())
}

#[cfg(test)]
mod tests;
