//! One number for a bucket or a queue: the theoretical arrival time of GCRA (ITU-T I.371), the moment at which
//! everything taken so far will have leaked out. In nanoseconds, rounded against the client: the pace is never exceeded.

use super::Finding;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Paced {
    empty_ns: u64,
    latest_ns: u64,
}

const NS: u64 = 1_000;

/// What one unit takes to leak out.
fn each_ns(count: u32, window_us: u64) -> u64 {
    window_us.saturating_mul(NS).div_ceil(u64::from(count.max(1)))
}

fn us(ns: u64) -> u64 {
    ns.div_ceil(NS)
}

impl Paced {
    /// A bucket of `count`: as many at once, if it is full.
    pub fn bucket(&mut self, count: u32, window_us: u64, now_us: u64, cost: u32) -> Finding {
        let ((now, behind), each) = (self.pass(now_us), each_ns(count, window_us));
        let full = each.saturating_mul(u64::from(count));
        let used = self.empty_ns.saturating_sub(now);
        let wanted = used.saturating_add(each.saturating_mul(u64::from(cost)));
        let allowed = wanted <= full;
        let after = if allowed { wanted } else { used };
        Finding {
            allowed,
            limit: count,
            remaining: u32::try_from(full.saturating_sub(after) / each).unwrap_or(u32::MAX),
            reset_us: us(after.saturating_add(behind)),
            retry_us: (!allowed && cost <= count).then(|| us(wanted - full + behind)),
            delay_us: 0,
        }
    }

    /// A queue in which nobody waits longer than `max_delay_us`.
    pub fn queue(&mut self, count: u32, window_us: u64, max_delay_us: u64, now_us: u64, cost: u32) -> Finding {
        let ((now, behind), each) = (self.pass(now_us), each_ns(count, window_us));
        let (delay, most) = (self.empty_ns.saturating_sub(now), max_delay_us.saturating_mul(NS));
        let allowed = delay <= most;
        let after = if allowed {
            delay.saturating_add(each.saturating_mul(u64::from(cost)))
        } else {
            delay
        };
        let room = if after > most { 0 } else { (most - after) / each + 1 };
        Finding {
            allowed,
            limit: count,
            remaining: u32::try_from(room).unwrap_or(u32::MAX),
            reset_us: us(after.saturating_add(behind)),
            retry_us: (!allowed).then(|| us(delay - most + behind)),
            delay_us: if allowed { us(delay) } else { 0 },
        }
    }

    pub fn take(&mut self, count: u32, window_us: u64, now_us: u64, cost: u32) {
        let begin = self.empty_ns.max(self.pass(now_us).0);
        self.empty_ns = begin.saturating_add(each_ns(count, window_us).saturating_mul(u64::from(cost)));
    }

    pub fn give_back(&mut self, count: u32, window_us: u64, cost: u32) {
        let given = each_ns(count, window_us).saturating_mul(u64::from(cost));
        self.empty_ns = self.empty_ns.saturating_sub(given);
    }

    pub fn is_fresh(self, now_us: u64) -> bool {
        self.empty_ns.max(self.latest_ns) <= now_us.saturating_mul(NS)
    }

    /// The latest moment known, and how far behind it the clock is.
    fn pass(&mut self, now_us: u64) -> (u64, u64) {
        let now = now_us.saturating_mul(NS);
        self.latest_ns = self.latest_ns.max(now);
        (self.latest_ns, self.latest_ns - now)
    }
}
