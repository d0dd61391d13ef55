//! Every request by its time: exact, and as large as the limit.

use std::collections::VecDeque;

use super::Finding;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SlidingLog {
    /// When, and how much; oldest first.
    taken: VecDeque<(u64, u32)>,
    used: u32,
    newest_us: u64,
}

impl SlidingLog {
    pub fn judge(&mut self, count: u32, window_us: u64, now_us: u64, cost: u32) -> Finding {
        let at = now_us.max(self.newest_us);
        self.newest_us = at;
        while let Some((_, freed)) = self.taken.front().copied().filter(|(when, _)| *when + window_us <= at) {
            self.used -= freed;
            self.taken.pop_front();
        }
        let found = Finding::counted(count, self.used, cost);
        let newest = if found.allowed && cost > 0 {
            Some(at)
        } else {
            self.taken.back().map(|(when, _)| *when)
        };
        Finding {
            reset_us: newest.map_or(0, |when| (when + window_us).saturating_sub(now_us)),
            retry_us: if found.allowed {
                None
            } else {
                self.retry(count, window_us, now_us, cost)
            },
            ..found
        }
    }

    pub fn take(&mut self, now_us: u64, cost: u32) {
        let at = now_us.max(self.newest_us);
        match self.taken.back_mut() {
            Some((when, taken)) if *when == at => *taken += cost,
            _ => self.taken.push_back((at, cost)),
        }
        self.used += cost;
    }

    pub fn give_back(&mut self, cost: u32) {
        let mut left = cost.min(self.used);
        self.used -= left;
        while let Some((_, taken)) = self.taken.back_mut().filter(|_| left > 0) {
            let part = left.min(*taken);
            *taken -= part;
            left -= part;
            if *taken == 0 {
                self.taken.pop_back();
            }
        }
    }

    pub fn is_fresh(&self, window_us: u64, now_us: u64) -> bool {
        self.taken.back().is_none_or(|(when, _)| when + window_us <= now_us)
    }

    fn retry(&self, count: u32, window_us: u64, now_us: u64, cost: u32) -> Option<u64> {
        let mut over = self.used.saturating_add(cost).saturating_sub(count);
        if cost > count {
            return None;
        }
        for (when, freed) in &self.taken {
            over = over.saturating_sub(*freed);
            if over == 0 {
                return Some((when + window_us).saturating_sub(now_us));
            }
        }
        None
    }
}
