//! A database in MaxMind's format, loaded once and then only read. What it says of an address is cut to a bounded
//! shape before it leaves here: two capital letters, a short code, a number.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, WithinOptions};
use serde::Deserialize;

use crate::prefix::fold;

/// Largest database.
pub const MAX_DATABASE_BYTES: u64 = 1 << 30;
/// Records looked at to see whether a database holds what is wanted.
const SAMPLE: usize = 1_000;
const MAX_REGION_CHARS: usize = 3;
const MAX_NAME_CHARS: usize = 80;

/// What a database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Countries,
    /// Autonomous systems.
    Networks,
}

/// Why a database is not used.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("it has more than {MAX_DATABASE_BYTES} bytes")]
    TooLarge,
    #[error("it is not a database in MaxMind's format, or was cut off: {0}")]
    Broken(String),
    #[error("it holds no {0}: its type is \"{1}\"")]
    Other(&'static str, String),
}

/// A loaded database.
pub struct Database {
    reader: Reader<Vec<u8>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.kind())
    }
}

/// The parts of a record that we look at, in the layouts of MaxMind, DB-IP and ip-location-db.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record {
    country: Option<Coded>,
    registered_country: Option<Coded>,
    country_code: Option<String>,
    subdivisions: Option<Vec<Coded>>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Coded {
    iso_code: Option<String>,
}

/// What one database says of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub country: Option<[u8; 2]>,
    pub region: Option<String>,
    pub network: Option<u32>,
    pub network_name: Option<String>,
}

impl Database {
    /// Checks the bytes of a database and a sample of its records.
    ///
    /// # Errors
    /// Where they are broken, or hold something else than wanted.
    pub fn from_bytes(bytes: Vec<u8>, wanted: Wanted) -> Result<Database, BadDatabase> {
        if bytes.len() as u64 > MAX_DATABASE_BYTES {
            return Err(BadDatabase::TooLarge);
        }
        let reader = Reader::from_source(bytes).map_err(|error| BadDatabase::Broken(short(&error.to_string())))?;
        let database = Database { reader };
        database.holds(wanted)?;
        Ok(database)
    }

    /// Reads a file, at most [`MAX_DATABASE_BYTES`] of it.
    ///
    /// # Errors
    /// As [`Database::from_bytes`], or where it cannot be read.
    pub fn from_file(path: &Path, wanted: Wanted) -> Result<Database, BadDatabase> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(BadDatabase::Unreadable(std::io::Error::other("it is not a file")));
        }
        if about.len() > MAX_DATABASE_BYTES {
            return Err(BadDatabase::TooLarge);
        }
        // The file may grow while it is read.
        let mut bytes = Vec::new();
        file.take(MAX_DATABASE_BYTES + 1).read_to_end(&mut bytes)?;
        Database::from_bytes(bytes, wanted)
    }

    /// The type that the database gives itself.
    #[must_use]
    pub fn kind(&self) -> String {
        short(&self.reader.metadata().database_type)
    }

    /// Seconds since the Unix epoch at which it was built, as it says.
    #[must_use]
    pub fn built_at(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// Looks at the first records: at least one has what is wanted, and none is broken.
    fn holds(&self, wanted: Wanted) -> Result<(), BadDatabase> {
        let broken = |error: maxminddb::MaxMindDbError| BadDatabase::Broken(short(&error.to_string()));
        let mut found = false;
        for result in self
            .reader
            .networks(WithinOptions::default())
            .map_err(broken)?
            .take(SAMPLE)
        {
            let record: Option<Record> = result.and_then(|found| found.decode()).map_err(broken)?;
            let said = record.map(Said::from).unwrap_or_default();
            found |= match wanted {
                Wanted::Countries => said.country.is_some(),
                Wanted::Networks => said.network.is_some(),
            };
        }
        let name = if wanted == Wanted::Countries {
            "countries"
        } else {
            "networks"
        };
        if found {
            Ok(())
        } else {
            Err(BadDatabase::Other(name, self.kind()))
        }
    }

    /// What it says of an address; nothing where it says nothing, or where that part of it is broken.
    pub(crate) fn look_up(&self, address: IpAddr) -> Said {
        let record: Option<Record> = self
            .reader
            .lookup(fold(address))
            .and_then(|found| found.decode())
            .ok()
            .flatten();
        record.map(Said::from).unwrap_or_default()
    }
}

impl From<Record> for Said {
    fn from(record: Record) -> Said {
        let code = |coded: Option<Coded>| coded.and_then(|coded| coded.iso_code);
        let country = code(record.country)
            .or(record.country_code)
            .or_else(|| code(record.registered_country));
        let region = record
            .subdivisions
            .unwrap_or_default()
            .into_iter()
            .next()
            .and_then(|first| first.iso_code);
        Said {
            country: country.and_then(|code| country_code(&code)),
            region: region.filter(|code| is_region(code)),
            network: record.autonomous_system_number.filter(|number| *number > 0),
            network_name: record
                .autonomous_system_organization
                .map(|name| short(&name))
                .filter(|name| !name.is_empty()),
        }
    }
}

/// Two letters, in capitals.
fn country_code(code: &str) -> Option<[u8; 2]> {
    let upper = <[u8; 2]>::try_from(code.as_bytes())
        .ok()?
        .map(|byte| byte.to_ascii_uppercase());
    upper.iter().all(u8::is_ascii_uppercase).then_some(upper)
}

/// The second half of an ISO 3166-2 code: one to three letters and digits.
fn is_region(code: &str) -> bool {
    (1..=MAX_REGION_CHARS).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}
