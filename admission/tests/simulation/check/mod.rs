//! What must hold, by name, after every event. The checker keeps its own account of every ticket and session, made only
//! from what was asked and answered; it believes no part of the product.
//!
//! | | exactly what is checked |
//! |---|---|
//! | I1 | nobody reported present (less than the presence window ago, settled) is older than the youngest just granted; nobody is granted who was not reported |
//! | I2 | store: no slot given where `active + admitted + ghosts` exceeds the capacity, under any faults. Truth: sessions in visitors' hands + grants ≤ capacity whenever one is added, strict under any single fault; not judged where another fault began in the 2 s before a loss of data or the second after it, or data was lost twice within a session's life; after a fail-over + what the pace admits in lag + 1.1 s |
//! | I3 | a bucket that leaks at the rate never holds more than one batch; a store clock that jumps earns one more, once |
//! | I4 | one place has one session: the same `claimed_at` however often it is asked, unless data was lost, or they entered at once and did not come back before it ran out; every slot belongs to a ticket |
//! | I5 | a place whose session ended is not claimed again, unless data was lost since; a pass whose session ended stops working within 3 s |
//! | I6 | a place is lost only when `return_grace` has passed since the frontier passed it |
//! | I7 | nobody who does as told is overtaken at a grant or an entry by somebody who arrived more than 0.15 s later, 30 s after the last fault and later; no grant before a stamp has settled on the clock that edges stamp by |
//! | I8 | a new stamp is above every frontier its edge saw, and above every stamp made 0.3 s earlier (10 s within 30 s of a fault) |
//! | I9 | an edge's epoch and frontier never fall; a tick never answers less than it was told |
//! | I10 | with slots free and somebody waiting as told, a grant comes within claim window + freeze + polls, calm times |
//! | I11 | no slot outlives its session by a minute; an end is final through a wipe, if the edge that told of it has not crashed since (20 s after the last fault and later); no ghost outlives a session's life; at the end nothing is left |
//! | F12 | a grant lapses only after a claim window in which ticks worked |
//! | I13 | the index holds tickets whose owner came a second time, and nothing else |
//! | I14 | a place is put into the index at most twice per edge and epoch |
//! | I15 | the shown position never rises, and is at most the number of older places not let in, but for the sketch's gap; the first one told is behind everybody who does as told and waits since 0.15 s before them, calm times |
//! | I20 | the operator's settings never fall back |

mod grants;
mod places;
mod truth;

use std::collections::HashMap;
use std::fmt;

use stanchion_admission::ids::{Epoch, Place, Stamp, VisitorId};
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::rate::Rate;
use stanchion_admission::room::Census;

use self::truth::Ticket;
use crate::edge::SimEdge;
use crate::plan::{Kind, Plan, SECOND};
use crate::store::{Answer, Call, SimStore};
use crate::world::{Event, Sent};

/// The first thing that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    pub invariant: &'static str,
    pub at: u64,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at as f64 / SECOND as f64;
        write!(f, "{} at {seconds:.3} s: {}", self.invariant, self.what)
    }
}

pub struct Checker {
    pub violation: Option<Violation>,
    pub hash: u64,
    pub admissions: u64,
    policy: RoomPolicy,
    edges: u64,
    at: u64,
    tickets: Vec<Ticket>,
    by_id: HashMap<VisitorId, usize>,
    /// By moment of birth, with the highest stamp so far.
    births: Vec<(u64, Stamp)>,
    /// (moment, highest frontier until then).
    frontiers: Vec<(u64, Stamp)>,
    /// Those whose session the store confirmed, by number.
    inside: Vec<usize>,
    diligent: Vec<bool>,
    active_faults: usize,
    last_trouble: u64,
    last_failure: u64,
    faults: Vec<(u64, Kind)>,
    losses: Vec<(u64, Kind)>,
    /// The sum of times between ticks, 3 s at most each: the service time as it should be.
    service: u64,
    last_tick: u64,
    bucket: f64,
    bucket_at: u64,
    rate: Rate,
    truth_used: u64,
    stalled_since: u64,
}

impl Checker {
    pub fn new(plan: &Plan) -> Checker {
        Checker {
            violation: None,
            hash: 0xcbf2_9ce4_8422_2325,
            admissions: 0,
            policy: plan.policy.clone(),
            edges: plan.edges as u64,
            at: 0,
            tickets: Vec::new(),
            by_id: HashMap::new(),
            births: Vec::new(),
            frontiers: Vec::new(),
            inside: Vec::new(),
            diligent: plan.visitors.iter().map(|visitor| visitor.diligent()).collect(),
            active_faults: 0,
            last_trouble: 0,
            last_failure: 0,
            faults: Vec::new(),
            losses: Vec::new(),
            service: 0,
            last_tick: 0,
            bucket: 0.0,
            bucket_at: 0,
            rate: plan.policy.rate,
            truth_used: 0,
            stalled_since: 0,
        }
    }

    pub fn fail(&mut self, invariant: &'static str, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(Violation {
                invariant,
                at: self.at,
                what: what(),
            });
        }
    }

    pub fn trace(&mut self, at: u64, event: &Event) {
        self.at = at;
        let (kind, detail) = match event {
            Event::Loop { edge, .. } => (1, *edge as u64),
            Event::AtStore(sent) => (2, sent.edge as u64),
            Event::Back(sent, answer) => (3 + u64::from(answer.is_some()), digest(sent, answer.as_ref())),
            Event::Act { visitor, .. } => (5, *visitor as u64),
            Event::Replicate(i) | Event::Begin(i) | Event::Over(i) => (6, *i as u64),
            Event::Gone => (7, 0),
        };
        for word in [at, kind, detail] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    // Calm.

    /// How long no fault has been at work.
    fn calm(&self) -> u64 {
        match self.active_faults {
            0 => self.at - self.last_trouble.max(self.last_failure),
            _ => 0,
        }
    }

    pub fn call_failed(&mut self, at: u64) {
        self.last_failure = at;
    }

    pub fn fault_begins(&mut self, at: u64, kind: Kind) {
        self.active_faults += 1;
        self.last_trouble = at;
        self.faults.push((at, kind));
        self.at = at;
        if let Kind::StoreClock { step_us } | Kind::Failover { step_us, .. } = kind {
            self.clock_jumps();
            // To the store those who polled last did so that much longer ago.
            let ahead = u64::try_from(step_us).unwrap_or(0);
            for ticket in &mut self.tickets {
                ticket.reported = ticket.reported.map(|reported| reported.saturating_sub(ahead));
            }
        }
        if matches!(kind, Kind::Wipe | Kind::Failover { .. }) {
            self.losses.push((at, kind));
        }
    }

    pub fn fault_over(&mut self, at: u64, kind: Kind) {
        self.active_faults -= 1;
        self.last_trouble = at;
        self.faults.push((at, kind));
    }

    fn lost_since(&self, at: u64) -> bool {
        self.losses.last().is_some_and(|(loss, _)| *loss >= at)
    }

    // Around each call at the store.

    pub fn before(&self, call: &Call, store: &SimStore) -> Census {
        match call {
            Call::Tick { .. } => store.room.census(),
            _ => Census::default(),
        }
    }

    pub fn executed(&mut self, at: u64, sent: &Sent, answer: &Answer, store: &SimStore, before: Census) {
        self.at = at;
        let now = store.time(at);
        self.pace_is(store.room_rate());
        match (&*sent.call, answer) {
            (Call::Enter(place), Answer::Enter(answer)) => self.entered(*place, *answer, now),
            (Call::Claim(place), Answer::Claim(answer)) => self.claimed(*place, *answer, now),
            (Call::Present(places), _) => places.iter().for_each(|place| self.reported(*place)),
            (Call::Join(places), _) => places.iter().for_each(|place| self.joined(*place, store)),
            (Call::Touch(sessions), Answer::Ended(ended)) => self.touched(sessions, ended, now),
            (Call::End(place, _), _) => self.ended(*place, sent.edge),
            (Call::Tick { memory, .. }, Answer::Snapshot(snapshot)) => self.ticked(memory, snapshot, store, before),
            _ => {}
        }
        self.capacity_in_truth(store, now);
    }

    pub fn edge_moves_forward(&mut self, i: usize, edge: &mut SimEdge) {
        let (memory, view) = (edge.core.memory(), edge.core.view());
        let now: (Epoch, u64) = (memory.epoch, view.frontier.0);
        if now.0 < edge.seen.0 || now.1 < edge.seen.1 {
            let before = edge.seen;
            self.fail("I9", || format!("edge {i} went from {before:?} to {now:?}"));
        }
        edge.seen = now;
    }

    fn ticket(&mut self, place: Place) -> Option<&mut Ticket> {
        let i = *self.by_id.get(&place.visitor)?;
        self.tickets.get_mut(i)
    }

    pub fn at_the_end(&mut self, at: u64, store: &SimStore) {
        self.at = at;
        let (active, admitted, ghosts) = store.room.slots();
        if active + admitted + ghosts > 0 {
            self.fail("I11", || {
                format!("everybody has gone: {active} active, {admitted} admitted, {ghosts} ghosts")
            });
        }
        if let Err(wrong) = store.room.audit() {
            self.fail("audit", || wrong.to_owned());
        }
    }
}

fn digest(sent: &Sent, answer: Option<&Answer>) -> u64 {
    let detail = match answer {
        Some(Answer::Snapshot(snapshot)) => snapshot.frontier.0 ^ snapshot.waiting << 40 ^ snapshot.active << 50,
        Some(Answer::Claim(claim)) => 1 + matches!(claim, stanchion_admission::store::Claim::Inside(_)) as u64,
        _ => 0,
    };
    detail ^ (sent.edge as u64) << 60
}
