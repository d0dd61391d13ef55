//! Where facts are kept. A journal appends a batch durably or not at all, and gives a sale back as it was.

mod sqlite;

use std::path::PathBuf;

use crate::sale::{Fact, Sale};

pub(crate) use sqlite::Sqlite;

/// A database by its address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Database {
    /// `sqlite:PATH`; made where it is missing.
    Sqlite(PathBuf),
}

impl std::str::FromStr for Database {
    type Err = String;

    fn from_str(address: &str) -> Result<Database, String> {
        match address.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Database::Sqlite(path.trim_start_matches("//").into())),
            Some(("postgres" | "postgresql", _)) => {
                Err("PostgreSQL is not supported by this version; use sqlite:PATH".to_owned())
            }
            _ => Err(format!("`{address}` is no database address; use sqlite:PATH")),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing of the batch was kept; it may be tried again.
    #[error("the database is busy or away: {0}")]
    Away(String),
    /// The database holds what this version cannot read.
    #[error("the database holds something else: {0}")]
    Foreign(String),
}

pub(crate) trait Journal: Send {
    /// The sale as all kept facts make it.
    fn load(&mut self) -> Result<Sale, JournalError>;
    /// Keeps these facts, all or none, and returns only when they would survive a power cut. `sale` is what they
    /// lead to: a journal may keep a snapshot of it now and then.
    fn commit(&mut self, facts: &[Fact], sale: &Sale) -> Result<(), JournalError>;
}
