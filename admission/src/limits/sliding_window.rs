//! A window that slides in steps of an eighth of itself. Nine parts are kept, so that whatever lies within one window
//! of now is counted in full: the limit holds in every window, at the price of counting the oldest part too long.

use super::Finding;

const PARTS_PER_WINDOW: u64 = 8;
const PARTS: usize = 9;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SlidingWindow {
    /// Number of the newest part since time began; its count is at `newest % PARTS`.
    newest: u64,
    counts: [u32; PARTS],
}

fn width(window_us: u64) -> u64 {
    window_us.div_ceil(PARTS_PER_WINDOW).max(1)
}

impl SlidingWindow {
    pub fn judge(&mut self, count: u32, window_us: u64, now_us: u64, cost: u32) -> Finding {
        self.advance(window_us, now_us);
        let found = Finding::counted(count, self.used(), cost);
        Finding {
            reset_us: self.reset(window_us, now_us, found.allowed && cost > 0),
            retry_us: if found.allowed {
                None
            } else {
                self.retry(count, window_us, now_us, cost)
            },
            ..found
        }
    }

    pub fn take(&mut self, cost: u32) {
        let newest = &mut self.counts[(self.newest % PARTS as u64) as usize];
        *newest = newest.saturating_add(cost);
    }

    pub fn give_back(&mut self, cost: u32) {
        let mut left = cost;
        for part in (self.newest.saturating_sub(PARTS as u64 - 1)..=self.newest).rev() {
            let count = &mut self.counts[(part % PARTS as u64) as usize];
            let taken = left.min(*count);
            *count -= taken;
            left -= taken;
        }
    }

    pub fn is_fresh(&self, window_us: u64, now_us: u64) -> bool {
        let part = now_us / width(window_us);
        self.last_taken().is_none_or(|last| part >= last + PARTS as u64)
    }

    pub fn used(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub fn advance(&mut self, window_us: u64, now_us: u64) {
        let part = now_us / width(window_us);
        if part >= self.newest.saturating_add(PARTS as u64) {
            self.counts = [0; PARTS];
            self.newest = part;
        }
        while self.newest < part {
            self.newest += 1;
            self.counts[(self.newest % PARTS as u64) as usize] = 0;
        }
    }

    /// From now until the part of that number counts no more.
    fn until_gone(part: u64, window_us: u64, now_us: u64) -> u64 {
        (part + PARTS as u64)
            .saturating_mul(width(window_us))
            .saturating_sub(now_us)
    }

    fn parts(&self) -> impl DoubleEndedIterator<Item = (u64, u32)> + '_ {
        let oldest = self.newest.saturating_sub(PARTS as u64 - 1);
        (oldest..=self.newest).map(|part| (part, self.counts[(part % PARTS as u64) as usize]))
    }

    fn last_taken(&self) -> Option<u64> {
        self.parts().rev().find(|(_, count)| *count > 0).map(|(part, _)| part)
    }

    fn reset(&self, window_us: u64, now_us: u64, taking: bool) -> u64 {
        let last = if taking { Some(self.newest) } else { self.last_taken() };
        last.map_or(0, |part| Self::until_gone(part, window_us, now_us))
    }

    fn retry(&self, count: u32, window_us: u64, now_us: u64, cost: u32) -> Option<u64> {
        let mut over = self.used().saturating_add(cost).saturating_sub(count);
        if cost > count {
            return None;
        }
        for (part, freed) in self.parts() {
            over = over.saturating_sub(freed);
            if over == 0 {
                return Some(Self::until_gone(part, window_us, now_us));
            }
        }
        None
    }
}
