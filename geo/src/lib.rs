//! What an address says: its country, region and network from databases that the operator brings; the prefixes that
//! stand for one person or one household; lists of prefixes.
//!
//! Knows nothing of HTTP, rooms or configuration. Nothing a file or an address holds makes it panic: a broken database
//! is refused when it is loaded, and the one before it stays in use (THREATS F16).

mod database;
mod geo;
mod prefix;
mod set;

pub use database::{BadDatabase, Database, MAX_DATABASE_BYTES, Wanted};
pub use geo::{Geo, GeoFiles, ReloadProblem, Whereabouts};
pub use prefix::{Tier, fold, prefix};
pub use set::{BadLine, MAX_LIST_BYTES, MAX_PREFIXES, PrefixSet};
