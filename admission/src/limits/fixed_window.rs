//! One count, back to nothing at every multiple of the window.

use super::Finding;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FixedWindow {
    /// Number of the window since time began.
    window: u64,
    used: u32,
}

impl FixedWindow {
    pub fn judge(&mut self, count: u32, window_us: u64, now_us: u64, cost: u32) -> Finding {
        let window = now_us / window_us.max(1);
        if window > self.window {
            *self = FixedWindow { window, used: 0 };
        }
        let until_next = (self.window + 1).saturating_mul(window_us).saturating_sub(now_us);
        let found = Finding::counted(count, self.used, cost);
        let nothing = self.used == 0 && !(found.allowed && cost > 0);
        Finding {
            reset_us: if nothing { 0 } else { until_next },
            retry_us: (!found.allowed && cost <= count).then_some(until_next),
            ..found
        }
    }

    pub fn take(&mut self, cost: u32) {
        self.used = self.used.saturating_add(cost);
    }

    pub fn give_back(&mut self, cost: u32) {
        self.used = self.used.saturating_sub(cost);
    }

    pub fn is_fresh(self, window_us: u64, now_us: u64) -> bool {
        self.used == 0 || now_us / window_us.max(1) > self.window
    }
}
