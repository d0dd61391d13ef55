//! Where facts are kept, in order. A journal appends a batch durably or not at all, only for the one writer whose epoch
//! is the latest, and gives everything back. Refuses to know what facts mean.

mod postgres;
mod sqlite;

use std::path::PathBuf;

use crate::shop::Sale;
use crate::shop::fact::Fact;

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

/// Most facts read in one go.
pub(crate) const MAX_READ: i64 = 4_096;

/// A database by its address.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// `sqlite:PATH`; made where it is missing. For one machine.
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST/NAME`; tables are made where they are missing.
    Postgres(String),
}

/// Without the password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Database::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl std::str::FromStr for Database {
    type Err = String;

    fn from_str(address: &str) -> Result<Database, String> {
        match address.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Database::Sqlite(path.trim_start_matches("//").into())),
            Some(("postgres" | "postgresql", _)) => match postgres::is_address(address) {
                true => Ok(Database::Postgres(address.to_owned())),
                // Not repeated here: it may hold a password.
                false => Err("this is no address of a PostgreSQL database; use postgres://USER@HOST/NAME".to_owned()),
            },
            _ => Err("this is no database address; use sqlite:PATH or postgres://USER@HOST/NAME".to_owned()),
        }
    }
}

impl Database {
    /// Blocks.
    pub(crate) fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(match self {
            Database::Sqlite(path) => Box::new(Sqlite::open(path)?),
            Database::Postgres(address) => Box::new(Postgres::open(address)?),
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing of the batch was kept; it may be tried again.
    #[error("the database is busy or away: {0}")]
    Away(String),
    /// Nobody can say whether the batch was kept: it must be read back.
    #[error("the database did not say whether it kept the batch: {0}")]
    Unknown(String),
    /// Another writer has taken over. Nothing of the batch was kept.
    #[error("another writer has taken over")]
    Fenced,
    /// The database holds what this version cannot read.
    #[error("the database holds something else: {0}")]
    Foreign(String),
}

/// Counts writers: each that takes over has a higher one.
pub(crate) type Epoch = i64;
/// Counts facts from 1.
pub(crate) type Seq = i64;

/// A fact as it lies in the journal.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Kept {
    pub(crate) seq: Seq,
    /// Of the writer that kept it.
    pub(crate) epoch: Epoch,
    pub(crate) fact: Fact,
}

/// Everything blocks, and ends within seconds.
pub(crate) trait Journal: Send {
    /// The newest snapshot that can be read, with the last fact that is in it.
    fn snapshot(&mut self) -> Result<Option<(Seq, Sale)>, JournalError>;

    /// The facts after this one, in order; at most [`MAX_READ`].
    fn read(&mut self, after: Seq) -> Result<Vec<Kept>, JournalError>;

    /// Tries to become the writer. `None`: another one is. Afterwards no commit of an earlier epoch can succeed.
    fn lead(&mut self) -> Result<Option<Epoch>, JournalError>;

    /// Says that this writer is still there.
    fn renew(&mut self, epoch: Epoch) -> Result<(), JournalError>;

    /// Lets another one take over at once.
    fn resign(&mut self, epoch: Epoch);

    /// Keeps these facts, the first of them as number `first`.
    fn commit(&mut self, epoch: Epoch, first: Seq, facts: &[Fact]) -> Result<(), JournalError>;

    /// Where this is: another connection to the same.
    fn database(&self) -> Database;

    /// So that a start need not read everything. The last two are kept. Takes long where there is much.
    fn keep_snapshot(&mut self, seq: Seq, sale: &Sale) -> Result<(), JournalError>;
}

fn text_of<T: serde::Serialize>(value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(foreign)
}

fn kept(seq: Seq, epoch: Epoch, text: &str) -> Result<Kept, JournalError> {
    let fact = serde_json::from_str(text).map_err(foreign)?;
    Ok(Kept { seq, epoch, fact })
}

fn foreign(error: serde_json::Error) -> JournalError {
    JournalError::Foreign(error.to_string())
}

#[cfg(test)]
pub(crate) mod tests;
