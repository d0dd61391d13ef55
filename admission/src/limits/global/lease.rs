//! What one edge knows of one key under a global rule: what it may still spend, what it spent and has not yet reported,
//! and what it let through itself lately. Pure.

use super::super::sliding_window::SlidingWindow;
use super::{Grant, HOLD_US, Retry, SYNC_EVERY_US};

/// 72 bytes: with its key and its place in a map, less than 100.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Lease {
    /// What this edge let through in the latest window, by whatever right.
    own: SlidingWindow,
    /// May be spent until `until_us`, unless `shut`.
    left: u32,
    /// Set aside for requests that others have yet to judge.
    aside: u32,
    spent: u32,
    /// Reported last, as far as it fits.
    recent: u16,
    until_us: u64,
    /// The store had nothing: refused until `until_us`.
    shut: bool,
    /// Waits to be reported.
    pub listed: bool,
}

/// What a lease says of a request, without asking anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    Fits,
    Refused { retry_us: u64 },
    Asks,
}

/// The parts of a report that come from the lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub spent: u32,
    pub keeps: u32,
    pub wants: u32,
}

impl Lease {
    pub fn look(&self, now_us: u64, cost: u32) -> Look {
        let lasts = now_us < self.until_us;
        match (self.shut, lasts) {
            (true, true) => Look::Refused {
                retry_us: self.until_us - now_us,
            },
            (false, true) if self.left >= cost => Look::Fits,
            _ => Look::Asks,
        }
    }

    pub fn left(&self) -> u32 {
        if self.shut { 0 } else { self.left }
    }

    /// Takes what fits, out of what is held.
    pub fn spend(&mut self, window_us: u64, now_us: u64, cost: u32) {
        self.left = self.left.saturating_sub(cost);
        self.let_through(window_us, now_us, cost);
    }

    /// Sets aside what fits, until [`Lease::settle`].
    pub fn set_aside(&mut self, cost: u32) {
        self.left = self.left.saturating_sub(cost);
        self.aside = self.aside.saturating_add(cost);
    }

    /// Spends what was set aside, or puts it back.
    pub fn settle(&mut self, window_us: u64, now_us: u64, cost: u32, goes: bool) {
        self.aside = self.aside.saturating_sub(cost);
        if goes {
            self.let_through(window_us, now_us, cost);
        } else {
            self.left = self.left.saturating_add(cost);
        }
    }

    /// Lets a request through by another right than what is held; the store hears of it all the same.
    pub fn let_through(&mut self, window_us: u64, now_us: u64, cost: u32) {
        self.spent = self.spent.saturating_add(cost);
        self.count(window_us, now_us, cost);
    }

    /// The store has counted it already.
    pub fn count(&mut self, window_us: u64, now_us: u64, cost: u32) {
        self.own.advance(window_us, now_us);
        self.own.take(cost);
    }

    /// What was let through just now was refused elsewhere.
    pub fn give_back(&mut self, cost: u32) {
        self.own.give_back(cost);
        self.spent = self.spent.saturating_sub(cost);
    }

    /// Whether the share of this edge has room, and if not, when it will.
    pub fn share(&mut self, share: u32, window_us: u64, now_us: u64, cost: u32) -> super::Finding {
        self.own.judge(share, window_us, now_us, cost)
    }

    /// What is to be said now and then. Hands back what is held beyond twice of what was spent since the last time.
    pub fn report(&mut self, window_us: u64, now_us: u64) -> Told {
        let spent = self.take_spent(window_us, now_us);
        let likely = spent.saturating_mul(2);
        let holds = if self.shut || now_us >= self.until_us {
            0
        } else {
            self.left
        };
        self.left = holds.min(likely);
        self.recent = u16::try_from(spent).unwrap_or(u16::MAX);
        Told {
            spent,
            keeps: self.left.saturating_add(self.aside),
            wants: likely - self.left,
        }
    }

    /// What is to be said by somebody who needs more at once: twice what went since the last time, and a little more.
    pub fn ask(&mut self, window_us: u64, now_us: u64) -> Told {
        if self.shut || now_us >= self.until_us {
            self.left = 0;
        }
        let spent = self.take_spent(window_us, now_us);
        Told {
            spent,
            keeps: self.left.saturating_add(self.aside),
            wants: spent.saturating_mul(2).saturating_add(u32::from(self.recent)),
        }
    }

    /// The store's answer to what was said at `sent_us`. A request `needed` so much more.
    pub fn granted(&mut self, grant: &Grant, needed: u32, sent_us: u64, now_us: u64) {
        if needed > 0 && grant.more < needed {
            self.shut = true;
            self.until_us = now_us.saturating_add(match grant.retry {
                Retry::Soon => SYNC_EVERY_US,
                Retry::After(us) => us,
                Retry::Never => HOLD_US,
            });
            return;
        }
        let refusing = self.shut && now_us < self.until_us;
        if needed == 0 && grant.more == 0 && (refusing || self.left == 0) {
            return;
        }
        // While it refuses it holds nothing: what the store adds now opens it again.
        self.left = if self.shut { 0 } else { self.left }.saturating_add(grant.more);
        self.shut = false;
        self.until_us = sent_us.saturating_add(HOLD_US);
    }

    /// The store did not answer: what was said is to be said again.
    pub fn unheard(&mut self, told: &Told) {
        self.spent = self.spent.saturating_add(told.spent);
    }

    /// Whether there is more to say later.
    pub fn has_more_to_say(&self) -> bool {
        self.spent > 0 || self.left > 0 || self.aside > 0
    }

    pub fn is_fresh(&self, window_us: u64, now_us: u64) -> bool {
        !self.listed && !self.has_more_to_say() && now_us >= self.until_us && self.own.is_fresh(window_us, now_us)
    }

    /// What went before the latest window is nobody's business any more.
    fn take_spent(&mut self, window_us: u64, now_us: u64) -> u32 {
        self.own.advance(window_us, now_us);
        std::mem::take(&mut self.spent).min(self.own.used())
    }
}
