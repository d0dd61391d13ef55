//! The one clock. Nothing else in this crate reads time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::ids::Stamp;

/// What an edge needs of time: a monotonic reading, and the wall clock to begin with.
pub trait Clock: Send + Sync + 'static {
    /// Since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
    /// The machine's wall clock. May jump.
    fn wall(&self) -> Stamp;
}

/// The machine's own clocks.
pub struct SystemClock {
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    #[allow(clippy::disallowed_methods)] // this is the one place
    fn wall(&self) -> Stamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Stamp::ZERO.plus(since)
    }
}
