//! Text to checked values: every problem of a configuration at once, each with its place, reason and remedy.
//!
//! Pure: reads no file, opens no socket, knows no clock. Whether a file is there is asked of [`Files`].

mod difference;
mod document;
mod files;
mod problem;
mod read;
mod schema;
mod sections;
mod source;
mod types;
mod units;

pub use difference::restart_needed;
pub use document::{MAX_BYTES, check, check_bytes, known_keys};
pub use files::{Files, Look, NotLooking};
pub use problem::{Problem, Severity};
pub use schema::schema;
pub use types::*;
