//! What a seed stands for: a room, its edges, its visitors and what goes wrong when. Made before anything runs.

use std::time::Duration;

use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;

use crate::rng::Rng;

pub const SECOND: u64 = 1_000_000;
/// Faults and arrivals end here; what is left drains.
pub const ENDS: u64 = 500 * SECOND;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The store does not answer anybody.
    Outage,
    /// It answers late; some calls run out of time.
    Slow,
    /// It forgets everything.
    Wipe,
    /// A copy from `lag_us` ago takes over, its clock off by `step_us`.
    Failover {
        lag_us: u64,
        step_us: i64,
    },
    StoreClock {
        step_us: i64,
    },
    EdgeClock {
        edge: usize,
        step_us: i64,
    },
    /// The process dies; back after the fault's length. `keeps`: with the memory it last wrote down.
    Crash {
        edge: usize,
        keeps: bool,
    },
    Partition {
        edge: usize,
    },
    /// Three of ten answers do not arrive.
    LostAnswers,
    /// Calls arrive twice.
    Twice,
    Capacity {
        to: u64,
    },
    Pace {
        per_minute: u64,
    },
    Pause,
}

#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub at: u64,
    pub lasts: u64,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub struct VisitorPlan {
    pub arrives: u64,
    pub edge: usize,
    /// Of a hundred requests, so many go to another edge.
    pub wanders: u64,
    pub tabs: usize,
    pub abandons: Option<u64>,
    /// Polls nothing from the first moment to the second.
    pub sleeps: Option<(u64, u64)>,
    pub stays: u64,
    pub browses: u64,
    pub leaves: Leaves,
    /// Tries the old ticket again after leaving.
    pub reuses: bool,
    /// Of a hundred answers, so many never arrive.
    pub loses: u64,
}

impl VisitorPlan {
    /// Polls as told for as long as it takes.
    pub fn diligent(&self) -> bool {
        self.abandons.is_none() && self.sleeps.is_none() && self.loses == 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaves {
    Released,
    Revoked,
    Silently,
}

pub struct Plan {
    pub seed: u64,
    pub policy: RoomPolicy,
    pub edges: usize,
    /// How far the edges' wall clocks are off.
    pub wall_errors_us: Vec<i64>,
    pub faults: Vec<Fault>,
    pub visitors: Vec<VisitorPlan>,
    pub loss_ppm: u64,
}

impl Plan {
    pub fn new(seed: u64) -> Plan {
        let mut rng = Rng::new(seed);
        let edges = rng.range(3, 5) as usize;
        let policy = policy(&mut rng);
        let faults = faults(&mut rng, edges, policy.capacity, seed.is_multiple_of(2));
        Plan {
            seed,
            edges,
            wall_errors_us: (0..edges).map(|_| rng.signed(2 * SECOND)).collect(),
            faults,
            visitors: visitors(&mut rng, edges, &policy),
            loss_ppm: rng.pick(&[0, 0, 0, 2_000]),
            policy,
        }
    }
}

fn policy(rng: &mut Rng) -> RoomPolicy {
    let claim_s = rng.range(10, 20);
    RoomPolicy {
        name: RoomName::new("sale").unwrap(),
        mode: Mode::Fifo,
        capacity: if rng.percent(80) {
            rng.range(3, 16)
        } else {
            rng.range(20, 60)
        },
        rate: Rate::per_minute(rng.pick(&[20, 40, 60, 120, 300, 600])).unwrap(),
        session_ttl: Duration::from_secs(rng.range(30, 90)),
        claim_window: Duration::from_secs(claim_s),
        return_grace: Duration::from_secs(rng.range(2 * claim_s + 20, 120)),
        near_poll: Duration::from_secs(rng.range(2, 4)),
        max_poll: Duration::from_secs(rng.range(15, 30)),
        max_waiting: 10_000,
        opens_at: None,
    }
}

/// Apart: one at a time, with time to recover in between. Otherwise at any time, over each other.
fn faults(rng: &mut Rng, edges: usize, capacity: u64, apart: bool) -> Vec<Fault> {
    let count = if apart { 10 } else { rng.range(10, 17) };
    let at = |rng: &mut Rng, i: u64| match apart {
        true => (25 + i * 45) * SECOND + rng.range(0, 12 * SECOND),
        false => rng.range(20 * SECOND, 470 * SECOND),
    };
    (0..count)
        .map(|i| Fault {
            at: at(rng, i),
            lasts: rng.range(SECOND, 14 * SECOND),
            kind: kind(rng, edges, capacity),
        })
        .collect()
}

fn kind(rng: &mut Rng, edges: usize, capacity: u64) -> Kind {
    let edge = rng.range(0, edges as u64) as usize;
    match rng.range(0, 16) {
        0 | 1 => Kind::Outage,
        2 => Kind::Slow,
        3..=5 => Kind::Wipe,
        6 | 7 => Kind::Failover {
            lag_us: rng.range(SECOND / 10, 3 * SECOND),
            step_us: rng.signed(3 * SECOND),
        },
        8 => Kind::StoreClock {
            step_us: rng.signed(3 * SECOND),
        },
        9 => Kind::EdgeClock {
            edge,
            step_us: rng.signed(5 * SECOND),
        },
        10 => Kind::Crash {
            edge,
            keeps: rng.percent(50),
        },
        11 => Kind::Partition { edge },
        12 => Kind::LostAnswers,
        13 => Kind::Twice,
        14 => rng.pick(&[
            Kind::Capacity {
                to: (capacity / 2).max(1),
            },
            Kind::Capacity { to: capacity * 2 },
            Kind::Pace { per_minute: 30 },
            Kind::Pace { per_minute: 240 },
        ]),
        _ => Kind::Pause,
    }
}

fn visitors(rng: &mut Rng, edges: usize, policy: &RoomPolicy) -> Vec<VisitorPlan> {
    let crowd = rng.range(60, 220);
    let leavers = rng.pick(&[5, 20, 50]);
    let opening = rng.range(5 * SECOND, 30 * SECOND);
    // A room turns over at most so many visitors in the time there is.
    let longest_stay = (policy.capacity * 400 / crowd).clamp(4, 40);
    (0..crowd)
        .map(|i| {
            let arrives = match i % 3 {
                0 => opening + rng.range(0, 5 * SECOND),
                // Every now and then a few at once.
                1 => 15 * SECOND * rng.range(1, 29) + rng.range(0, 2 * SECOND),
                _ => rng.range(2 * SECOND, ENDS - 60 * SECOND),
            };
            let troubled = rng.percent(leavers);
            VisitorPlan {
                arrives,
                edge: rng.range(0, edges as u64) as usize,
                wanders: rng.pick(&[0, 0, 10, 50]),
                tabs: if rng.percent(10) { 2 } else { 1 },
                abandons: (troubled && rng.percent(70)).then(|| arrives + rng.range(0, 90 * SECOND)),
                sleeps: (troubled && rng.percent(50)).then(|| {
                    let from = arrives + rng.range(0, 60 * SECOND);
                    (from, from + rng.range(5 * SECOND, 150 * SECOND))
                }),
                stays: rng.range(2 * SECOND, longest_stay * SECOND + 3 * SECOND),
                browses: rng.range(SECOND, 15 * SECOND),
                leaves: rng.pick(&[
                    Leaves::Released,
                    Leaves::Released,
                    Leaves::Released,
                    Leaves::Revoked,
                    Leaves::Silently,
                ]),
                reuses: rng.percent(25),
                loses: rng.pick(&[0, 0, 0, 0, 5]),
            }
        })
        .collect()
}
