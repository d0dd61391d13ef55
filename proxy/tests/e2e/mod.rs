//! Whole processes: `stanchion serve` as an operator starts it, an origin behind it, visitors in front. Blocking and
//! plain, so that a test reads from top to bottom. Everything is stopped by pid when it is dropped.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

pub mod edge;
pub mod http;
pub mod origin;
pub mod slots;
pub mod visitor;

use std::time::{Duration, Instant};

pub use edge::{Edge, Setup};
pub use http::Client;
pub use origin::Origin;
pub use visitor::{Met, Visitor};

/// Longer than anything that works takes, on a busy machine too; a test that waits this long fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer; panics with `what` when patience is over.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask)
}

/// As [`eventually`], for a promise with a time of its own.
pub fn within<T>(span: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + span;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {span:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
