//! When a change of a server's health is worth a line in the log: once per change, and no flood of lines from a server
//! that comes and goes. Pure: time is an argument, measured from any fixed moment.

use std::time::Duration;

/// A server is said to fail at most once in this time, and to work again once after that.
const QUIET: Duration = Duration::from_secs(10);

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    pub failing: bool,
    /// Changes since the last line, this one included.
    pub changes: u32,
}

/// What is known and what was said of one server. It is taken to work until it does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notices {
    failing: bool,
    said: bool,
    said_failing_at: Option<Duration>,
    changes: u32,
}

impl Notices {
    /// To be told at every report. A failure within the quiet time is said by the first report after it, if it still holds.
    pub fn see(&mut self, failing: bool, now: Duration) -> Option<Notice> {
        if failing != self.failing {
            self.failing = failing;
            self.changes = self.changes.saturating_add(1);
        }
        let quiet = failing && self.said_failing_at.is_some_and(|at| now < at + QUIET);
        if failing == self.said || quiet {
            return None;
        }
        self.said = failing;
        if failing {
            self.said_failing_at = Some(now);
        }
        let changes = std::mem::take(&mut self.changes);
        Some(Notice { failing, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lines(reports: &[(u64, bool)]) -> Vec<(u64, bool, u32)> {
        let mut notices = Notices::default();
        let see = |&(at, failing): &(u64, bool)| notices.see(failing, s(at)).map(|n| (at, n.failing, n.changes));
        reports.iter().filter_map(see).collect()
    }

    /// H15: one line for each change, however many requests meet it; none for a server that always worked.
    #[test]
    fn h15_a_change_is_said_once() {
        assert_eq!(lines(&[(0, false), (1, false), (100, false)]), []);
        let reports = [
            (0, true),
            (0, true),
            (5, true),
            (20, true),
            (60, false),
            (61, false),
            (90, true),
        ];
        assert_eq!(lines(&reports), [(0, true, 1), (60, false, 1), (90, true, 1)]);
    }

    /// H15: a server that comes and goes has two lines in ten seconds, which say how often; and the last word is true.
    #[test]
    fn h15_a_server_that_comes_and_goes_is_not_a_flood() {
        let flapping: Vec<(u64, bool)> = (0..60).map(|second| (second, second % 2 == 0)).collect();
        let said = lines(&flapping);
        assert_eq!(said[..4], [(0, true, 1), (1, false, 1), (10, true, 9), (11, false, 1)]);
        assert_eq!(said.len(), 12, "{said:?}");
        assert_eq!(
            lines(&[(0, true), (2, false), (3, true), (9, true), (10, true), (11, true)]),
            [(0, true, 1), (2, false, 1), (10, true, 1)],
            "what was held back is said when the quiet is over"
        );
        assert_eq!(
            lines(&[(0, true), (2, false), (3, true), (9, false), (30, false)]),
            [(0, true, 1), (2, false, 1)],
            "what was said is still so"
        );
    }
}
