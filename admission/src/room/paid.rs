//! Answers to challenges: each counts once.

use std::time::Duration;

use super::{Room, bounds};
use crate::challenge::Nonce;
use crate::ids::{Stamp, VisitorId};

impl Room {
    /// Whether this answer was not used before; it is used now.
    pub fn pay(&mut self, nonce: Nonce, now: Stamp) -> bool {
        let now = self.clocks(now).store;
        self.paid.pop_up_to(now, u64::MAX);
        let answer = VisitorId(nonce);
        if self.paid.contains(answer) {
            return false;
        }
        self.paid.put(answer, now.plus(Duration::from_micros(bounds::PAID_US)));
        self.paid.keep_last(bounds::MAX_PAID);
        true
    }
}
