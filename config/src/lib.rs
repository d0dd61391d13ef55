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
pub use units::{parse_rate, show_rate};

/// A span of time as a configuration writes it (`500ms`, `10s`, `5m`, `2h`, `1d`), for command lines.
///
/// # Errors
/// Why the text is none.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    units::duration(text).map_err(|problem| problem.why)
}
