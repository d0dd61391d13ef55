//! Every number the room's rules rest on, by name, in microseconds or visitors. The Redis scripts are
//! handed the same values. Knows policies and rates; knows nothing of a room's contents.

use std::time::Duration;

use crate::policy::RoomPolicy;
use crate::rate::Rate;

/// A tick works when the last working tick lies at least this far back.
pub const TICK_WORK_US: u64 = 900_000;
/// Service time runs at most this far beyond the last working tick.
pub const SERVICE_RUN_US: u64 = 3_000_000;
/// How long a stamp rests before it may be granted, so that older ones can still come in.
pub const SETTLE_US: u64 = 2_000_000;
/// How long nobody enters past a line after it was last seen. An edge may believe in it for a tick and a tick's age
/// longer (2.2 s), and whoever gets a ticket there by then is indexed 1.3 s later.
pub const LINE_US: u64 = 4_000_000;
/// The pace may save up what it earns in this time, and one visitor more.
pub const BATCH_US: u64 = 2_000_000;
/// Most members that one tick moves from one part of the index to another.
pub const MAX_SWEEP: u64 = 10_000;
/// Most places remembered as used up; beyond it the grace frontier rises early.
pub const MAX_SPENT: u64 = 1_000_000;
/// Most places beyond the frontier remembered as used up: given back before their turn. The farthest go first.
pub const MAX_SPENT_AHEAD: u64 = 65_536;
/// A place beyond the frontier that is older than this is not remembered as used up: browsers keep no ticket longer.
pub const SPENT_AHEAD_US: u64 = 24 * 3_600_000_000;
/// Most ended ids remembered. A snapshot carries the newest [`crate::store::MAX_ENDED`] of them.
pub const MAX_ENDED_KEPT: u64 = 65_536;
/// Most barred ids remembered; the oldest go first.
pub const MAX_REVOKED: u64 = 10_000;
/// Ended and barred ids are remembered for a session's life and this.
pub const ENDED_EXTRA_US: u64 = 60_000_000;
/// A session entered at once lasts this long, or `session_ttl` if that is shorter, until its visitor shows what they got.
pub const UNPROVEN_US: u64 = 60_000_000;
/// An answer to a challenge is remembered this long: a little longer than one is good for.
pub const PAID_US: u64 = 330_000_000;
/// Most answers remembered; the oldest go first.
pub const MAX_PAID: u64 = 200_000;
/// An unknown session this long past its end, as its edge knows it, is not put back.
pub const READOPT_LEEWAY_US: u64 = 30_000_000;
/// A grace is measured in this many steps.
pub const GRACE_STEPS: u64 = 16;
/// Most marks kept to measure it.
pub const MAX_MARKS: usize = 32;
/// The horizon lies at least this many places beyond the frontier.
pub const HORIZON_BASE: u64 = 64;
/// Fewest visitors that should be present while the line is longer than the horizon.
pub const HORIZON_NEED: u64 = 8;
/// This many times the needed visitors present: the horizon may draw nearer.
pub const HORIZON_PLENTY: u64 = 3;
/// The farthest the horizon reaches, in multiples of its base.
pub const MAX_HORIZON_FACTOR: u64 = 1 << 20;
/// The sketch has a point at each of the first ranks up to this one.
pub const SKETCH_DENSE: u64 = 16;
/// The gentlest growth of the sketch's ranks: one part in this many.
pub const SKETCH_GENTLEST: u64 = 16;

const PRESENCE_POLLS: u32 = 3;
const PRESENCE_FLOOR: Duration = Duration::from_secs(10);
const FREEZE_POLLS: u32 = 2;
const FREEZE_FLOOR: Duration = Duration::from_secs(6);
const FREEZE_CEILING: Duration = Duration::from_secs(12);

/// How long after a poll near the head its visitor counts as present.
#[must_use]
pub fn presence_window(policy: &RoomPolicy) -> Duration {
    policy.near_poll.saturating_mul(PRESENCE_POLLS).max(PRESENCE_FLOOR)
}

/// How long a room that lost data grants nothing, so that whoever is next can poll first.
#[must_use]
pub fn recovery_freeze(policy: &RoomPolicy) -> Duration {
    policy
        .near_poll
        .saturating_mul(FREEZE_POLLS)
        .clamp(FREEZE_FLOOR, FREEZE_CEILING)
}

/// How long a session that was entered at once is kept for somebody who may never come back.
#[must_use]
pub fn unproven_life(policy: &RoomPolicy) -> Duration {
    policy.session_ttl.min(Duration::from_micros(UNPROVEN_US))
}

/// How long ended and barred ids are remembered.
#[must_use]
pub fn ended_kept(policy: &RoomPolicy) -> Duration {
    policy.session_ttl.saturating_add(Duration::from_micros(ENDED_EXTRA_US))
}

/// Most credit, in units of which one visitor costs `period_us`: one visitor and what two seconds earn.
#[must_use]
pub fn credit_cap(rate: Rate) -> u64 {
    rate.period_us() + BATCH_US * rate.count()
}

/// Whole visitors that the rate admits in a span.
#[must_use]
pub fn visitors_in(rate: Rate, span: Duration) -> u64 {
    rate.count().saturating_mul(micros(span)) / rate.period_us()
}

/// How many should be present: what a presence window admits.
#[must_use]
pub fn horizon_need(policy: &RoomPolicy, rate: Rate) -> u64 {
    visitors_in(rate, presence_window(policy)).max(HORIZON_NEED)
}

/// The horizon's rank at factor one: twice what a presence window admits, and some.
#[must_use]
pub fn horizon_base(policy: &RoomPolicy, rate: Rate) -> u64 {
    HORIZON_BASE + visitors_in(rate, presence_window(policy).saturating_mul(2))
}

#[must_use]
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
