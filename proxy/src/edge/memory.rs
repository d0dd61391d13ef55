//! How near the process is to the memory it may hold (H13). Near the limit it gives up first what can be had again
//! later, forwarding and kept connections, and the waiting page last. Reads two small files; the rest is pure.

use std::sync::atomic::{AtomicU8, Ordering};

const CGROUP_LIMIT: &str = "/sys/fs/cgroup/memory.max";
const USED_PAGES: &str = "/proc/self/statm";

/// What is left of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    None,
    /// From 90 %: nothing more is forwarded.
    High,
    /// From 95 %: besides, every answer is the last of its connection.
    Highest,
}

/// The pressure as last measured.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU8);

impl Gauge {
    pub fn now(&self) -> Pressure {
        match self.0.load(Ordering::Relaxed) {
            0 => Pressure::None,
            1 => Pressure::High,
            _ => Pressure::Highest,
        }
    }

    /// Measures; `configured` is the limit in bytes, in place of the control group's.
    pub fn measure(&self, configured: Option<u64>) {
        let limit = configured.or_else(|| limit_in(&std::fs::read_to_string(CGROUP_LIMIT).ok()?));
        let used = std::fs::read_to_string(USED_PAGES).ok().and_then(|text| used_in(&text));
        let next = match (used, limit) {
            (Some(used), Some(limit)) => pressure(used, limit),
            _ => Pressure::None,
        };
        let before = self.now();
        self.0.store(next as u8, Ordering::Relaxed);
        if next > before {
            tracing::warn!(?next, used, limit, "memory is nearly used up: less is served");
        }
    }
}

fn pressure(used: u64, limit: u64) -> Pressure {
    let percent = u128::from(used) * 100 / u128::from(limit.max(1));
    match percent {
        0..90 => Pressure::None,
        90..95 => Pressure::High,
        _ => Pressure::Highest,
    }
}

/// The control group's file: a number of bytes, or `max`.
fn limit_in(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The second number is the resident set, in pages.
fn used_in(text: &str) -> Option<u64> {
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h13_the_steps_are_at_90_and_95_percent() {
        for (used, expected) in [
            (0, Pressure::None),
            (899, Pressure::None),
            (900, Pressure::High),
            (949, Pressure::High),
            (950, Pressure::Highest),
            (u64::MAX, Pressure::Highest),
        ] {
            assert_eq!(pressure(used, 1_000), expected, "{used}");
        }
        assert_eq!(pressure(1, 0), Pressure::Highest);
    }

    #[test]
    fn h13_files_are_read_or_say_nothing() {
        let page = rustix::param::page_size() as u64;
        assert_eq!(used_in("100 7 3 0 0 0 0\n"), Some(7 * page));
        assert_eq!([used_in(""), used_in("100"), used_in("a b")], [None; 3]);
        assert_eq!([limit_in("max\n"), limit_in("")], [None; 2]);
        assert_eq!(limit_in("1048576\n"), Some(1 << 20));
    }

    #[test]
    fn h13_a_process_over_its_limit_knows_it() {
        let gauge = Gauge::default();
        gauge.measure(Some(1));
        assert_eq!(gauge.now(), Pressure::Highest);
        gauge.measure(Some(u64::MAX));
        assert_eq!(gauge.now(), Pressure::None);
    }
}
